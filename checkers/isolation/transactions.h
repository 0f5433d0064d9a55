#pragma once
// A history of transactions as flat arrays, built while it is read: 28 bytes a transaction, 16 a micro-operation. A
// list that was read is kept as its length alone when it is a prefix of the longest list read of that key, which in a
// healthy history all are.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "checkers/verdict.h"
#include "history/history.h"
#include "history/value.h"

namespace shaketable::isolation {

inline constexpr std::uint32_t kNone = UINT32_MAX;

// Values as numbers: an integer is itself, anything else is interned.
using Code = std::int64_t;
inline constexpr Code kFirstInterned = Code{1} << 62;
inline constexpr Code kNil = kFirstInterned;

// Dense ids for values, in order of first sight.
class Interner {
 public:
  std::uint32_t id(const Value& value);
  const Value& value(std::uint32_t id) const { return values_[id]; }
  std::uint32_t size() const { return static_cast<std::uint32_t>(values_.size()); }

 private:
  std::uint32_t add(const Value& value);

  std::vector<Value> values_;
  std::vector<std::uint32_t> small_;  // of small integers: no hashing
  std::unordered_map<Value, std::uint32_t, ValueHash> others_;
};

class Codes {
 public:
  Codes() { interned_.id(Value()); }
  Code code(const Value& value) {
    if (value.is_integer() && value.integer() < kFirstInterned && value.integer() > -kFirstInterned)
      return value.integer();
    return kFirstInterned + interned_.id(value);
  }
  Value value(Code code) const {
    return code >= kFirstInterned ? interned_.value(static_cast<std::uint32_t>(code - kFirstInterned)) : Value(code);
  }

 private:
  Interner interned_;
};

struct Mop {
  Code value = 0;            // written or appended; a register's read; of a list read its branch (Transactions::lists)
  std::uint32_t length = 0;  // of a list read
  std::uint32_t key : 31 = 0;
  std::uint32_t write : 1 = 0;
};
static_assert(sizeof(Mop) == 16);

// Events are numbered from 1 in the order of the history; 0 as an invocation means that none was recorded.
struct Txn {
  std::uint32_t begin = 0, end = 0;  // its micro-operations
  std::uint32_t invoke = 0;
  std::uint32_t complete = kNone;  // kNone unless it is ok
  std::uint32_t event = 0;         // by which people find it: its completion, else its invocation
  std::uint32_t process = 0;       // dense
  OpType type = OpType::info;      // ok, fail or info
};

enum class Workload : std::uint8_t { list_append, rw_register };

class Transactions {
 public:
  // Past `memory_bytes` nothing is kept any more, and full() says so.
  explicit Transactions(Workload workload, std::uint64_t memory_bytes = UINT64_MAX)
      : workload_(workload), memory_bytes_(memory_bytes) {}

  Result<void> take(const Operation& operation);
  bool full() const { return full_; }
  std::uint32_t events() const { return events_; }
  // What never completed is info. Call once, before anything below.
  void end();

  std::uint32_t size() const { return static_cast<std::uint32_t>(txns_.size()); }
  const Txn& operator[](std::uint32_t txn) const { return txns_[txn]; }
  std::span<const Txn> all() const { return txns_; }
  std::span<const Mop> mops(const Txn& txn) const { return std::span(mops_).subspan(txn.begin, txn.end - txn.begin); }
  std::span<const Mop> mops() const { return mops_; }
  std::uint32_t keys() const { return keys_.size(); }
  std::uint32_t processes() const { return static_cast<std::uint32_t>(open_.size()); }
  const Value& key(std::uint32_t key) const { return keys_.value(key); }
  std::int64_t process(std::uint32_t process) const { return processes_.value(process).integer(); }
  Value value(Code code) const { return codes_.value(code); }
  std::uint64_t bytes() const;  // an estimate of the memory held

  // Lists of a key. Branch 0 is the longest list that was read (after end()); others contradict it.
  std::span<const Code> longest(std::uint32_t key) const { return longest_[key]; }
  std::span<const Code> list(const Mop& read) const {
    return read.value == 0
               ? std::span<const Code>(longest_[read.key]).first(read.length)
               : std::span<const Code>(others_[static_cast<std::size_t>(read.value - 1)].items).first(read.length);
  }

  // Each transaction of a process after the ok one before it: (from, to).
  std::vector<std::pair<std::uint32_t, std::uint32_t>> process_order() const;

  // For people.
  std::string mop_text(const Mop& mop) const;
  std::string text(std::uint32_t txn) const;  // "[[append x 1] [r y [1 2]]]"
  Value mop_value(const Mop& mop) const;
  Value details(std::uint32_t txn) const;  // {"op": index, "process": p, "type": "ok", "value": [...]}

  const std::vector<std::string>& notes() const { return notes_; }

 private:
  struct Open {
    std::uint32_t txn = kNone;
    Value value;
  };
  struct Other {
    std::uint32_t key;
    std::vector<Code> items;
  };

  Result<void> complete(const Operation& operation, std::uint32_t process);
  Open close(std::uint32_t process, const Operation& operation);
  void choose_longest();
  void give_up_keeping();
  Result<void> add_mops(Txn& txn, const Value& value, bool reads);
  Mop list_read(std::uint32_t key, const Value& list);
  Failure malformed(std::uint32_t event, const std::string& what) const;

  Workload workload_;
  std::uint64_t memory_bytes_, list_bytes_ = 0;
  bool full_ = false;
  std::uint32_t events_ = 0;
  std::vector<Txn> txns_;
  std::vector<Mop> mops_;
  Interner keys_, processes_;
  Codes codes_;
  std::vector<std::vector<Code>> longest_;  // by key
  std::vector<Other> others_;
  std::vector<Open> open_;                                          // by process
  std::unordered_map<std::uint32_t, std::vector<Open>> also_open_;  // of processes that invoked twice
  std::vector<Code> scratch_;
  std::uint64_t without_invocation_ = 0, overlapping_ = 0, foreign_ = 0;
  std::vector<std::string> notes_;
};

}  // namespace shaketable::isolation

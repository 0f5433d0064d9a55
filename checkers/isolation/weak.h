#pragma once
// The judge of weak levels (weak.cpp), and of several together (levels.cpp). Internal to checkers/isolation/.

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "checkers/isolation/cycles.h"
#include "checkers/isolation/isolation.h"
#include "checkers/isolation/judge.h"
#include "checkers/isolation/writes.h"

namespace shaketable::isolation {

struct Read {
  std::uint32_t key, from;  // the transaction that wrote what was read, or that of the initial state
};

struct Writer {
  std::uint32_t session, index, txn;
};

class Weak {
 public:
  Weak(const Transactions& txns, const IsolationOptions& options, const Budget& budget)
      : txns_(txns),
        options_(options),
        budget_(budget),
        findings_(options.examples_max),
        writes_(txns),
        initial_(txns.size()),
        nodes_(txns.size() + 1) {}

  Verdict check(WeakLevel level);

 private:
  struct Inferred {
    std::uint32_t from, to, reader, key;
  };

  void find_reads();
  void find_sessions();
  std::span<const Read> reads(std::uint32_t txn) const {
    return std::span(reads_).subspan(read_rows_[txn], read_rows_[txn + 1] - read_rows_[txn]);
  }
  std::span<const std::uint32_t> written(std::uint32_t txn) const {
    return std::span(written_).subspan(written_rows_[txn], written_rows_[txn + 1] - written_rows_[txn]);
  }
  bool writes(std::uint32_t txn, std::uint32_t key) const {
    const auto keys = written(txn);
    return std::binary_search(keys.begin(), keys.end(), key);
  }
  std::span<const Writer> writers(std::uint32_t key) const {
    return std::span(writers_).subspan(writer_rows_[key], writer_rows_[key + 1] - writer_rows_[key]);
  }

  void add(std::uint32_t from, std::uint32_t to, std::uint8_t kind) {
    if (from != to) edges_.push_back({from, to, kind});
  }
  // `from`, which `reader` must see, wrote the key that `reader` read of `to`.
  void infer(std::uint32_t from, std::uint32_t to, std::uint32_t reader, std::uint32_t key) {
    if (from == to || from == reader) return;
    if (!inferred_set_.insert((static_cast<std::uint64_t>(from) << 32) | to).second) return;
    add(from, to, kWw);
    inferred_.push_back({from, to, reader, key});
    if (to == initial_) add(initial_, from, kWw);  // it comes before everything
  }
  void add_sessions();
  void add_reads();
  template <class Joins, class Leaves>
  void add_hubs(const Joins& joins, const Leaves& leaves);

  void read_committed();
  void read_atomic();
  void causal();
  void monotonic_reads();
  void monotonic_writes();
  void read_your_writes();
  void writes_follow_reads();
  void pram();
  void sequential();
  struct Relevant;
  Relevant relevant_to(std::span<const std::uint32_t> readers) const;
  bool saturate(std::span<const std::uint32_t> readers, std::size_t sessions, const std::string& name);
  void after(std::uint32_t reader, std::uint32_t writer, std::uint32_t key);
  bool clocks_fit(const Relevant& of) const;
  bool clocks(const Graph& graph, const Relevant& of, std::vector<std::uint32_t>& clock) const;

  bool find_cycle(const std::string& name);
  const char* step_type(const Step& step) const;
  std::string step_text(const Step& step, const std::map<std::uint32_t, std::string>& names) const;
  std::string op_text(std::uint32_t txn) const {
    return "operation " + std::to_string(txns_[txn].event - 1) + " " + txns_.text(txn);
  }
  std::string key_text(std::uint32_t key) const { return short_text(txns_.key(key)); }
  void find_bad(const char* name, std::uint32_t txn, const Mop& mop, const std::string& text) {
    if (findings_.count(name))
      findings_.add_example(
          name, op_text(txn) + " read " + key_text(mop.key) + " = " + short_text(txns_.value(mop.value)) + text,
          Value::map({{"op", Value(static_cast<std::int64_t>(txns_[txn].event) - 1)},
                      {"key", txns_.key(mop.key)},
                      {"mop", txns_.mop_value(mop)}}));
  }

  const Transactions& txns_;
  const IsolationOptions& options_;
  const Budget& budget_;
  Findings findings_;
  WriteIndex writes_;
  const std::uint32_t initial_;  // the node of the initial state
  std::uint32_t nodes_;          // transactions, the initial state, then hubs
  std::vector<bool> happened_;   // ok, or unknown but read from
  std::vector<Read> reads_;      // from outside, in program order
  std::vector<std::uint32_t> read_rows_, written_, written_rows_;
  std::vector<std::vector<std::uint32_t>> sessions_;
  std::vector<std::uint32_t> session_, index_;
  std::vector<Writer> writers_;  // by key, then session, then index
  std::vector<std::uint32_t> writer_rows_;
  std::vector<Edge> edges_;
  std::vector<Inferred> inferred_;
  std::unordered_set<std::uint64_t> inferred_set_;
};

// Whether `strong` implies `weak` among the weak levels.
bool implies(WeakLevel strong, WeakLevel weak);

// The weak levels that rw-register is asked for by these names of models, and the names that remain for the lattice.
struct AskedLevels {
  std::vector<WeakLevel> levels;
  std::vector<std::string> models;
};
AskedLevels asked_levels(const std::vector<std::string>& models);

// All levels on one history.
Verdict check_levels(const std::vector<WeakLevel>& levels, const Transactions& txns, const IsolationOptions& options,
                     const Budget& budget);
// Two answers about one history, as one: that of `into`'s checker.
void merge(Verdict& into, Verdict more);

}  // namespace shaketable::isolation

#pragma once
// One object's history, ready to be searched: what all algorithms share.

#include <cstdint>
#include <vector>

#include "checkers/linearizability/interner.h"
#include "history/value.h"

namespace shaketable::linearizability {

// What an operation does, with its result: the unit that a model steps by. Two operations with equal calls are
// interchangeable. The meaning of f, a and b is the model's.
struct Call {
  Id a = -1;
  Id b = -1;
  std::uint8_t f = 0;
  friend bool operator==(const Call&, const Call&) = default;
};

inline constexpr std::uint32_t kNever = UINT32_MAX;

struct Op {
  std::int64_t process = 0;
  std::int64_t invoke_ns = -1, complete_ns = -1;
  std::uint32_t invoke = 0;         // index of the event in the whole history
  std::uint32_t complete = kNever;  // likewise; kNever: crashed, may take effect at any later time or never
  Call call;
  bool dropped = false;  // did not happen, or says nothing

  bool crashed() const { return complete == kNever; }
};

// An event of one object: an invocation, or the completion `ok` of an operation. Only operations that count have
// events.
struct Event {
  std::uint32_t op : 31;
  std::uint32_t completion : 1;
};

using State = std::vector<std::int32_t>;

struct Problem {
  Value key;  // nil when the history is not keyed
  bool keyed = false;
  std::vector<Op> ops;
  std::vector<Event> events;
  State initial;
  std::vector<Id> values;  // when not empty, calls and states hold indices into it in place of the Interner's ids

  Id global(Id id) const { return values.empty() || id < 0 ? id : values[static_cast<std::size_t>(id)]; }
};

}  // namespace shaketable::linearizability

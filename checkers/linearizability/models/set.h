#pragma once
// The calls of a set, and sets that only grow, in O(n log n) and the size of what was read.

#include <cstdint>
#include <optional>

#include "checkers/linearizability/interner.h"
#include "checkers/linearizability/problem.h"

namespace shaketable::linearizability {

// a: the value, or for a read the id of the set of ids that was read, -1 for what no set can hold. b: what was
// answered, 0 or 1; -1: nothing that says anything.
struct SetCall {
  static constexpr std::uint8_t kAdd = 0;
  static constexpr std::uint8_t kRemove = 1;
  static constexpr std::uint8_t kContains = 2;
  static constexpr std::uint8_t kRead = 3;
};

// For adds without answers and reads; nothing for other histories.
//
// What is read grows, so reads are linearized in the order of their sizes, and between two of them the adds of what the
// second has and the first lacks. Within such a stage adds commute, and so do reads of the same. It is enough to give
// each operation the earliest moment that its invocation and the stage before leave it, and to see whether it has
// completed by then; an earlier end of one stage is never worse for the next. Of several adds of one value, all must be
// in its stage or later, and one of them in its stage: the one invoked first.
std::optional<bool> growing_set_linearizable(const Problem& problem, std::size_t end, const Interner& values);

}  // namespace shaketable::linearizability

#pragma once
// The calls of a counter, and counters that always go on by the same number, in O(n log n).

#include <cstddef>
#include <cstdint>
#include <optional>

#include "checkers/linearizability/interner.h"
#include "checkers/linearizability/problem.h"

namespace shaketable::linearizability {

// a: the id of the number.
struct CounterCall {
  static constexpr std::uint8_t kAdd = 0;
  static constexpr std::uint8_t kRead = 1;
};

// The first `end` events. Nothing when two adds differ (adding 0 does nothing and does not count).
//
// A read tells how many adds came before it, so reads fall into stages by what they read, and between two stages there
// is a known number of adds. An order of operations is a linearization iff none was invoked after the completion of a
// later one. So an add may come before the reads of a stage and those of all later ones if it was invoked before their
// first completion, and after the reads of all earlier ones if it completed after their last invocation: its choice is
// a row of stages, without a gap. Two adds in different stages that are in each other's way can change places.
// Assigning them is then a matter of giving each stage its number from those that may be there, the most urgent first.
std::optional<bool> counter_linearizable(const Problem& problem, std::int64_t initial, std::size_t end,
                                         const Interner& values);

}  // namespace shaketable::linearizability

#pragma once
// Registers in which every value is written once: linearizability in O(n log n). Gibbons & Korach, “Testing shared
// memories”, 1997, section 4; in the words of Golab, Li & Shah, “Analyzing consistency properties for fun and profit”,
// 2011, section 3.

#include <cstddef>
#include <optional>
#include <string>

#include "checkers/linearizability/model.h"
#include "checkers/linearizability/problem.h"

namespace shaketable::linearizability {

// All operations on one value form its cluster: the write and the reads of it. Somewhere the register held the value,
// without a break. Let a be the first completion and b the last invocation in the cluster. If a < b, the value stood at
// least from a to b (a forward zone), else at some moment between b and a (a backward zone). The history is
// linearizable iff no two forward zones overlap, no backward zone lies within a forward one, and each read follows the
// invocation of its write. Crashed writes count once they are read.
//
// Nothing when the history does not qualify: it has compare-and-sets, or a value is written twice or was there at
// first. Else whether it is linearizable.
std::optional<bool> linearizable_by_zones(const Problem& problem);

struct ZoneFailure {
  std::size_t failed = 0;     // the first completion that no linearization reaches
  Id value = -1, other = -1;  // values that exclude each other; other is -1 when the value was not written before
};

// For a history that qualifies and is not linearizable: the zones after each completion in turn, in O(n log n).
ZoneFailure first_zone_failure(const Problem& problem);

}  // namespace shaketable::linearizability

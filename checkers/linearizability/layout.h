#pragma once
// Slots: each operation gets a number that is its own while it is open and is used again afterwards.

#include <cstdint>
#include <vector>

#include "checkers/linearizability/problem.h"

namespace shaketable::linearizability {

struct Layout {
  std::vector<std::int32_t> slot;  // by operation; -1: left out of the search
  int width = 0;                   // slots in use at once, at most
};

// `ignored[op]`: operations that cannot matter (see register_space.h).
Layout make_layout(const Problem& problem, const std::vector<bool>& ignored);

}  // namespace shaketable::linearizability

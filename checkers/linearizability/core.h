#pragma once
// The few values of a refuted history that do not go together.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "checkers/linearizability/model.h"
#include "checkers/linearizability/problem.h"

namespace shaketable::linearizability {

struct Core {
  Problem problem;                   // a part of the history, which cannot be linearized either
  std::vector<std::uint32_t> op;     // its operations' indices in the whole
  std::vector<std::uint32_t> event;  // its events' indices in the whole
};

// For a model with Model::forgets_values(), a history that it can decide() and `failed`, the first completion that no
// linearization reaches: no value can be left out of what is returned. Junker, “QuickXplain”, 2004.
Core core_of(const Problem& problem, const Model& model, const Interner& values, std::size_t failed);

}  // namespace shaketable::linearizability

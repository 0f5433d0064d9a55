#pragma once
// A refutation in words and as data.

#include <string>

#include "checkers/linearizability/model.h"
#include "checkers/linearizability/problem.h"
#include "checkers/linearizability/search.h"
#include "history/value.h"

namespace shaketable::linearizability {

struct Explanation {
  std::string reason;  // one sentence
  std::string text;    // several lines
  Value details;       // docs/checkers.md, “The counterexample as data”
};

// `failed`: index into problem.events of the first completion that no linearization reaches.
Explanation explain(const Problem& problem, const Model& model, const Interner& values, std::size_t failed,
                    const Trace& trace);

}  // namespace shaketable::linearizability

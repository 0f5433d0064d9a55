#pragma once
// The search for one object's linearization: frontier and depth-first in turns, on growing quotas. Both are exact, so
// the first answer counts; quotas are counted in configurations, so which one answers does not depend on the time.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "checkers/linearizability/meter.h"
#include "checkers/linearizability/model.h"
#include "checkers/linearizability/problem.h"

namespace shaketable::linearizability {

// How the shortest prefix that cannot be linearized fails. Of operations that are open at its end we know already how
// they will end: they may take effect within the prefix, but only with the result that they will have.
struct Trace {
  struct Step {
    std::uint32_t op;
    bool silent;  // linearized without changing anything, or overwritten at once
  };
  struct Partial {
    std::vector<Step> steps;  // since `from`
    State state;              // after the last step
  };
  std::size_t from = 0;             // index into Problem::events: where the steps begin
  std::vector<std::uint32_t> core;  // not empty: the steps are those of these operations, which fail without the others
  std::size_t found = 0;            // how many partial linearizations there are
  bool complete = true;             // false: there were too many to follow them all
  std::vector<Partial> partials;    // one for each final state, at most kShown
  static constexpr std::size_t kShown = 8;
};

class Search {
 public:
  virtual ~Search() = default;

  // Goes on for about `quota` configurations. `stop`: an index into Problem::events; the history is taken to end there.
  // Once it has answered something else than `running`, it answers the same again, unless `stop` has grown.
  virtual Outcome run(std::uint64_t quota, std::size_t stop) = 0;

  virtual std::size_t decided() const = 0;         // events proved linearizable
  virtual std::size_t failed() const = 0;          // the completion that cannot be linearized, once `invalid`
  virtual std::size_t configurations() const = 0;  // in the frontier now
  virtual std::size_t open() const = 0;            // operations open at decided()
};

// `horizon`: an index into Problem::events; the search may look so far ahead (Foresight), and then says of the prefix
// that ends there, and only of it, whether it can be linearized: failed() may be too early. 0: it does not look ahead.
std::unique_ptr<Search> make_search(const Problem& problem, const Model& model, const Interner& values,
                                    std::size_t horizon, Ledger& ledger);

// Why the prefix up to `failed` (from Search::failed) cannot be linearized. Bounded in work by a constant, so that the
// answer is always the same; an empty trace when that was too little.
Trace trace_failure(const Problem& problem, const Model& model, const Interner& values, std::size_t failed);

}  // namespace shaketable::linearizability

#pragma once
// Checkers of simple promises: sums that hold, elements that stay, identifiers that differ. Each looks at a whole
// history once or a few times and needs no search. docs/checkers-aggregate.md has the shapes of the operations and
// every anomaly.
//
// What all of them keep to: an operation that failed did not happen; one that is `info`, or never completed, may have
// happened at any time after its invocation, or never; so nothing is reported that such an operation could explain.
// A history with too little in it to judge (nothing was ever read) is `unknown`. Operations of processes below 0 (the
// nemesis) are passed over.

#include <string>
#include <string_view>
#include <vector>

#include "base/parameters.h"
#include "base/result.h"
#include "checkers/verdict.h"
#include "history/history.h"

namespace shaketable {

struct AggregateInfo {
  std::string name;                    // "bank", "set-full"
  std::string about;                   // one line
  std::vector<ParameterSpec> options;  // of this checker; `keyed` comes with every one
};

// In the order of docs/checkers-aggregate.md.
const std::vector<AggregateInfo>& aggregate_checkers();

// `options`: nil, or a map from option names (strings or keywords) to values. With `keyed` true every operation's value
// is [key value] (jepsen.independent): each key is judged by itself, and the verdict is the worst of them. bad_input:
// no such checker, no such option, or an option of another type. Any thread; no state.
Result<Verdict> check_aggregate(std::string_view name, const History& history, const Value& options,
                                const Budget& budget);

}  // namespace shaketable

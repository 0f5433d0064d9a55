#pragma once
// What a load was in numbers: operations, outcomes, errors and latencies of every function.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "orchestrator/judge/judge.h"

namespace shaketable {

// Latencies are from an operation's start to its completion; of the successful ones alone, for a failed one ends early
// and an indeterminate one when its deadline does.
struct FunctionFigures {
  std::string f;
  std::int64_t invoked = 0, ok = 0, fail = 0, info = 0;  // what was never completed is in none of the last three
  Nanos p50{}, p90{}, p99{}, p999{}, most{};             // zero where nothing succeeded
  std::map<std::string, std::int64_t> errors;  // what the client said went wrong, and how often; at most 64 of them
};

struct Figures {
  std::vector<FunctionFigures> functions;  // in the order of their first operations
  FunctionFigures all;                     // of all functions; `f` and `errors` are empty
  Nanos lasted{};                          // from the first event of a client to the last
  double rate() const;                     // completions that are ok, a second
};

// One pass over the history, in constant memory but for the operations that are open.
Result<Figures> figures_of(const HistoryStream& history);

// Why a history of these figures says too little: nothing succeeded, or one function never did. Empty: it says enough.
std::vector<std::string> doubts_about(const Figures& figures);

// {"seconds":…, "rate":…, "all":{…}, "functions":{"read":{"invoked":…, "p50_ms":…}}}
Value figures_json(const Figures& figures);

}  // namespace shaketable

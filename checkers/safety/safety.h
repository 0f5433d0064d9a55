#pragma once
// Promises of coordination and of time: locks and fencing tokens, one leader a term, effects exactly once, timestamps
// that follow real time, and coming back after a fault. docs/checkers-safety.md has the shapes of the operations and
// every anomaly.
//
// As with the checkers of checkers/aggregate: what failed did not happen, what is unknown may have happened at any
// later time, and nothing is reported that such an operation could explain; too little to judge is unknown.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/parameters.h"
#include "base/result.h"
#include "checkers/verdict.h"
#include "history/history.h"

namespace shaketable {

// When a fault was in effect, in nanoseconds since the start of the run; end_ns INT64_MAX if it never ended.
struct FaultWindow {
  std::string fault;
  std::vector<std::string> targets;
  std::int64_t start_ns = 0, end_ns = INT64_MAX;
};

struct SafetyInfo {
  std::string name;                    // "lock"
  std::string about;                   // one line
  std::vector<ParameterSpec> options;  // durations are in seconds or, as a text, with their unit ("250ms")
};

const std::vector<SafetyInfo>& safety_checkers();

// `options`: nil, or a map from option names to values. bad_input: no such checker or option, or an option of another
// type. Any thread; no state.
Result<Verdict> check_safety(std::string_view name, const History& history, const Value& options,
                             std::span<const FaultWindow> faults, const Budget& budget);

}  // namespace shaketable

#pragma once
// From a recorded history to verdicts: which checkers there are, what they take, and how they are run within bounds.

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/parameters.h"
#include "base/result.h"
#include "checkers/safety/safety.h"
#include "checkers/verdict.h"
#include "history/history.h"
#include "history/parameter_values.h"
#include "orchestrator/plan/plan.h"

namespace shaketable {

struct CheckerInfo {
  std::string name, about;
  std::vector<ParameterSpec> parameters;
};

// Every checker that a plan or `--checker` can name.
const std::vector<CheckerInfo>& checkers();
const CheckerInfo* find_checker(std::string_view name);

// Streams the history into a sink, from its beginning, as often as it is called.
using HistoryStream = std::function<Result<ReadNotes>(OperationSink&)>;

struct JudgeBounds {
  Nanos timeout = std::chrono::seconds(60);  // for each checker
  std::uint64_t memory_bytes = 2ull << 30;
  std::stop_token stop;  // ends the check with `unknown`
};

struct Judgement {
  Verdict verdict;
  double seconds = 0;              // wall time, reading included
  std::vector<std::string> notes;  // what the reader made of imperfect input
};

// `faults`: when faults were in effect, for the checkers that ask (availability, failure-detector); empty for histories
// of others. Errors are bad_input: an unknown checker, an operation that the model cannot take, a malformed history.
Result<Judgement> judge(const CheckPlan& check, const HistoryStream& history, const JudgeBounds& bounds,
                        const std::vector<FaultWindow>& faults = {});

}  // namespace shaketable

#pragma once
// Judges a recorded run from its file: the one path to a verdict, walked by `run` when the load is over and by
// `check RUN` at any later time, so that the two cannot disagree.

#include <string>
#include <vector>

#include "orchestrator/report/outcome.h"

namespace shaketable {

// `checks` empty: as the run's plan says, and the verdicts are then kept in the file.
Result<Outcome> judge_run(const std::string& path, std::vector<CheckPlan> checks, const JudgeBounds& bounds);

}  // namespace shaketable

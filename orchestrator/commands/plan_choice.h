#pragma once
// Reading the plan that a command line names, with its overrides.

#include "history/run_file.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/plan/plan.h"

namespace shaketable {

// `need_files` false: keys and secrets need not be there (nothing will be connected to).
Result<Plan> choose_plan(const PlanChoice& choice, bool need_files);
// The plan that a run was recorded with, with the overrides of `choice`.
Result<Plan> recorded_plan(const RunFile& run, const PlanChoice& choice, bool need_files);

// The nodes of the plan: its own, or those of the lab, which must be up; THIS process then enters the lab's network.
// Call before any thread is started.
Result<std::vector<NodeSpec>> nodes_of(const Plan& plan, const PlanChoice& choice);

}  // namespace shaketable

#pragma once
// The faults of one run: from its plan and seed, or those of a recorded run.

#include <string>
#include <vector>

#include "base/result.h"
#include "nemesis/schedule.h"
#include "orchestrator/plan/plan.h"
#include "orchestrator/run.h"

namespace shaketable {

std::vector<ScheduledFault> schedule_for(const Plan& plan, const RunSettings& settings);

// Asked before anything else is done. The reader has looked at the plan's own faults; whether those of a recorded run
// keep to the plan's model, and whether the plan's client can take the faults, is looked at here. Errors are bad_input.
Result<void> check_schedule(const Plan& plan, const RunSettings& settings);

// The model that a verdict on this run holds in.
std::string model_of(const Plan& plan, const std::vector<ScheduledFault>& schedule);

}  // namespace shaketable

#pragma once
// What a plan wants of the nemesis, as far as the plan alone says.

#include <string>

#include "nemesis/nemesis.h"
#include "orchestrator/plan/plan.h"

namespace shaketable {

NemesisOptions nemesis_options(const Plan& plan, const std::string& run);

}  // namespace shaketable

#pragma once
// One run of a test plan, from nothing to its outcome (docs/architecture.md, "A run").

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "nemesis/schedule.h"
#include "orchestrator/interrupts.h"
#include "orchestrator/plan/plan.h"
#include "orchestrator/report/outcome.h"

namespace shaketable {

struct RunSettings {
  std::uint64_t seed = 0;
  std::string lab;  // name of the embedded lab
  std::string results = "results";
  std::string out;                                      // the run's folder itself; empty: below `results`
  bool keep = false;                                    // leave system and lab up
  std::string repeat;                                   // the command that repeats this run
  std::optional<std::vector<ScheduledFault>> schedule;  // in place of the plan's
  std::string replay_of;                                // the run that the schedule comes from
  Nanos lock_wait{0};                                   // for others to let go of the nodes
};

// Call on the main thread, before any other thread was started. Errors are for what kept the run from having a folder;
// whatever goes wrong later is in the outcome, and the nodes are healed all the same.
Result<Outcome> run_plan(const Plan& plan, const RunSettings& settings, Interrupts& interrupts);

// Every command that the run would send to a node, in order, as text for people. Touches nothing. Of the settings, seed
// and schedule count.
Result<std::string> dry_run(const Plan& plan, const RunSettings& settings);

}  // namespace shaketable

#pragma once
// Repeating the faults of a recorded run: `shaketable run --replay RUN`.

#include <string>
#include <vector>

#include "base/result.h"
#include "history/run_file.h"
#include "history/value.h"
#include "nemesis/schedule.h"
#include "orchestrator/plan/plan.h"

namespace shaketable {

// Keys of the run file's `meta`.
inline constexpr const char* kMetaSchedule = "schedule";             // schedule_json()
inline constexpr const char* kMetaLoadStarted = "load_started_ns";   // the schedule's zero, on the run's clock
inline constexpr const char* kMetaPlanDirectory = "plan_directory";  // where the plan's relative names start
inline constexpr const char* kMetaReplayOf = "replay_of";            // the run whose faults this one repeats

// Everything that decides what a fault does, but the state of the system: options, times and seeds.
Value schedule_json(const std::vector<ScheduledFault>& schedule);

// The faults that the run applied, when and for how long it meant them to last, with the options and seeds that they
// had and the primaries that there were: they resolve to the same targets. Those it passed over, and those it never
// came to, are left out. bad_input: the file does not say, or names a fault or a parameter that this version lacks.
Result<std::vector<ScheduledFault>> recorded_schedule(const RunFile& file);

// The recorded faults for another run of `plan`: its nodes must have the names of the recorded run's. What begins after
// the plan's load has ended is left out, what ends later is cut; `left_out` says how many.
Result<std::vector<ScheduledFault>> replayed_schedule(const RunFile& file, const Plan& plan, std::size_t& left_out);

}  // namespace shaketable

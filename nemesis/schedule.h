#pragma once
// When which fault begins and ends: made before the run from the plan and the seed, so that a run can be replayed.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/parameters.h"
#include "base/result.h"

namespace shaketable {

struct FaultChoice {
  std::string fault;  // "partition"
  Parameters options;
  double weight = 1;      // random schedule: how often, against the others
  Nanos at{0}, lasts{0};  // timeline
};

struct ScheduleOptions {
  bool timeline = false;  // else random
  Nanos first_after = std::chrono::seconds(5);
  DurationRange lasts{std::chrono::seconds(5), std::chrono::seconds(10)};
  DurationRange quiet{std::chrono::seconds(3), std::chrono::seconds(6)};  // nothing is broken for so long between two
  // random: every fault but the first waits until the system has recovered, and `quiet` is counted from then.
  bool wait_for_recovery = false;
  // timeline: so many times, one beginning so long after the other.
  int repeat = 1;
  Nanos every{0};
  std::vector<FaultChoice> choices;
  Nanos until = std::chrono::seconds(60);  // no fault begins later, and none lasts longer
};

struct ScheduledFault {
  std::int64_t id = 0;    // 1, 2, … in the order of their beginnings
  Nanos at{0}, lasts{0};  // from the start of the load
  std::string fault;
  Parameters options;
  std::uint64_t seed = 0;  // of every random choice it makes when it begins
  // Not before the system has been healthy for `quiet` after the fault before it; all that follow come later then, too.
  bool after_recovery = false;
  Nanos quiet{0};
  // Of a run that is repeated: who was primary when it began. They are not asked for again.
  std::optional<std::vector<std::string>> primaries;
};

// In the order of their beginnings. Random: faults never overlap, weights 0 are never drawn; the end of the last one is
// cut at `until`. Timeline: as written, and repeated, cut at `until`. The same options and seed give the same schedule
// for ever.
std::vector<ScheduledFault> make_schedule(const ScheduleOptions& options, std::uint64_t seed);

}  // namespace shaketable

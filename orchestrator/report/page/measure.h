#pragma once
// What one reading of a history measures for the report. Counts and quantiles are exact, however long the history is;
// only pictures are thinned (thin.h).
//
// Memory: 56 bytes an operation while the report is written.

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "history/records.h"
#include "history/run_file.h"

namespace shaketable::page {

enum Outcome3 : std::uint8_t { kOk, kInfo, kFail, kOutcomes };
inline constexpr const char* kOutcomeNames[] = {"ok", "info", "fail"};

// One operation. Positions are those of the history's events.
struct Call {
  std::int64_t invoked_ns = 0;
  std::int64_t completed_ns = -1;  // -1: never
  std::int64_t due_ns = -1;        // under an open load: when it was to begin; -1: nothing was fixed
  std::int64_t process = 0;
  std::int64_t position = 0;
  std::int64_t completion = -1;
  std::uint16_t function = 0;  // into Measures::functions
  Outcome3 outcome = kInfo;    // what never completed is info
  std::int64_t latency_ns() const { return completed_ns - invoked_ns; }
};

// The smallest latency that at least q of them do not exceed (nearest rank): an observed one, never an interpolation.
// `sorted` is in order; -1 if it is empty.
std::int64_t quantile(const std::vector<std::int64_t>& sorted, double q);

struct Latencies {
  std::int64_t count = 0;
  std::int64_t least = -1, p50 = -1, p95 = -1, p99 = -1, p999 = -1, most = -1;
  friend bool operator==(const Latencies&, const Latencies&) = default;
};
Latencies latencies_of(std::vector<std::int64_t> all);

struct FunctionTotals {
  std::string name;
  std::int64_t never_completed = 0;
  std::array<Latencies, kOutcomes> by_outcome;  // of those that completed
};

// A stretch of time. What ended in it counts for the rate; what succeeded in it for the quantiles.
struct Stretch {
  std::array<std::int64_t, kOutcomes> ended{};
  Latencies ok;
  // Under an open load: how much later than due what began in it began; and of what succeeded in it, from due to ok.
  Latencies late, from_due;
  std::int64_t all() const { return ended[kOk] + ended[kInfo] + ended[kFail]; }
};

// What happened after a fault was undone.
struct Recovery {
  std::int64_t fault = 0;  // its id
  std::int64_t healed_ns = kNotYet;
  std::int64_t first_ok_ns = kNotYet;  // completion of the first operation that was invoked after that and succeeded
  std::int64_t steady_ns = kNotYet;    // end of the first second with 80 % of the rate before the first fault
  std::int64_t longest_gap_ns = -1;    // without a success, from the fault's start until first_ok_ns
};

struct Measures {
  std::vector<FunctionTotals> functions;  // in order of first use
  std::vector<Call> calls;                // by position; the nemesis's are not among them
  std::int64_t begin_ns = 0, end_ns = 0;  // what plots show: from the load's start to the last event
  std::int64_t width_ns = 1;              // of a stretch: 1, 2 or 5 times a power of ten
  std::vector<Stretch> stretches;         // from begin_ns on
  std::vector<Recovery> recoveries;       // of the faults that were undone, by id
  bool open_load = false;                 // some operation had a due time
  double rate_before = 0;                 // successes in a second before the first fault: the median of whole seconds
};

inline constexpr std::size_t kStretchesMax = 120;

Result<Measures> measure(const RunFile& file, const std::vector<FaultRecord>& faults);

}  // namespace shaketable::page

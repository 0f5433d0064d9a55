#pragma once
// What the measured clock offsets of a run say: how far each node's clock was from the controller's, and which nodes
// strayed without a fault of ours being the cause.

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "history/records.h"

namespace shaketable {

// A node strays when its clock is further away than this and the uncertainty of the measurement together. An undone
// fault of the clock leaves less than 20 ms; systems under test that count on clocks mostly allow 250 ms or more.
inline constexpr Nanos kClockThreshold = std::chrono::milliseconds(100);

struct NodeClock {
  std::string node;
  std::int64_t readings = 0;
  std::int64_t least_ns = 0, most_ns = 0;  // offsets: the node's clock minus the controller's
  std::int64_t uncertainty_ns = 0;         // median
  friend bool operator==(const NodeClock&, const NodeClock&) = default;
};

// The reading of a node that was furthest away while no fault was there to cause it.
struct StrayClock {
  std::string node;
  std::int64_t readings = 0;  // how many of them were too far away
  std::int64_t first_ns = 0;  // when the first of them was
  ClockOffsetRecord worst;
  std::string after;  // the last fault that could have touched the clock before: "jump 3"; empty: there was none
  friend bool operator==(const StrayClock&, const StrayClock&) = default;
};

struct ClockReport {
  std::vector<NodeClock> nodes;     // by name
  std::vector<StrayClock> strayed;  // by name
  // All nodes stray and agree with each other: it may be the controller's clock that is wrong.
  bool all_alike = false;
};

ClockReport clock_report(const std::vector<ClockOffsetRecord>& offsets, const std::vector<FaultRecord>& faults);

// One line: "n3: its clock was 1.2s ahead of the controller's, give or take 0.8ms, at 31.2s, and no fault was the
// cause".
std::string stray_text(const StrayClock& stray);

}  // namespace shaketable

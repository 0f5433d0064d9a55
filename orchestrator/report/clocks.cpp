#include "orchestrator/report/clocks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "base/duration.h"

namespace shaketable {
namespace {

// Faults of which a clock may be wrong while they are in force.
constexpr std::array kTouching = {"jump",      "skew-all", "drift",  "strobe",   "leap",
                                  "ntp-block", "command",  "reboot", "power-cut"};

struct Touch {
  std::string fault;  // "jump 3"
  std::int64_t from_ns = 0, to_ns = 0;
};

// When which faults could move the clock of a node.
std::map<std::string, std::vector<Touch>> touches(const std::vector<FaultRecord>& faults) {
  std::map<std::string, std::vector<Touch>> out;
  for (const FaultRecord& fault : faults) {
    if (std::find(kTouching.begin(), kTouching.end(), fault.fault) == kTouching.end()) continue;
    for (const FaultNodeRecord& node : fault.nodes) {
      if (node.apply == ApplyState::pending && node.undo != UndoState::unknown) continue;
      Touch touch;
      touch.fault = fmt::format("{} {}", fault.fault, fault.id);
      // The change was made some time before it was known to have been.
      touch.from_ns = fault.intended_start_ns;
      touch.to_ns = node.undo == UndoState::verified && node.undone_ns != kNotYet ? node.undone_ns : INT64_MAX;
      out[node.node].push_back(std::move(touch));
    }
  }
  return out;
}

// -1: a fault was the cause, or could have been.
std::int64_t too_far(const ClockOffsetRecord& reading, const std::vector<Touch>& touched) {
  for (const Touch& touch : touched)
    if (reading.time_ns + reading.uncertainty_ns >= touch.from_ns &&
        (touch.to_ns == INT64_MAX || reading.time_ns - reading.uncertainty_ns <= touch.to_ns))
      return -1;
  return std::abs(reading.offset_ns) - reading.uncertainty_ns - kClockThreshold.count();
}

std::string last_before(std::int64_t time_ns, const std::vector<Touch>& touched) {
  const Touch* last = nullptr;
  for (const Touch& touch : touched)
    if (touch.to_ns <= time_ns && (!last || touch.to_ns > last->to_ns)) last = &touch;
  return last ? last->fault : "";
}

}  // namespace

ClockReport clock_report(const std::vector<ClockOffsetRecord>& offsets, const std::vector<FaultRecord>& faults) {
  std::map<std::string, std::vector<ClockOffsetRecord>> readings;
  for (const ClockOffsetRecord& offset : offsets) readings[offset.node].push_back(offset);
  auto touched = touches(faults);
  ClockReport report;
  for (auto& [name, of_node] : readings) {
    NodeClock node{name, static_cast<std::int64_t>(of_node.size()), of_node.front().offset_ns,
                   of_node.front().offset_ns, 0};
    std::vector<std::int64_t> uncertain;
    std::optional<StrayClock> stray;
    std::int64_t furthest = 0;
    for (const ClockOffsetRecord& reading : of_node) {
      node.least_ns = std::min(node.least_ns, reading.offset_ns);
      node.most_ns = std::max(node.most_ns, reading.offset_ns);
      uncertain.push_back(reading.uncertainty_ns);
      const std::int64_t far = too_far(reading, touched[name]);
      if (far <= 0) continue;
      if (!stray) stray = StrayClock{name, 0, reading.time_ns, reading, ""};
      ++stray->readings;
      if (far < furthest) continue;
      furthest = far;
      stray->worst = reading;
    }
    const auto middle = uncertain.begin() + static_cast<std::ptrdiff_t>(uncertain.size() / 2);
    std::nth_element(uncertain.begin(), middle, uncertain.end());
    node.uncertainty_ns = *middle;
    report.nodes.push_back(std::move(node));
    if (!stray) continue;
    stray->after = last_before(stray->first_ns, touched[name]);
    report.strayed.push_back(std::move(*stray));
  }
  if (report.strayed.size() > 1 && report.strayed.size() == report.nodes.size()) {
    const auto [low, high] =
        std::minmax_element(report.strayed.begin(), report.strayed.end(),
                            [](const auto& a, const auto& b) { return a.worst.offset_ns < b.worst.offset_ns; });
    report.all_alike = high->worst.offset_ns - low->worst.offset_ns < kClockThreshold.count();
  }
  return report;
}

std::string stray_text(const StrayClock& stray) {
  const ClockOffsetRecord& worst = stray.worst;
  return fmt::format("{}: its clock was {} {} the controller's, give or take {}, at {}, and {}", stray.node,
                     format_duration(Nanos(std::abs(worst.offset_ns))), worst.offset_ns > 0 ? "ahead of" : "behind",
                     format_duration(Nanos(worst.uncertainty_ns)), format_duration(Nanos(worst.time_ns)),
                     stray.after.empty()
                         ? "no fault was the cause"
                         : fmt::format("no fault was in force that could be the cause ({} had ended)", stray.after));
}

}  // namespace shaketable

#include "nemesis/schedule.h"

#include <algorithm>

#include "base/random.h"

namespace shaketable {
namespace {

Nanos drawn(const DurationRange& range, Random& random) {
  return Nanos(random.between(range.low.count(), std::max(range.low, range.high).count()));
}

const FaultChoice* drawn(const std::vector<FaultChoice>& choices, Random& random) {
  double sum = 0;
  for (const FaultChoice& choice : choices) sum += std::max(choice.weight, 0.0);
  if (sum <= 0) return nullptr;
  double left = random.uniform() * sum;
  const FaultChoice* last = nullptr;
  for (const FaultChoice& choice : choices) {
    if (choice.weight <= 0) continue;
    last = &choice;
    if (left < choice.weight) return last;
    left -= choice.weight;
  }
  return last;  // rounding
}

}  // namespace

std::vector<ScheduledFault> make_schedule(const ScheduleOptions& options, std::uint64_t seed) {
  const Random root(seed);
  Random random = root.fork("schedule");
  std::vector<ScheduledFault> out;
  if (options.timeline) {
    for (int round = 0; round < options.repeat; ++round)
      for (const FaultChoice& choice : options.choices) {
        const Nanos at = choice.at + round * options.every;
        if (at >= options.until || choice.lasts <= Nanos(0)) continue;
        ScheduledFault fault;
        fault.at = at;
        fault.lasts = std::min(choice.lasts, options.until - at);
        fault.fault = choice.fault;
        fault.options = choice.options;
        out.push_back(std::move(fault));
      }
    std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.at < b.at; });
  } else {
    // A range of nothing but zeros would never get anywhere.
    const Nanos step_min = std::chrono::milliseconds(1);
    Nanos quiet{0};
    for (Nanos at = options.first_after; at < options.until;) {
      const FaultChoice* choice = drawn(options.choices, random);
      if (!choice) break;
      ScheduledFault fault;
      fault.at = at;
      fault.lasts = std::max(drawn(options.lasts, random), step_min);
      fault.after_recovery = options.wait_for_recovery && !out.empty();
      fault.quiet = quiet;
      quiet = drawn(options.quiet, random);
      at += fault.lasts + quiet;
      fault.lasts = std::min(fault.lasts, options.until - fault.at);
      fault.fault = choice->fault;
      fault.options = choice->options;
      out.push_back(std::move(fault));
    }
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i].id = static_cast<std::int64_t>(i + 1);
    out[i].seed = root.fork("fault " + std::to_string(i + 1)).next();
  }
  return out;
}

}  // namespace shaketable

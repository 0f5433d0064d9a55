#include "nemesis/clock_watch.h"

#include <condition_variable>
#include <mutex>
#include <vector>

#include "base/log.h"

namespace shaketable {
namespace {

using namespace std::chrono_literals;

// Of several looks the one that was over fastest.
Nanos wall_at_zero(const Clock& clock) {
  Nanos best{0}, shortest = Nanos::max();
  for (int i = 0; i < 7; ++i) {
    const Nanos before = clock.now();
    const Nanos wall(wall_clock_ns());
    const Nanos after = clock.now();
    if (after - before >= shortest) continue;
    shortest = after - before;
    best = wall - (before + (after - before) / 2);
  }
  return best;
}

}  // namespace

ClockReading clock_reading(const std::string& node, const ClockSample& sample, Nanos wall_at_zero) {
  ClockReading reading;
  reading.node = node;
  reading.uncertainty = (sample.answered - sample.asked + 1ns) / 2;
  reading.time = sample.asked + (sample.answered - sample.asked) / 2;
  reading.offset = Nanos(sample.node_wall_ns) - (wall_at_zero + reading.time);
  return reading;
}

ClockWatch::ClockWatch(NodeFleet& fleet, const Clock& clock, std::function<void(const ClockReading&)> log, Nanos period,
                       Nanos timeout)
    : fleet_(fleet),
      clock_(clock),
      log_(std::move(log)),
      period_(period),
      timeout_(timeout),
      wall_at_zero_(wall_at_zero(clock)),
      thread_([this](std::stop_token stop) { watch(stop); }) {}

ClockWatch::~ClockWatch() {
  thread_.request_stop();
}

void ClockWatch::watch(std::stop_token stop) {
  std::vector<std::future<void>> asking(fleet_.size());
  std::mutex mutex;
  std::condition_variable_any wake;
  while (!stop.stop_requested()) {
    for (std::size_t i = 0; i < fleet_.size() && pauses_ == 0; ++i) {
      if (asking[i].valid() && asking[i].wait_for(0s) != std::future_status::ready) continue;
      asking[i] = fleet_.post(i, [this, i](NodeSide& side) { ask(side, i); });
    }
    std::unique_lock lock(mutex);
    wake.wait_for(lock, stop, period_, [] { return false; });
  }
  for (auto& last : asking)
    if (last.valid()) last.wait();
}

void ClockWatch::ask(NodeSide& side, std::size_t node) {
  if (pauses_ > 0) return;
  const auto sample = side.read_clock(clock_, timeout_);
  // A node that cannot be asked leaves a gap; why it cannot is said by whoever needs it next.
  if (sample)
    log_(clock_reading(fleet_.spec(node).name, *sample, wall_at_zero_));
  else
    log::debug("the clock of {} was not read: {}", fleet_.spec(node).name, sample.error().message);
}

}  // namespace shaketable

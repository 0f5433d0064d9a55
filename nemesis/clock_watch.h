#pragma once
// How far each node's time of day is from the controller's, measured while a run lasts. A question is one round trip to
// the agent; the node's clock was read somewhere within it, so half of it bounds the error.
//
// The controller's clock is its monotonic one, which was set by its time of day when the watch began: a controller
// whose own time of day is stepped in the middle of a run does not make every node look wrong.

#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include "base/clock.h"
#include "nemesis/fleet.h"

namespace shaketable {

struct ClockReading {
  std::string node;
  Nanos time{0};         // on the run's clock, in the middle of the round trip
  Nanos offset{0};       // the node's time of day minus the controller's
  Nanos uncertainty{0};  // the offset is right give or take this
};

// Any thread; the fleet and the clock must outlive it. `log` is called on the nodes' threads.
class ClockWatch {
 public:
  // `period` is real time, whatever clock the run is on. A node that is slow to answer is not asked twice.
  ClockWatch(NodeFleet& fleet, const Clock& clock, std::function<void(const ClockReading&)> log, Nanos period,
             Nanos timeout);
  ~ClockWatch();
  ClockWatch(const ClockWatch&) = delete;
  ClockWatch& operator=(const ClockWatch&) = delete;

  // While one of these is there nobody is asked. nullptr: nothing to hold.
  class Pause {
   public:
    explicit Pause(ClockWatch* watch) : watch_(watch) {
      if (watch_) ++watch_->pauses_;
    }
    ~Pause() {
      if (watch_) --watch_->pauses_;
    }
    Pause(const Pause&) = delete;
    Pause& operator=(const Pause&) = delete;

   private:
    ClockWatch* watch_;
  };

 private:
  void watch(std::stop_token stop);
  void ask(NodeSide& side, std::size_t node);

  NodeFleet& fleet_;
  const Clock& clock_;
  const std::function<void(const ClockReading&)> log_;
  const Nanos period_, timeout_;
  const Nanos wall_at_zero_;  // of the run's clock, since 1970
  std::atomic<int> pauses_{0};
  std::jthread thread_;  // last: it uses the others
};

// From what a node said; `wall_at_zero` is the controller's time of day at the zero of the run's clock.
ClockReading clock_reading(const std::string& node, const ClockSample& sample, Nanos wall_at_zero);

}  // namespace shaketable

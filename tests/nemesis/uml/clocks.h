#pragma once
// What was measured of the nodes' clocks, for the tests of this folder.

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "history/records.h"
#include "nemesis/clock_watch.h"

namespace shaketable::testing {

// Any thread.
class KeptClocks {
 public:
  void take(const ClockReading& reading) {
    const std::lock_guard lock(mutex_);
    readings_.push_back(reading);
    more_.notify_all();
  }
  // The first reading of a node from `since` on that is exact enough to tell 20 ms.
  ClockReading exact(const std::string& node, Nanos since) {
    std::unique_lock lock(mutex_);
    const auto fits = [&](const ClockReading& reading) {
      return reading.node == node && reading.time - reading.uncertainty >= since &&
             reading.uncertainty < std::chrono::milliseconds(5);
    };
    if (!more_.wait_for(lock, std::chrono::seconds(60),
                        [&] { return std::any_of(readings_.begin(), readings_.end(), fits); }))
      FAIL("no round trip to " << node << " took less than 10 ms within a minute");
    return *std::find_if(readings_.begin(), readings_.end(), fits);
  }
  std::vector<ClockOffsetRecord> records() {
    const std::lock_guard lock(mutex_);
    std::vector<ClockOffsetRecord> out;
    for (const ClockReading& reading : readings_)
      out.push_back({reading.time.count(), reading.node, reading.offset.count(), reading.uncertainty.count()});
    return out;
  }

 private:
  std::mutex mutex_;
  std::condition_variable more_;
  std::vector<ClockReading> readings_;
};

inline double milliseconds(Nanos duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

}  // namespace shaketable::testing

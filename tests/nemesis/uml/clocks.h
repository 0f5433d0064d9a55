#pragma once
// What was measured of the nodes' clocks, for the tests of this folder.

#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "history/records.h"
#include "nemesis/clock_watch.h"
#include "tests/nemesis/uml/shaken.h"

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

// The node's clock now, measured as a run does it.
inline ClockReading measured(Nemesis& nemesis, const Clock& clock, const std::string& node) {
  KeptClocks clocks;
  nemesis.watch_clocks(
      clock, [&](const ClockReading& reading) { clocks.take(reading); }, std::chrono::milliseconds(50));
  const ClockReading reading = clocks.exact(node, clock.now());
  nemesis.stop_watching_clocks();
  return reading;
}
inline ClockReading measured(AtWork& work, const std::string& node) {
  return measured(work.nemesis, work.clock, node);
}

// A kernel that boots on a busy machine loses time before it counts. Puts a node's clock where the controller's is.
inline void put_right(LabCluster& lab, std::size_t node) {
  Cluster cluster = lab.connect();
  Nemesis nemesis(cluster, lab_options());
  REQUIRE(nemesis.prepare({}));
  SteadyClock clock;
  ClockReading now = measured(nemesis, clock, lab.names()[node]);
  for (int attempt = 0; attempt < 10 && std::abs(milliseconds(now.offset)) > 3; ++attempt) {
    lab.run(node,
            fmt::format("perl -e 'my $n = pack(\"q q\", 0, 0); syscall(228, 0, $n); my ($s, $f) = unpack(\"q q\", "
                        "$n); my $t = $s * 1e9 + $f - ({}); syscall(227, 0, pack(\"q q\", int($t / 1e9), $t % "
                        "1e9)) == 0 or die $!'",
                        now.offset.count()));
    now = measured(nemesis, clock, lab.names()[node]);
  }
  REQUIRE(std::abs(milliseconds(now.offset)) <= 3);
  CHECK(all_clean(nemesis.heal_all()));
}

}  // namespace shaketable::testing

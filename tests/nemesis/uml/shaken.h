#pragma once
// A fault in force on nodes with kernels of their own, and looks at them.

#include <catch2/catch.hpp>
#include <ctime>
#include <string>
#include <utility>
#include <vector>

#include "tests/nemesis/lab/lab_cluster.h"

namespace shaketable::testing {

struct Shaken : AtWork {
  Shaken(const std::string& name, std::vector<std::string> target, const Changed& changed = {},
         Nanos lease = std::chrono::seconds(10))
      : AtWork(LabCluster::with_own_kernels(), lab_options(lease), {one_fault(name, std::move(target), changed)}) {
    applied();
  }
  FaultReport stop() {
    const FaultReport report = AtWork::stop();
    CHECK(report.bit == true);
    return report;
  }
  // Milliseconds that a node's clock is before ours: of five looks the one that was over fastest.
  double ahead(std::size_t node) const {
    const auto seconds = [] {
      timespec now{};
      clock_gettime(CLOCK_REALTIME, &now);
      return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
    };
    double best = 0, shortest = 1e9;
    for (int i = 0; i < 5; ++i) {
      const double before = seconds(), there = std::stod(lab.run(node, "date +%s.%N")), after = seconds();
      if (after - before >= shortest) continue;
      shortest = after - before;
      best = (there - (before + after) / 2) * 1000;
    }
    return best;
  }
  // Milliseconds of the fastest of five round trips.
  double ping(std::size_t from, const std::string& to, const std::string& family = "-4") const {
    return std::stod(
        lab.run(from, "ping " + family + " -n -c 5 -i 0.2 -q " + to + " | sed -n 's/.* = \\([0-9.]*\\).*/\\1/p'"));
  }
};

}  // namespace shaketable::testing

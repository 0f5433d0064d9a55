// Clocks of nodes with kernels of their own, measured as a run measures them.

#include "tests/nemesis/uml/clocks.h"

#include <fmt/format.h>

#include "orchestrator/report/clocks.h"
#include "tests/nemesis/uml/shaken.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

TEST_CASE("uml clocks: one that somebody else sets is measured and named and those of shared machines are near ours") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::with_own_kernels();
  for (std::size_t i = 0; i < 3; ++i) put_right(lab, i);
  KeptClocks clocks;
  SteadyClock clock;
  Cluster cluster = lab.connect();
  Nemesis nemesis(cluster, lab_options());
  REQUIRE(nemesis.prepare({}));
  nemesis.watch_clocks(
      clock, [&](const ClockReading& reading) { clocks.take(reading); }, 100ms);
  const ClockReading before = clocks.exact("n2", 0s);
  CHECK(std::abs(milliseconds(before.offset)) < milliseconds(kClockThreshold));
  lab.run(1, "date -s @$(($(date +%s) - 60)) >/dev/null");
  const Nanos set = clock.now();
  const ClockReading behind = clocks.exact("n2", set);
  CHECK(behind.offset < -58s);
  CHECK(behind.offset > -62s);
  CHECK(std::abs(milliseconds(clocks.exact("n1", set).offset)) < milliseconds(kClockThreshold));
  lab.run(1, fmt::format("date -s @{:.3f} >/dev/null", static_cast<double>(wall_clock_ns()) / 1e9));
  const ClockReport report = clock_report(clocks.records(), {});
  CHECK(report.nodes.size() == 3);
  REQUIRE(report.strayed.size() == 1);
  CHECK(report.strayed[0].node == "n2");
  CHECK(stray_text(report.strayed[0]).find("and no fault was the cause") != std::string::npos);
  CHECK(all_clean(nemesis.heal_all()));
}

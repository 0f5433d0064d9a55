// A real core file, and what the watch on a system says of it.
#include <catch2/catch.hpp>

#include "tests/nemesis/lab/crashes.h"

using namespace shaketable;
using namespace shaketable::testing;

TEST_CASE("crashes: a process that ends of a signal and leaves a core file is told with both and the log") {
  SKIP_WITHOUT_LAB();
  const SystemWatchReport report = watched_crashes(LabCluster::get(), 1, false);
  CHECK(report.processes == 2);
  CHECK(report.unwatched.empty());
  REQUIRE(report.events.size() == 2);
  const auto deaths = of_kind(report, SystemEvent::Kind::process_died);
  const auto cores = of_kind(report, SystemEvent::Kind::core_dump);
  REQUIRE(deaths.size() == 1);
  REQUIRE(cores.size() == 1);
  CHECK(deaths[0].node == "n2");
  CHECK(deaths[0].what.starts_with("sleep (process "));
  CHECK(deaths[0].what.ends_with(") is gone"));
  CHECK(deaths[0].lines.at(0) == "/tmp/toy/toy.log: the toy is ready");
  CHECK(deaths[0].lines.at(1) == "/tmp/toy/toy.log: these are its last words");
  CHECK(cores[0].what.starts_with("/tmp/toy/core"));
}

// On nodes with kernels of their own the kernel's log can be read, and cgroups count what they kill.
#include <catch2/catch.hpp>

#include "tests/nemesis/lab/crashes.h"

using namespace shaketable;
using namespace shaketable::testing;

TEST_CASE("uml crashes: a process killed for want of memory and a core file are told with what the kernel said") {
  SKIP_WITHOUT_LAB();
  const SystemWatchReport report = watched_crashes(LabCluster::with_own_kernels(), 1, true);
  CHECK(report.processes == 2);
  CHECK(report.unwatched.empty());
  const auto deaths = of_kind(report, SystemEvent::Kind::process_died);
  const auto cores = of_kind(report, SystemEvent::Kind::core_dump);
  const auto kills = of_kind(report, SystemEvent::Kind::oom_kill);
  REQUIRE(deaths.size() == 2);
  CHECK(cores.size() == 1);
  CHECK(kills.size() == 1);
  for (const SystemEvent& death : deaths) {
    INFO(death.what);
    const bool eater = death.what.starts_with("perl (process ");
    CHECK((eater || death.what.starts_with("sleep (process ")));
    CHECK(says(death, "/tmp/toy/toy.log: these are its last words"));
    CHECK(
        death.what.ends_with(eater ? ") is gone: the kernel killed one of that name for want of memory" : ") is gone"));
    CHECK(says(death, "kernel: ") == eater);
    if (eater) CHECK(says(death, "Killed process"));
  }
  for (const SystemEvent& core : cores) CHECK(core.what.starts_with("/tmp/toy/core"));
  for (const SystemEvent& kill : kills)
    CHECK(kill.what == "the kernel killed 1 of its processes for want of memory (/sys/fs/cgroup/toy/memory.events)");
}

// Faults by cgroup v2, on nodes that have all of it: a process frozen, and one whose disk hardly moves.

#include <fmt/format.h>

#include "tests/nemesis/uml/shaken.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

namespace {

constexpr const char* kPids = "cat /tmp/writer.pid";

// Appends a block to a file on the disk, as a log does, and then a byte to one in memory; in a group of cgroup v2.
struct Writer {
  Writer(LabCluster& lab_, std::size_t node_, const std::string& group) : lab(lab_), node(node_) {
    lab.run(node, fmt::format(R"sh(
mkdir -p /sys/fs/cgroup{0}
setsid perl -MIO::Handle -e 'open L, ">", "/tmp/count"; open F, ">", "/data/block";
  while (1) {{ syswrite F, "x" x 4096; F->sync; syswrite L, "."; select undef, undef, undef, 0.02 }}' \
  </dev/null >/dev/null 2>&1 &
echo $! >/tmp/writer.pid
echo $! >/sys/fs/cgroup{0}/cgroup.procs
)sh",
                              group));
    REQUIRE(eventually([&] { return count() > 20; }, 30s));
  }
  ~Writer() {
    lab.try_run(node,
                "kill -KILL $(cat /tmp/writer.pid); rm -f /tmp/writer.pid /tmp/count /data/block; sleep 0.2; "
                "find /sys/fs/cgroup/box -depth -type d -exec rmdir {} +");
  }
  long count() { return std::stol(lab.run(node, "stat -c %s /tmp/count 2>/dev/null || echo 0")); }
  bool goes_on() {
    const long now = count();
    return eventually([&] { return count() > now + 20; }, 30s);
  }
  std::string groups() {
    return lab.run(node,
                   "cat /proc/$(cat /tmp/writer.pid)/cgroup; for d in $(find /sys/fs/cgroup -type d | sort); do "
                   "echo $d: $(cat $d/cgroup.subtree_control); done");
  }
  LabCluster& lab;
  std::size_t node;
};

NemesisOptions with_writer() {
  NemesisOptions options = lab_options();
  options.system = [](const std::string&) -> Result<SystemScripts> { return SystemScripts{kPids, "true", "/data"}; };
  return options;
}

}  // namespace

TEST_CASE("uml freeze: a process stands still and goes on in its own group") {
  SKIP_WITHOUT_LAB();
  Writer writer(LabCluster::with_own_kernels(), 1, "/box");
  const std::string before = writer.groups();
  AtWork work(writer.lab, with_writer(), {one_fault("freeze", {"n2"})});
  work.applied();
  const long frozen = writer.count();
  std::this_thread::sleep_for(1s);
  CHECK(writer.count() == frozen);
  CHECK(work.stop().bit == true);
  CHECK(writer.goes_on());
  CHECK(writer.groups() == before);
}

TEST_CASE("uml io: a disk hardly takes anything and takes all again with groups and controllers as found") {
  SKIP_WITHOUT_LAB();
  // In a group whose parents, the root one of them, hand nothing down.
  Writer writer(LabCluster::with_own_kernels(), 0, "/box/inner");
  const std::string before = writer.groups();
  AtWork work(writer.lab, with_writer(), {one_fault("io", {"n1"})});
  work.applied();
  // 4 KiB a second for it and the probe together: a block every other second. A file that another group wrote before
  // becomes this one's after a few seconds of writing.
  CHECK(eventually(
      [&] {
        const long before_wait = writer.count();
        std::this_thread::sleep_for(3s);
        return writer.count() - before_wait <= 4;
      },
      40s));
  INFO(writer.lab.run(0, "cat $(find /sys/fs/cgroup -name io.max | grep shaketable-)"));
  const FaultReport report = work.stop();
  CHECK(report.bit == true);
  CHECK(writer.goes_on());
  CHECK(writer.groups() == before);
}

TEST_CASE("uml io: the other fault that moves processes is refused beside it and both are gone in the end") {
  SKIP_WITHOUT_LAB();
  Writer writer(LabCluster::with_own_kernels(), 0, "/box/inner");
  const std::string before = writer.groups();
  Cluster cluster = writer.lab.connect();
  Nemesis nemesis(cluster, with_writer());
  std::vector<ScheduledFault> schedule = {one_fault("io", {"n1"}, {}, 12s), one_fault("freeze", {"n1"}, {}, 1s)};
  schedule[1].id = 2;
  schedule[1].at = 8s;
  REQUIRE(nemesis.prepare(schedule));
  SteadyClock clock;
  KeptLog log;
  (void)nemesis.run(schedule, clock, clock.now(), log, {});
  bool refused = false;
  for (const FaultReport& report : log.all())
    refused = refused || report.notes.find("another fault that moves processes into groups") != std::string::npos;
  CHECK(refused);
  CHECK(all_clean(nemesis.heal_all()));
  CHECK(writer.goes_on());
  CHECK(writer.groups() == before);
}

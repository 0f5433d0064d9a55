#include "tests/nemesis/lab/crashes.h"

#include <algorithm>
#include <catch2/catch.hpp>

namespace shaketable::testing {
namespace {

using namespace std::chrono_literals;

constexpr const char* kStart = R"sh(
rm -rf /tmp/toy
mkdir -p /tmp/toy
cd /tmp/toy || exit 1
echo 'the toy is ready' >toy.log
ulimit -c unlimited || exit 1
setsid sleep 87654 </dev/null >/dev/null 2>&1 &
echo $! >sleeper.pid
setsid perl -e '$SIG{USR1} = sub { push @all, "x" x (1 << 20) for 1 .. 256 }; sleep 1 while 1' \
  </dev/null >/dev/null 2>&1 &
echo $! >eater.pid
)sh";

// Only where the node's kernel is its own.
constexpr const char* kBound = R"sh(
grep -qw memory /sys/fs/cgroup/cgroup.subtree_control || {
  echo +memory >/sys/fs/cgroup/cgroup.subtree_control || exit 1
  touch /tmp/toy/handed-down
}
mkdir -p /sys/fs/cgroup/toy
echo 25165824 >/sys/fs/cgroup/toy/memory.max
[ ! -e /sys/fs/cgroup/toy/memory.swap.max ] || echo 0 >/sys/fs/cgroup/toy/memory.swap.max
cat /tmp/toy/eater.pid >/sys/fs/cgroup/toy/cgroup.procs
)sh";

constexpr const char* kEnd = R"sh(
for pid in /tmp/toy/*.pid; do kill -KILL "$(cat "$pid")"; done
round=0
[ ! -d /sys/fs/cgroup/toy ] || until rmdir /sys/fs/cgroup/toy || [ $round -gt 50 ]; do
  round=$((round + 1))
  sleep 0.1
done
[ ! -e /tmp/toy/handed-down ] || echo -memory >/sys/fs/cgroup/cgroup.subtree_control
rm -rf /tmp/toy
)sh";

}  // namespace

SystemWatchReport watched_crashes(LabCluster& lab, std::size_t node, bool memory) {
  lab.run(node, kStart);
  const std::shared_ptr<void> end(nullptr, [&](void*) { lab.try_run(node, kEnd); });
  if (memory) lab.run(node, kBound);

  SystemSpec spec;
  spec.name = "toy";
  spec.logs = {"/tmp/toy/*.log"};
  spec.pids = "echo >>/tmp/toy/looks; cat /tmp/toy/*.pid";
  const Cluster cluster = make_cluster({lab.specs()[node]});
  REQUIRE(cluster.connect());
  const SteadyClock clock;
  SystemWatch watch(spec, {}, cluster, clock, {.period = 200ms});
  const auto looks = [&] { return std::stol(lab.run(node, "wc -l </tmp/toy/looks")); };
  // Two that began after this was called have ended.
  const auto two_looks = [&] {
    const long from = looks();
    REQUIRE(eventually([&] { return looks() >= from + 3; }, 120s));
  };
  watch.look_before();
  watch.start();
  two_looks();
  lab.run(node, "echo 'these are its last words' >>/tmp/toy/toy.log; kill -SEGV $(cat /tmp/toy/sleeper.pid)");
  if (memory) lab.run(node, "kill -USR1 $(cat /tmp/toy/eater.pid)");
  REQUIRE(eventually(
      [&] {
        return lab
            .try_run(node, std::string("[ ! -d /proc/$(cat /tmp/toy/sleeper.pid) ]") +
                               (memory ? " && [ ! -d /proc/$(cat /tmp/toy/eater.pid) ]" : ""))
            .succeeded();
      },
      120s));
  two_looks();
  SystemWatchReport report = watch.finish();
  UNSCOPED_INFO("core files: " << lab.run(node, "cat /proc/sys/kernel/core_pattern; ls -l /tmp/toy"));
  for (const SystemEvent& event : report.events) {
    UNSCOPED_INFO(to_string(event.kind) << " " << event.what);
    for (const std::string& line : event.lines) UNSCOPED_INFO("  " << line);
  }
  return report;
}

std::vector<SystemEvent> of_kind(const SystemWatchReport& report, SystemEvent::Kind kind) {
  std::vector<SystemEvent> out;
  std::copy_if(report.events.begin(), report.events.end(), std::back_inserter(out),
               [&](const SystemEvent& event) { return event.kind == kind; });
  return out;
}

bool says(const SystemEvent& event, const std::string& part) {
  return std::any_of(event.lines.begin(), event.lines.end(),
                     [&](const std::string& line) { return line.find(part) != std::string::npos; });
}

}  // namespace shaketable::testing

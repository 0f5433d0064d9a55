// Faults of processes, resources and commands on real nodes: seen to bite, seen to be gone.

#include <catch2/catch.hpp>
#include <thread>

#include "nemesis/node_fault.h"
#include "tests/nemesis/lab/lab_cluster.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

namespace {

// A system that writes whether it could open a file, 20 times a second: the last line of /tmp/beat, "TIME ok" or "TIME
// why".
constexpr const char* kStart = R"sh(
[ -r /tmp/daemon.pid ] && kill -0 "$(cat /tmp/daemon.pid)" 2>/dev/null && exit 0
setsid perl -e '$| = 1; open L, ">>", "/tmp/beat"; L->autoflush(1); use IO::Handle; use Time::HiRes qw(time sleep);
  while (1) { my $ok = open(F, "<", "/dev/null") ? "ok" : "$!"; close F; printf L "%.3f %s\n", time, $ok; sleep 0.05 }' \
  </dev/null >/dev/null 2>&1 &
echo $! >/tmp/daemon.pid
sleep 0.3
)sh";
constexpr const char* kPids = "pid=$(cat /tmp/daemon.pid) && kill -0 $pid 2>/dev/null && echo $pid; true";

void start_everywhere(LabCluster& lab) {
  for (std::size_t i = 0; i < lab.specs().size(); ++i) lab.run(i, kStart);
}

struct Working : AtWork {
  Working(LabCluster& on, const std::string& name, std::vector<std::string> target, const Changed& changed = {})
      : AtWork((start_everywhere(on), on), options(), {one_fault(name, std::move(target), changed)}) {}
  ~Working() {
    for (std::size_t i = 0; i < lab.specs().size(); ++i)
      lab.try_run(i, "kill -KILL $(cat /tmp/daemon.pid); rm -f /tmp/daemon.pid /tmp/beat");
  }
  static NemesisOptions options() {
    NemesisOptions options = lab_options();
    options.system = [](const std::string&) -> Result<SystemScripts> {
      return SystemScripts{kPids, kStart, "/var/lib"};
    };
    return options;
  }
  // Whether the daemon of a node has written something within the last half second, and what.
  std::string beat(std::size_t node) {
    return lab.run(node,
                   "read_it() { tail -n 1 /tmp/beat; }; a=$(read_it); sleep 0.5; b=$(read_it); "
                   "[ \"$a\" = \"$b\" ] && echo silent || echo \"$b\" | cut -d' ' -f2-");
  }
};

}  // namespace

TEST_CASE("pause: silent on its nodes and no others and goes on afterwards") {
  SKIP_WITHOUT_LAB();
  Working work(LabCluster::get(), "pause", {"n1", "n3"});
  CHECK(work.applied().targets == std::vector<std::string>{"n1", "n3"});
  CHECK(work.beat(0) == "silent\n");
  CHECK(work.beat(1) == "ok\n");
  CHECK(work.beat(2) == "silent\n");
  const std::string pid = work.lab.run(0, "cat /tmp/daemon.pid");
  CHECK(work.stop().bit == true);
  CHECK(work.beat(0) == "ok\n");
  CHECK(work.lab.run(0, "cat /tmp/daemon.pid") == pid);
}

TEST_CASE("kill and stop: gone and started again by the undo") {
  SKIP_WITHOUT_LAB();
  for (const std::string name : {"kill", "stop"}) {
    INFO(name);
    Working work(LabCluster::get(), name, {"n2"});
    const std::string pid = work.lab.run(1, "cat /tmp/daemon.pid");
    work.applied();
    CHECK(work.beat(1) == "silent\n");
    CHECK_FALSE(work.lab.try_run(1, "kill -0 " + pid).succeeded());
    CHECK(work.stop().bit == true);
    CHECK(work.beat(1) == "ok\n");
    CHECK(work.lab.run(1, "cat /tmp/daemon.pid") != pid);
  }
}

TEST_CASE("restart: another process at once") {
  SKIP_WITHOUT_LAB();
  Working work(LabCluster::get(), "restart", {"n2"});
  const std::string pid = work.lab.run(1, "cat /tmp/daemon.pid");
  work.applied();
  CHECK(work.beat(1) == "ok\n");
  CHECK(work.lab.run(1, "cat /tmp/daemon.pid") != pid);
  CHECK(work.stop().bit == true);
}

TEST_CASE("freeze: silent or refused with the reason") {
  SKIP_WITHOUT_LAB();
  Working work(LabCluster::get(), "freeze", {"n2"});
  if (!work.log.wait_until_applied(10s)) {
    work.thread.request_stop();
    work.thread.join();
    const std::string notes = work.log.last().notes;
    INFO(notes);
    CHECK(notes.find("cgroup v2") != std::string::npos);
    CHECK(work.beat(1) == "ok\n");
    WARN("freeze was refused: " << notes);
    return;
  }
  CHECK(work.beat(1) == "silent\n");
  CHECK(work.stop().bit == true);
  CHECK(work.beat(1) == "ok\n");
}

TEST_CASE("io: refused with the reason on nodes that see no cgroups") {
  SKIP_WITHOUT_LAB();
  Working work(LabCluster::get(), "io", {"n2"});
  CHECK(eventually(
      [&] { return work.log.last().notes.find("there is no cgroup v2 on this node") != std::string::npos; }, 20s));
  CHECK_FALSE(work.log.last().actual_start);
  CHECK(work.beat(1) == "ok\n");
}

TEST_CASE("fd: not one more file and files again") {
  SKIP_WITHOUT_LAB();
  Working work(LabCluster::get(), "fd", {"n2"});
  work.applied();
  CHECK(work.beat(1) == "Too many open files\n");
  CHECK(work.beat(0) == "ok\n");
  CHECK(work.stop().bit == true);
  CHECK(work.beat(1) == "ok\n");
}

TEST_CASE("cpu: time is taken and nobody takes it afterwards") {
  SKIP_WITHOUT_LAB();
  Working work(LabCluster::get(), "cpu", {"n2"}, {{"workers", std::int64_t{1}}});
  work.applied();
  CHECK(work.lab.run(1, "pgrep -c shaketable-load") == "1\n");
  std::this_thread::sleep_for(1s);
  const FaultReport report = work.stop();
  CHECK(report.bit == true);
  CHECK(number(report.nodes[0], "cpu_ms") > 0);
}

TEST_CASE("memory: it is held") {
  SKIP_WITHOUT_LAB();
  Working work(LabCluster::get(), "memory", {"n2"}, {{"size", std::uint64_t{64} << 20}});
  work.applied();
  std::this_thread::sleep_for(1s);
  CHECK(work.lab.run(1, "grep VmRSS /proc/$(pgrep shaketable-load)/status | tr -dc 0-9").size() >= 5);
  const FaultReport report = work.stop();
  CHECK(report.bit == true);
  CHECK(number(report.nodes[0], "resident_bytes") >= (60 << 20));
}

TEST_CASE("disk-full: nothing can be written while the lease is renewed and then it can") {
  SKIP_WITHOUT_LAB();
  Working work(LabCluster::get(), "disk-full", {"n2"});
  work.applied();
  CHECK_FALSE(work.lab.try_run(1, "head -c 65536 /dev/zero >/var/lib/try && sync /var/lib/try").succeeded());
  CHECK(work.lab.try_run(0, "head -c 65536 /dev/zero >/var/lib/try && rm /var/lib/try").succeeded());
  // Longer than the lease.
  std::this_thread::sleep_for(12s);
  CHECK_FALSE(work.lab.try_run(1, "head -c 65536 /dev/zero >/var/lib/try && sync /var/lib/try").succeeded());
  work.lab.run(1, "rm -f /var/lib/try");
  CHECK(work.stop().bit == true);
  CHECK(work.lab.try_run(1, "head -c 65536 /dev/zero >/var/lib/try && rm /var/lib/try").succeeded());
  CHECK(work.lab.run(1, "ls -A /var/lib | grep shaketable-fill; true").empty());
}

TEST_CASE("on a full disk the next fault is refused leaves nothing to undo and the run goes on") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::get();
  lab.run(1, kStart);
  std::vector<ScheduledFault> schedule;
  for (const std::string name : {"disk-full", "pause", "kill", "command", "partition"}) {
    ScheduledFault fault;
    fault.id = static_cast<std::int64_t>(schedule.size() + 1);
    fault.lasts = name == "disk-full" ? Nanos(5s) : Nanos(1s);
    fault.fault = name;
    fault.options = Parameters(find_fault(name)->info().parameters);
    fault.options.set("target", std::vector<std::string>{"n2"});
    if (name == "partition") fault.options.set("shape", std::vector<std::string>{"isolate"});
    if (name == "command")
      for (const char* script : {"apply", "undo"}) fault.options.set(script, std::string("touch /tmp/undone"));
    schedule.push_back(std::move(fault));
  }
  struct Kept final : FaultLog {
    void record(const FaultReport& report) override { last[report.fault] = report; }
    std::map<std::string, FaultReport> last;
  } kept;
  Cluster cluster = lab.connect();
  Nemesis nemesis(cluster, Working::options());
  if (const auto prepared = nemesis.prepare(schedule); !prepared) FAIL(prepared.error().message);
  SteadyClock clock;
  CHECK(nemesis.run(schedule, clock, clock.now(), kept, {}).has_value());
  CHECK(kept.last["disk-full"].bit == true);
  for (const std::string name : {"pause", "kill", "command", "partition"}) {
    const FaultReport& report = kept.last[name];
    INFO(name << ": " << report.notes);
    CHECK(report.notes.find("the undo journal cannot be written") != std::string::npos);
    CHECK(report.undone == Undone::verified);
  }
  CHECK(all_clean(nemesis.heal_all()));
  CHECK_FALSE(lab.try_run(1, "test -e /tmp/undone").succeeded());
  lab.run(1, "kill -KILL $(cat /tmp/daemon.pid); rm -f /tmp/daemon.pid /tmp/beat");
  CHECK(lab.traces() == "");
}

TEST_CASE("truncate and bitflip and copy-chunk: a file is not what was written and is again") {
  SKIP_WITHOUT_LAB();
  for (const std::string name : {"truncate", "bitflip", "copy-chunk"}) {
    INFO(name);
    LabCluster& lab = LabCluster::get();
    lab.run(1, "mkdir -p /tmp/files && seq 1 20000 >/tmp/files/log");
    const std::string before = lab.run(1, "sha256sum /tmp/files/log");
    Working work(lab, name, {"n2"}, {{"files", std::vector<std::string>{"/tmp/files/*"}}});
    work.applied();
    CHECK(lab.run(1, "sha256sum /tmp/files/log") != before);
    CHECK(work.stop().bit == true);
    CHECK(lab.run(1, "sha256sum /tmp/files/log") == before);
    lab.run(1, "rm -r /tmp/files");
  }
}

TEST_CASE("command: the plan's own") {
  SKIP_WITHOUT_LAB();
  Working work(LabCluster::get(), "command", {"n2"},
               {{"apply", std::string("echo here >/tmp/mine")},
                {"undo", std::string("rm -f /tmp/mine")},
                {"proof", std::string("cat /tmp/mine")}});
  work.applied();
  CHECK(work.lab.run(1, "cat /tmp/mine") == "here\n");
  CHECK(work.stop().bit == true);
  CHECK_FALSE(work.lab.try_run(1, "test -e /tmp/mine").succeeded());
}

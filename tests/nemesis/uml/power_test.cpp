// Power on nodes with kernels of their own: what was synced is there afterwards, what was not is gone.
#include <catch2/catch.hpp>

#include <algorithm>
#include <ctime>

#include "cluster/lab/lab.h"
#include "tests/nemesis/lab/lab_cluster.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

namespace {

// A system that is one process, and says in the log of its node's disk each time that it is started.
SystemScripts sleeper() {
  SystemScripts out;
  out.pids = "pgrep -x -f 'sleep 98765' || true";
  out.start =
      "pgrep -x -f 'sleep 98765' >/dev/null && exit 0; setsid sleep 98765 </dev/null >/dev/null 2>&1 &\n"
      "echo started >>/data/starts; sync /data/starts";
  out.data = "/data/it";
  out.restore = "mkdir -p /run/it";
  return out;
}

NemesisOptions powered(const std::string& lab) {
  NemesisOptions options = lab_options();
  options.system = [](const std::string&) -> Result<SystemScripts> { return sleeper(); };
  options.power.cut = [lab](const std::string& node, Nanos lease, const std::string& start) {
    return Lab::cut_power(lab, node, lease, start);
  };
  options.power.renew = [lab](const std::string& node, Nanos lease) {
    return Lab::renew_power_lease(lab, node, lease);
  };
  options.power.boot = [lab](const std::string& node, Nanos timeout) { return Lab::boot(lab, node, timeout); };
  return options;
}

// Through a connection of its own: one that was there before hangs on a node that is not.
std::string fresh(LabCluster& lab, std::size_t node, const std::string& script) {
  CommandOutcome outcome;
  CHECK(eventually(
      [&] {
        Command command;
        command.script = script;
        outcome = make_ssh_remote(lab.specs()[node])->run(command);
        return outcome.state == CommandState::done;
      },
      60s));
  return outcome.out;
}

// A boot takes its time on a busy machine.
FaultReport applied(AtWork& work) {
  if (!work.log.wait_until_applied(120s)) FAIL("not applied: " << work.log.last().notes);
  return work.log.last();
}

FaultReport stopped(AtWork& work) {
  work.thread.request_stop();
  work.thread.join();
  CHECK(work.ended.has_value());
  FaultReport report = work.log.last();
  for (const NodeReport& node : report.nodes) UNSCOPED_INFO(node.node << ": " << node.notes);
  CHECK(report.undone == Undone::verified);
  CHECK(report.bit == true);
  for (const NodeCleanliness& node : work.nemesis.heal_all()) CHECK(node.state == Cleanliness::clean);
  // The lab's own hands have to take hold anew.
  for (std::size_t i = 0; i < work.lab.specs().size(); ++i)
    CHECK(eventually([&] { return work.lab.try_run(i, "true").succeeded(); }, 60s));
  CHECK(work.lab.traces() == "");
  return report;
}

// Seconds that the node's clock is off by at least: it was read between two moments of ours.
double clock_is_off(LabCluster& lab, std::size_t node) {
  const auto seconds = [] {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
  };
  double off = 0;
  for (int i = 0; i < 5; ++i) {
    const double before = seconds(), there = std::stod(lab.run(node, "date +%s.%N")), after = seconds();
    off = std::max({off, before - there, there - after});
  }
  return off;
}

constexpr const char* kWriteBoth =
    "mkdir -p /data/it && echo kept >/data/it/synced && sync /data/it/synced /data/it /data && "
    "echo lost >/data/it/unsynced";
constexpr const char* kReadBoth = "cat /data/it/synced; cat /data/it/unsynced 2>/dev/null; rm -rf /data/it; sync";

}  // namespace

TEST_CASE("uml power-cut: the node is gone until it ends and has lost what it had not synced and its system runs") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::with_own_kernels();
  lab.run(1, sleeper().start);
  fresh(lab, 1, kWriteBoth);
  // The lease is renewed, or the node would be back before the fault ends.
  AtWork work(lab, powered(lab.name()), {one_fault("power-cut", {"n2"})});
  CHECK(applied(work).targets == std::vector<std::string>{"n2"});
  CHECK(Lab::nodes_off(lab.name()) == std::vector<std::string>{"n2"});
  stopped(work);
  CHECK(Lab::nodes_off(lab.name()).empty());
  CHECK(fresh(lab, 1, kReadBoth) == "kept\n");
  CHECK(fresh(lab, 1, sleeper().pids) != "");
  CHECK(fresh(lab, 0, "cat /proc/uptime") != "");
}

TEST_CASE("uml lose-unsynced and reboot: one loses what was not synced and the other keeps it") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::with_own_kernels();
  for (const std::string name : {"lose-unsynced", "reboot"}) {
    INFO(name);
    fresh(lab, 0, sleeper().start);
    fresh(lab, 0, kWriteBoth);
    AtWork work(lab, powered(lab.name()), {one_fault(name, {"n1"})});
    applied(work);
    // It is back while the fault is in force: nothing is left to undo.
    CHECK(fresh(lab, 0, sleeper().pids) != "");
    CHECK(fresh(lab, 0, kReadBoth) == (name == "reboot" ? "kept\nlost\n" : "kept\n"));
    const FaultReport report = stopped(work);
    CHECK(report.nodes.at(0).proof.size() == 2);
  }
}

TEST_CASE("uml power-cut: without a controller the node boots by itself and starts what it ran") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::with_own_kernels();
  fresh(lab, 2, "rm -f /data/starts; sync");
  REQUIRE(Lab::cut_power(lab.name(), "n3", 2s, sleeper().restore + "\n" + sleeper().start));
  CHECK(Lab::nodes_off(lab.name()) == std::vector<std::string>{"n3"});
  CHECK(eventually([&] { return Lab::nodes_off(lab.name()).empty(); }, 60s));
  CHECK(eventually([&] { return fresh(lab, 2, "cat /data/starts") == "started\n"; }, 60s));
  CHECK(fresh(lab, 2, sleeper().pids) != "");
  CHECK(eventually([&] { return lab.try_run(2, "true").succeeded(); }, 60s));
  // It was told the time: by itself its kernel would be some tenths of a second behind.
  CHECK(clock_is_off(lab, 2) < 0.1);
}

TEST_CASE("uml power-cut: other faults on the node are kept away and it from them") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::with_own_kernels();
  Cluster cluster = lab.connect();
  Nemesis nemesis(cluster, powered(lab.name()));
  // Meant to overlap: the pause finds the node off, the reboot finds the node paused.
  std::vector<ScheduledFault> schedule{one_fault("power-cut", {"n1"}, {}, 4s), one_fault("pause", {"n1"}, {}, 1s),
                                       one_fault("delay", {"n2"}, {}, 8s), one_fault("reboot", {"n2"}, {}, 1s)};
  for (std::size_t i = 0; i < schedule.size(); ++i) schedule[i].id = static_cast<std::int64_t>(i + 1);
  for (const std::size_t i : {1, 2, 3}) schedule[i].at = i == 1 ? 1s : i == 2 ? 5s : 6s;
  REQUIRE(nemesis.prepare(schedule));
  SteadyClock clock;
  KeptLog log;
  CHECK(nemesis.run(schedule, clock, clock.now(), log, {}));
  std::map<std::int64_t, FaultReport> last;
  for (const FaultReport& report : log.all()) last[report.id] = report;
  CHECK(last[1].undone == Undone::verified);
  CHECK(last[2].notes == "not applied: power-cut 1 is in force on n1, and the node is off");
  CHECK(last[3].undone == Undone::verified);
  CHECK(last[4].notes == "not applied: delay 3 is in force on n2, and would be gone with the node's power");
  for (const NodeCleanliness& node : nemesis.heal_all()) CHECK(node.state == Cleanliness::clean);
}

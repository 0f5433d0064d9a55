// Power on nodes with kernels of their own: what was synced is there afterwards, what was not is gone.
#include <catch2/catch.hpp>

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
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

// By the disk alone: the kernel goes on.
ScheduledFault lose_by_disk(const std::string& node) {
  return one_fault("lose-unsynced", {node}, {{"way", std::string("dm-flakey")}});
}
constexpr const char* kTableAndMount = "dmsetup table lab-data; grep ' /data ' /proc/self/mountinfo | cut -d' ' -f3-";
constexpr const char* kLabVariable = "SHAKETABLE_TEST_LAB";
// How long the kernel keeps what nobody syncs; 0: until somebody does. A busy machine takes its time.
std::string keep_unsynced(const std::string& centiseconds) {
  return "echo " + centiseconds + " >/proc/sys/vm/dirty_writeback_centisecs";
}

}  // namespace

TEST_CASE("uml power-cut: the node is gone until it ends and has lost what it had not synced and its system runs") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::with_own_kernels();
  lab.run(1, sleeper().start);
  fresh(lab, 1, keep_unsynced("0"));
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
    fresh(lab, 0, keep_unsynced("0"));  // until the boot
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

TEST_CASE("uml lose-unsynced by dm-flakey: what was not synced is lost and table and mount are as found") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::with_own_kernels();
  lab.run(1, sleeper().start);
  const std::string before = lab.run(1, kTableAndMount), boot = lab.run(1, "cat /proc/sys/kernel/random/boot_id"),
                    pids = lab.run(1, sleeper().pids);
  CHECK(before.find(" linear ") != std::string::npos);
  NemesisOptions options = powered(lab.name());
  {
    // Somebody else is there: refused, and nothing has changed.
    const std::string other = lab.run(1, "cd /data && { setsid sleep 4321 </dev/null >/dev/null 2>&1 & echo $!; }");
    AtWork work(lab, options, {lose_by_disk("n2")});
    CHECK(eventually([&] { return work.log.last().notes.find("(sleep)") != std::string::npos; }, 60s));
    CHECK(lab.run(1, sleeper().pids) == pids);
    lab.run(1, "kill " + other);
  }
  lab.run(1, keep_unsynced("0"));
  lab.run(1, kWriteBoth);
  AtWork work(lab, options, {lose_by_disk("n2")});
  applied(work);
  lab.run(1, keep_unsynced("500"));
  CHECK(lab.run(1, kReadBoth) == "kept\n");
  CHECK(lab.run(1, kTableAndMount) == before);
  CHECK(lab.run(1, "cat /proc/sys/kernel/random/boot_id") == boot);
  const std::string now = lab.run(1, sleeper().pids);
  CHECK(now != "");
  CHECK(now != pids);
  const FaultReport report = stopped(work);
  CHECK(number(report.nodes.at(0), "dropped_writes") > 0);
  CHECK(lab.run(1, kTableAndMount) == before);
  CHECK(lab.run(1, "ls -A /data | grep shaketable || true") == "");
}

TEST_CASE("uml a controller of a disk that drops writes", "[.]") {
  const char* name = std::getenv(kLabVariable);
  REQUIRE(name != nullptr);
  LabCluster& lab = LabCluster::join(name);
  Cluster cluster = lab.connect();
  NemesisOptions options = lab_options(20s);
  options.system = [](const std::string&) -> Result<SystemScripts> {
    SystemScripts out = sleeper();
    // So that there is a middle to be killed in.
    out.pids = "dmsetup table lab-data | grep -q flakey && sleep 5; " + out.pids;
    return out;
  };
  Nemesis nemesis(cluster, options);
  const std::vector<ScheduledFault> schedule{lose_by_disk("n3")};
  REQUIRE(nemesis.prepare(schedule));
  SteadyClock clock;
  KeptLog log;
  (void)nemesis.run(schedule, clock, clock.now(), log, {});
}

TEST_CASE("uml lose-unsynced by dm-flakey: the guard puts disk and system back when controller and agent are killed") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::with_own_kernels();
  lab.run(2, sleeper().start);
  lab.run(2, keep_unsynced("0"));
  lab.run(2, kWriteBoth);
  const std::string before = lab.run(2, kTableAndMount);
  ::setenv(kLabVariable, lab.name().c_str(), 1);
  char program[] = SHAKETABLE_BIN_DIR "/test_nemesis_uml", test[] = "uml a controller of a disk that drops writes";
  char* const arguments[] = {program, test, nullptr};
  pid_t child = 0;
  REQUIRE(posix_spawn(&child, program, nullptr, nullptr, arguments, environ) == 0);
  // On the node itself: a look from here would be too late.
  lab.run(
      2,
      "rm -f /run/killed; setsid sh -c 'while ! dmsetup table lab-data | grep -q flakey; do sleep 0.05; done; "
      "pkill -9 -f \"[s]haketable-agent serve\" && dmsetup table lab-data >/run/killed' </dev/null >/dev/null 2>&1 &");
  CHECK(eventually([&] { return lab.try_run(2, "grep flakey /run/killed").succeeded(); }, 180s));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  // In that moment, not when the lease is over: the agent had taken a longer one for the time of its work.
  CHECK(eventually([&] { return !lab.try_run(2, "ls /var/lib/shaketable/node").succeeded(); }, 90s));
  CHECK(lab.run(2, "cat /run/shaketable-nemesis/undone").find("the agent that made it had ended") != std::string::npos);
  lab.run(2, keep_unsynced("500"));
  CHECK(lab.run(2, kTableAndMount) == before);
  CHECK(lab.run(2, sleeper().pids) != "");
  CHECK(lab.run(2, kReadBoth) == "kept\n");
  for (std::size_t i = 0; i < 3; ++i)
    CHECK(lab.run(i, "/var/lib/shaketable/shaketable-agent heal").find("clean\n") != std::string::npos);
  CHECK(eventually([&] { return lab.traces().empty(); }, 20s));
}

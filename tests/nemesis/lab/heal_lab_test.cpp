// Controllers that are killed, guards that are killed, journals in every state: the nodes get clean all the same.

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstdio>
#include <thread>

#include "base/random.h"
#include "nemesis/faults.h"
#include "nemesis/partition.h"
#include "tests/nemesis/lab/lab_cluster.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

extern char** environ;

namespace {

constexpr const char* kLabVariable = "SHAKETABLE_TEST_LAB";
constexpr Nanos kLease = 3s;
// Every agent on a node that answers a controller.
constexpr const char* kKillAgents =
    "for p in /proc/[0-9]*; do case \"$(tr '\\0' ' ' 2>/dev/null <$p/cmdline)\" in "
    "/var/lib/shaketable/shaketable-agent*) kill -KILL ${p#/proc/};; esac; done";

// This program again, as a controller that partitions the lab and then waits to be killed.
struct Controller {
  explicit Controller(const std::string& lab, const char* what = "a controller that waits to be killed") {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 3);
    setenv(kLabVariable, lab.c_str(), 1);
    std::string program = "/proc/self/exe", test = what;
    char* arguments[] = {program.data(), test.data(), nullptr};
    REQUIRE(posix_spawn(&pid, "/proc/self/exe", &actions, nullptr, arguments, environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
    unsetenv(kLabVariable);
    close(ends[1]);
    said = fdopen(ends[0], "r");
  }
  bool applied() const {
    char line[64] = "";
    return std::fgets(line, sizeof line, said) && std::string(line) == "applied\n";
  }
  void kill_it() {
    if (pid <= 0) return;
    ::kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    pid = 0;
  }
  void stand_still() const { ::kill(pid, SIGSTOP); }
  ~Controller() {
    kill_it();
    std::fclose(said);
  }
  pid_t pid = 0;
  std::FILE* said = nullptr;
};

void require_clean(const std::vector<NodeCleanliness>& nodes) {
  for (const NodeCleanliness& node : nodes) {
    INFO(node.node << ": " << node.reason);
    CHECK(node.state == Cleanliness::clean);
  }
}

// Node sides with guards, as prepare() leaves them, without a nemesis.
struct Sides {
  explicit Sides(LabCluster& lab) : cluster(lab.connect()), fleet(cluster) {
    for (auto& probed : fleet.on_each<NodeFacts>(fleet.all(), [](NodeSide&side, std::size_t) -> Result<NodeFacts> {
           if (auto installed = side.install(); !installed) return tl::unexpected(installed.error());
           auto found = side.probe();
           if (auto guarded = side.start_guard(20s); !guarded) return tl::unexpected(guarded.error());
           return found;
         })) {
      if (!probed) FAIL(probed.error().message);
      facts.push_back(*probed);
    }
  }
  Cluster cluster;
  NodeFleet fleet;
  std::vector<NodeFacts> facts;
};

NodeChange change_for(const Sides& sides) {
  NodeChange change;
  change.kind = "firewall";
  change.fault = 7;
  change.key = "states.7";
  change.limit = 60s;
  change.arguments = {{"rules4", cut_rules("states", 7, sides.facts[0].control, false, sides.facts[1].addresses4)},
                      {"rules6", cut_rules("states", 7, sides.facts[0].control, true, sides.facts[1].addresses6)}};
  return change;
}

template <class Work>
auto on_first(Sides& sides, Work work) {
  using T = typename decltype(work(std::declval<NodeSide&>()))::value_type;
  auto results = sides.fleet.on_each<T>({0}, [&](NodeSide& side, std::size_t) { return work(side); });
  return results.front();
}

}  // namespace

TEST_CASE("a controller that waits to be killed", "[.]") {
  const char* name = std::getenv(kLabVariable);
  REQUIRE(name != nullptr);
  LabCluster& lab = LabCluster::join(name);
  Cluster cluster = lab.connect();
  Nemesis nemesis(cluster, lab_options(kLease));
  const auto schedule = one_partition("majorities-ring", 60s);
  REQUIRE(nemesis.prepare(schedule).has_value());
  KeptLog log;
  SteadyClock clock;
  std::jthread thread([&](std::stop_token stop) { (void)nemesis.run(schedule, clock, clock.now(), log, stop); });
  REQUIRE(log.wait_until_applied(20s));
  REQUIRE(write(3, "applied\n", 8) == 8);
  std::this_thread::sleep_for(120s);
}

// A system of one process a node, for faults of processes.
constexpr const char* kStartSleeper =
    "kill -0 $(cat /tmp/sleeper 2>/dev/null) 2>/dev/null && exit 0; setsid sleep 600 </dev/null >/dev/null 2>&1 & echo "
    "$! >/tmp/sleeper";
constexpr const char* kSleeperPids = "p=$(cat /tmp/sleeper) && kill -0 $p 2>/dev/null && echo $p; true";

NemesisOptions sleeper_options() {
  NemesisOptions options = lab_options(kLease);
  options.system = [](const std::string&) -> Result<SystemScripts> {
    return SystemScripts{kSleeperPids, kStartSleeper, "/var/lib"};
  };
  return options;
}

TEST_CASE("a controller with faults of every family in force", "[.]") {
  const char* name = std::getenv(kLabVariable);
  REQUIRE(name != nullptr);
  LabCluster& lab = LabCluster::join(name);
  Cluster cluster = lab.connect();
  Nemesis nemesis(cluster, sleeper_options());
  std::vector<ScheduledFault> schedule = one_partition("halves", 60s);
  // disk-full comes last: where the journal cannot be written nothing more is done.
  for (const char* fault_name : {"cpu", "fd", "pause", "kill", "disk-full"}) {
    ScheduledFault fault;
    fault.id = static_cast<std::int64_t>(schedule.size() + 1);
    fault.lasts = 60s;
    fault.fault = fault_name;
    fault.options = Parameters(find_fault(fault_name)->info().parameters);
    const bool kill = std::string(fault_name) == "kill";
    fault.options.set("target", kill ? std::vector<std::string>{"n4"} : std::vector<std::string>{"n1", "n2", "n3"});
    schedule.push_back(std::move(fault));
  }
  if (const auto prepared = nemesis.prepare(schedule); !prepared) FAIL(prepared.error().message);
  KeptLog log;
  SteadyClock clock;
  std::jthread thread([&](std::stop_token stop) { (void)nemesis.run(schedule, clock, clock.now(), log, stop); });
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (std::chrono::steady_clock::now() < deadline) {
    const FaultReport last = log.last();
    if (last.fault == "disk-full" && last.nodes.front().applied == Applied::done) break;
    std::this_thread::sleep_for(20ms);
  }
  REQUIRE(log.last().nodes.front().applied == Applied::done);
  REQUIRE(write(3, "applied\n", 8) == 8);
  std::this_thread::sleep_for(120s);
}

TEST_CASE("a controller that breaks and undoes without a pause", "[.]") {
  const char* name = std::getenv(kLabVariable);
  REQUIRE(name != nullptr);
  LabCluster& lab = LabCluster::join(name);
  Cluster cluster = lab.connect();
  Nemesis nemesis(cluster, sleeper_options());
  std::vector<ScheduledFault> schedule;
  for (int i = 0; i < 200; ++i) {
    ScheduledFault fault = one_partition("halves", 100ms).front();
    if (const char* other = std::array{"", "pause", "cpu", "kill", "fd"}[static_cast<std::size_t>(i) % 5]; *other) {
      fault.fault = other;
      fault.options = Parameters(find_fault(other)->info().parameters);
      fault.options.set("target", std::vector<std::string>{"all"});
    }
    fault.id = i + 1;
    fault.at = i * 200ms;
    fault.seed = static_cast<std::uint64_t>(i);
    schedule.push_back(fault);
  }
  REQUIRE(nemesis.prepare(schedule).has_value());
  KeptLog log;
  SteadyClock clock;
  REQUIRE(write(3, "applied\n", 8) == 8);
  (void)nemesis.run(schedule, clock, clock.now(), log, {});
}

TEST_CASE("kill -9 at any moment of a mixed run: clean within the lease and 2 s") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::get();
  const std::uint64_t seed = Random::fresh_seed();
  INFO("seed " << seed);
  Random random(seed);
  for (std::size_t i = 0; i < lab.specs().size(); ++i) lab.run(i, kStartSleeper);
  const auto asleep = [&] {
    std::string out;
    for (std::size_t i = 0; i < lab.specs().size(); ++i)
      out += lab.run(i, "cut -d' ' -f3 /proc/$(cat /tmp/sleeper)/stat 2>/dev/null || echo gone");
    return out;
  };
  for (int round = 0; round < 5; ++round) {
    Controller controller(lab.name(), "a controller that breaks and undoes without a pause");
    REQUIRE(controller.applied());
    const Nanos moment = 500ms + Nanos(static_cast<std::int64_t>(random.uniform() * 2e9));
    INFO("killed after " << moment.count() / 1000000 << " ms");
    std::this_thread::sleep_for(moment);
    controller.kill_it();
    const auto killed = std::chrono::system_clock::now();
    CHECK(lab.undone() - killed < kLease + 2s);
    CHECK(eventually([&] { return lab.traces().empty(); }, 20s));
    CHECK(asleep() == "S\nS\nS\nS\nS\n");
  }
  for (std::size_t i = 0; i < lab.specs().size(); ++i) lab.run(i, "kill -KILL $(cat /tmp/sleeper); rm /tmp/sleeper");
}

TEST_CASE("kill -9 with faults of every family in force: all is undone within the lease and 2 s") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::get();
  for (std::size_t i = 0; i < lab.specs().size(); ++i) lab.run(i, kStartSleeper);
  const auto state = [&](std::size_t node) { return lab.run(node, "cut -d' ' -f3 /proc/$(cat /tmp/sleeper)/stat"); };
  Controller controller(lab.name(), "a controller with faults of every family in force");
  REQUIRE(controller.applied());
  for (std::size_t i = 0; i < 3; ++i) CHECK(state(i) == "T\n");
  CHECK(lab.traces(0).find("load") != std::string::npos);
  CHECK(lab.traces(0).find("shaketable-fill") != std::string::npos);
  CHECK_FALSE(lab.try_run(3, "kill -0 $(cat /tmp/sleeper)").succeeded());
  controller.kill_it();
  const auto killed = std::chrono::system_clock::now();
  CHECK(lab.undone() - killed < kLease + 2s);
  CHECK(eventually([&] { return lab.traces().empty(); }, 20s));
  for (std::size_t i = 0; i < 4; ++i) CHECK(state(i) == "S\n");
  CHECK(lab.run(0, "grep 'open files' /proc/$(cat /tmp/sleeper)/limits") ==
        lab.run(4, "grep 'open files' /proc/$(cat /tmp/sleeper)/limits"));
  for (std::size_t i = 0; i < lab.specs().size(); ++i) lab.run(i, "kill -KILL $(cat /tmp/sleeper); rm /tmp/sleeper");
}

TEST_CASE("kill -9 of the controller: the nodes undo it themselves within the lease and 2 s") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::get();
  Controller controller(lab.name());
  REQUIRE(controller.applied());
  // Longer than the lease: it is being renewed.
  std::this_thread::sleep_for(kLease + 2s);
  CHECK_FALSE(lab.traces(0).empty());
  controller.kill_it();
  const auto killed = std::chrono::system_clock::now();
  CHECK(lab.undone() - killed < kLease + 2s);
  CHECK(eventually([&] { return lab.traces().empty(); }, 20s));
  CHECK(lab.listen() == lab.expected(""));
}

TEST_CASE("heal beside a controller that stands still and again") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::get();
  Controller controller(lab.name());
  REQUIRE(controller.applied());
  controller.stand_still();
  {
    Cluster cluster = lab.connect();
    const auto healed = heal(cluster);
    require_clean(healed);
    CHECK(all_clean(healed));
    for (const NodeCleanliness& node : healed) CHECK_FALSE(node.undone.empty());
  }
  CHECK(lab.traces().empty());
  Cluster cluster = lab.connect();
  const auto again = heal(cluster);
  require_clean(again);
  for (const NodeCleanliness& node : again) CHECK(node.undone.empty());
}

TEST_CASE("a new run first heals what an older one left and says so") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::get();
  Controller controller(lab.name());
  REQUIRE(controller.applied());
  controller.stand_still();
  Cluster cluster = lab.connect();
  Nemesis nemesis(cluster, lab_options());
  const auto prepared = nemesis.prepare(one_partition("halves", 1s));
  if (!prepared) FAIL(prepared.error().message);
  CHECK(prepared->leftovers.size() == lab.specs().size());
  CHECK(lab.run(0, "iptables -S").find("SHAKETABLE") == std::string::npos);
  require_clean(nemesis.heal_all());
  CHECK(lab.traces().empty());
}

TEST_CASE("heal from every state of the journal and without one") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::get();
  const std::string before = lab.rules(0);
  const std::string journal = "/var/lib/shaketable/node/states.7";
  const auto arm = [&](Sides& sides) {
    const auto armed = on_first(sides, [&](NodeSide& side) { return side.arm(change_for(sides), 20s); });
    if (!armed) FAIL(armed.error().message);
  };
  const auto cut = [&](Sides& sides) {
    arm(sides);
    SteadyClock clock;
    CommitTimes times;
    const auto done = on_first(sides, [&](NodeSide& side) {
      return side.commit(change_for(sides), std::chrono::steady_clock::now() + 5ms, clock, times);
    });
    if (!done) FAIL(done.error().message);
    CHECK(lab.rules(0).find("SHAKETABLE-IN-7") != std::string::npos);
  };
  const auto kill_guard = [&] { lab.run(0, "read -r pid start </run/shaketable-nemesis/guard; kill -KILL $pid"); };

  SECTION("planned: armed and never committed") {
    Sides sides(lab);
    arm(sides);
    CHECK(lab.run(0, "grep ^state " + journal) == "state planned\n");
  }
  SECTION("applied") {
    Sides sides(lab);
    cut(sides);
    CHECK(lab.run(0, "grep ^state " + journal) == "state applied\n");
  }
  SECTION("applied, the guard killed, everything below /run gone") {
    Sides sides(lab);
    cut(sides);
    kill_guard();
    lab.run(0, "rm -rf /run/shaketable-nemesis");
  }
  SECTION("half undone: the jump is gone, the chain is not") {
    Sides sides(lab);
    cut(sides);
    kill_guard();
    lab.run(0, "iptables -D INPUT 1; sed -i 's/^state .*/state undone/' " + journal);
  }
  SECTION("undone, but still in the journal") {
    Sides sides(lab);
    cut(sides);
    kill_guard();
    lab.run(0,
            "for t in iptables ip6tables; do $t -D INPUT 1; $t -D FORWARD 1; $t -F SHAKETABLE-IN-7; $t -X "
            "SHAKETABLE-IN-7; done; sed -i 's/^state .*/state undone/' " +
                journal);
  }
  SECTION("half a journal, never given its name") {
    Sides sides(lab);
    arm(sides);
    kill_guard();
    lab.run(0, "mv " + journal + " /var/lib/shaketable/node/.new.states.7");
  }
  SECTION("no journal, but chains, jumped to twice") {
    Sides sides(lab);
    cut(sides);
    kill_guard();
    lab.run(
        0, "rm -rf /var/lib/shaketable; iptables -I INPUT 1 -j SHAKETABLE-IN-7; iptables -A OUTPUT -j SHAKETABLE-IN-7");
  }
  SECTION("from before a reboot") {
    Sides sides(lab);
    cut(sides);
    kill_guard();
    lab.run(0, "sed -i 's/^boot .*/boot 0000/; s/^.found4.*/.found4 -A%20INPUT%20-j%20GONE/' " + journal);
  }
  SECTION("guard and agent killed together") {
    Sides sides(lab);
    cut(sides);
    kill_guard();
    lab.run(0, kKillAgents);
    CHECK(lab.rules(0).find("SHAKETABLE-IN-7") != std::string::npos);
  }
  SECTION("of an older version: a directory an entry, a guard of shell") {
    lab.run(
        0,
        "mkdir -p /var/lib/shaketable/node/old.7 /run/shaketable-nemesis && cd /var/lib/shaketable/node/old.7 && "
        "echo partition >kind && echo 7 >id && cat /proc/sys/kernel/random/boot_id >boot && echo applied >state && "
        "iptables -S >found4 && ip6tables -S >found6 && iptables -N SHAKETABLE-IN-7 && "
        "iptables -I INPUT 1 -j SHAKETABLE-IN-7 && "
        "{ setsid sh -c 'sleep 300; true' </dev/null >/dev/null 2>&1 & } && sleep 0.2 && p=$! && "
        "set -- $(cat /proc/$p/stat) && echo \"$p ${22}\" >/run/shaketable-nemesis/guard && echo $p >/tmp/old-guard");
  }
  {
    Cluster cluster = lab.connect();
    require_clean(heal(cluster));
    require_clean(heal(cluster));
  }
  CHECK(lab.rules(0) == before);
  CHECK(
      lab.run(
             0,
             "read -r p 2>/dev/null </tmp/old-guard && rm /tmp/old-guard && kill -0 $p 2>/dev/null && echo there; true")
          .empty());
  CHECK(lab.traces().empty());
}

TEST_CASE("a journal that was damaged: the rules go all the same but the node is not called clean") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::get();
  {
    Sides sides(lab);
    SteadyClock clock;
    CommitTimes times;
    REQUIRE(on_first(sides, [&](NodeSide& side) { return side.arm(change_for(sides), 20s); }).has_value());
    REQUIRE(on_first(sides, [&](NodeSide& side) {
              return side.commit(change_for(sides), std::chrono::steady_clock::now(), clock, times);
            }).has_value());
    lab.run(0, ": >/var/lib/shaketable/node/states.7; rm -r /run/shaketable-nemesis/journal");
  }
  Cluster cluster = lab.connect();
  const auto healed = heal(cluster);
  CHECK(healed[0].state == Cleanliness::unknown);
  CHECK(healed[0].reason.find("/var/lib/shaketable/node/states.7") != std::string::npos);
  CHECK(lab.rules(0).find("SHAKETABLE") == std::string::npos);
  lab.run(0, "rm /var/lib/shaketable/node/states.7");
  require_clean(heal(cluster));
  CHECK(lab.traces().empty());
}

TEST_CASE("heal with the journal lost: by its copy and by what the kernel shows and else it says that nobody knows") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::get();
  const bool copy_too = GENERATE(false, true);
  INFO((copy_too ? "the copy is lost too" : "the copy is there"));
  for (std::size_t i = 0; i < lab.specs().size(); ++i) lab.run(i, kStartSleeper);
  const std::string before = lab.rules(0);
  const auto asleep = [&] { return lab.run(0, "cut -d' ' -f3 /proc/$(cat /tmp/sleeper)/stat"); };
  Controller controller(lab.name(), "a controller with faults of every family in force");
  REQUIRE(controller.applied());
  CHECK(asleep() == "T\n");
  controller.stand_still();
  lab.run(0,
          "pkill -KILL -f '^shaketable-agent guard|^/var/lib/shaketable/shaketable-agent serve'; rm -r "
          "/var/lib/shaketable/node" +
              std::string(copy_too ? " /run/shaketable-nemesis" : ""));
  controller.kill_it();
  CHECK(lab.rules(0) != before);
  const CommandOutcome healed = lab.try_run(0, "/var/lib/shaketable/shaketable-agent heal");
  INFO(healed.out);
  CHECK(lab.rules(0) == before);
  CHECK(lab.run(0, "pgrep -x shaketable-load; true") == "");
  CHECK(lab.run(0, "ls -A /var/lib | grep shaketable-fill; true") == "");
  if (copy_too) {
    CHECK(healed.exit_code == 5);
    CHECK(healed.out.find("unknown: its journal cannot be read") != std::string::npos);
    CHECK(healed.out.find("(sleep) stands still: kill -CONT") != std::string::npos);
    const CommandOutcome again = lab.try_run(0, "/var/lib/shaketable/shaketable-agent heal");
    CHECK(again.exit_code == 5);
    lab.run(0, "kill -CONT $(cat /tmp/sleeper); rm -r /var/lib/shaketable/node");
    CHECK(lab.run(0, "/var/lib/shaketable/shaketable-agent heal") == "clean\n");
  } else {
    CHECK(healed.exit_code == 0);
    CHECK(asleep() == "S\n");
  }
  CHECK(eventually([&] { return lab.traces().empty(); }, kLease + 20s));
  for (std::size_t i = 0; i < lab.specs().size(); ++i) lab.run(i, "kill -KILL $(cat /tmp/sleeper); rm /tmp/sleeper");
}

TEST_CASE("agent killed or SSH cut: its node undoes it at once and the run says so and goes on") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::get();
  const std::string how = GENERATE("agent", "session");
  INFO(how);
  // Far longer than the test: what ends sooner has not ended with its lease.
  AtWork work(lab, lab_options(60s), one_partition("halves", 120s));
  work.applied();
  const std::string guard = lab.run(0, "cat /run/shaketable-nemesis/guard");
  if (how == "agent")
    lab.run(0, kKillAgents);
  else  // sshd's process for the nemesis's connection: the agent's parent
    lab.run(
        0, "for p in $(pgrep -f '^/var/lib/shaketable/shaketable-agent serve'); do kill -KILL $(ps -o ppid= $p); done");
  CHECK(eventually([&] { return lab.rules(0).find("SHAKETABLE") == std::string::npos; }, 20s));
  CHECK(lab.run(0, "cat /run/shaketable-nemesis/guard") == guard);
  CHECK(lab.run(0, "ls /var/lib/shaketable/node 2>/dev/null; true") == "");
  CHECK(lab.rules(1).find("SHAKETABLE") != std::string::npos);
  const FaultReport report = work.stop();
  REQUIRE(report.nodes.front().node == "n1");
  INFO(report.nodes.front().notes);
  CHECK(report.nodes.front().notes.find("the agent that made it had ended") != std::string::npos);
  CHECK_FALSE(report.nodes.front().bit.has_value());
  REQUIRE(report.nodes.front().undone_at.has_value());
  CHECK(*report.nodes.front().undone_at < *report.nodes.back().undone_at);
}

TEST_CASE("an agent that was killed is started again and the run says what its guard did") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::get();
  AtWork work(lab, lab_options(kLease), one_partition("halves", 120s));
  work.applied();
  lab.run(0, kKillAgents);
  // A renewal comes every third of the lease.
  CHECK(eventually([&] { return lab.try_run(0, "pgrep -f '^/var/lib/shaketable/shaketable-agent serve'").succeeded(); },
                   20s));
  CHECK(eventually([&] { return lab.run(0, "cat /run/shaketable-nemesis/undone").find(" told ") != std::string::npos; },
                   20s));
  const FaultReport report = work.stop();
  INFO(report.notes);
  CHECK(report.notes.find("node n1: fault lab-test.1 was undone by the guard: the agent that made it had ended") !=
        std::string::npos);
}

TEST_CASE("guard and agent killed together and the controller too: heal cleans") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::get();
  Controller controller(lab.name());
  REQUIRE(controller.applied());
  controller.stand_still();
  lab.run(0, "pkill -KILL -f '^shaketable-agent guard|^/var/lib/shaketable/shaketable-agent serve'");
  controller.kill_it();
  CHECK(eventually([&] { return lab.traces(1).empty(); }, kLease + 20s));
  CHECK(lab.rules(0).find("SHAKETABLE") != std::string::npos);
  Cluster cluster = lab.connect();
  const auto healed = heal(cluster);
  require_clean(healed);
  CHECK_FALSE(healed.front().undone.empty());
  CHECK(lab.traces() == "");
}

TEST_CASE("a controller that stands still: the lease runs out and its nodes are clean") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::get();
  Controller controller(lab.name());
  REQUIRE(controller.applied());
  controller.stand_still();
  const auto stopped = std::chrono::system_clock::now();
  CHECK(lab.undone() - stopped < kLease + 2s);
  CHECK(eventually([&] { return lab.traces().empty(); }, 20s));
  CHECK(lab.try_run(0, "pgrep -f '^/var/lib/shaketable/shaketable-agent serve'").succeeded());
}

TEST_CASE("by hand on a node: status and heal") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::get();
  Controller controller(lab.name());
  REQUIRE(controller.applied());
  const std::string agent = "/var/lib/shaketable/shaketable-agent";
  const std::string status = lab.run(0, agent + " status");
  CHECK(status.find("lease ends in") != std::string::npos);
  CHECK(status.find("fault lab-test.1: firewall, applied") != std::string::npos);
  CHECK(status.find("iptables -N SHAKETABLE-IN-1") != std::string::npos);
  controller.stand_still();
  const std::string healed = lab.run(0, agent + " heal");
  CHECK(healed.find("undone: fault lab-test.1 (journal: applied)") != std::string::npos);
  CHECK(healed.ends_with("clean\n"));
  CHECK(lab.traces(0).empty());
  CHECK(lab.run(0, agent + " status") == "no guard\n");
  Cluster cluster = lab.connect();
  require_clean(heal(cluster));
}

TEST_CASE("a guard that is killed is started again while the lease is renewed") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::get();
  Cluster cluster = lab.connect();
  Nemesis nemesis(cluster, lab_options(2s));
  const auto schedule = one_partition("halves", 60s);
  // The system under test keeps its pids nearby.
  lab.run(0, "mkdir -p /run/shaketable/etcd /var/lib/shaketable/theirs && echo 1 >/run/shaketable/etcd/pid");
  REQUIRE(nemesis.prepare(schedule).has_value());
  const std::string first = lab.run(0, "cat /run/shaketable-nemesis/guard");
  lab.run(0, "read -r pid start </run/shaketable-nemesis/guard; kill -KILL $pid");
  bool replaced = false;
  for (int i = 0; i < 40 && !replaced; ++i) {
    std::this_thread::sleep_for(200ms);
    const auto now =
        lab.try_run(0, "read -r pid start </run/shaketable-nemesis/guard && kill -0 $pid && echo $pid $start");
    replaced = now.succeeded() && now.out != first;
  }
  CHECK(replaced);
  require_clean(nemesis.heal_all());
  CHECK(lab.run(0, "cat /run/shaketable/etcd/pid") == "1\n");
  lab.run(0, "rm -r /run/shaketable && rmdir /var/lib/shaketable/theirs");
  CHECK(lab.traces().empty());
}

TEST_CASE("a change whose lease ran out while it was armed is never committed") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::get();
  Sides sides(lab);
  const NodeChange change = change_for(sides);
  const auto armed = on_first(sides, [&](NodeSide& side) { return side.arm(change, 1s); });
  if (!armed) FAIL(armed.error().message);
  bool gone = false;
  for (int i = 0; i < 40 && !gone; ++i) {
    std::this_thread::sleep_for(200ms);
    gone = !lab.try_run(0, "test -e /run/shaketable-nemesis").succeeded();
  }
  REQUIRE(gone);
  SteadyClock clock;
  CommitTimes times;
  CHECK_FALSE(on_first(sides, [&](NodeSide& side) {
                return side.commit(change, std::chrono::steady_clock::now(), clock, times);
              }).has_value());
  CHECK(lab.rules(0).find("SHAKETABLE") == std::string::npos);
  require_clean(heal(sides.cluster));
  CHECK(lab.traces().empty());
}

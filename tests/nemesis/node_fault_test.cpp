// Faults of processes, resources and commands: what the agent is asked, and what is made of its answers.

#include "nemesis/node_fault.h"

#include <catch2/catch.hpp>

#include "nemesis/nemesis.h"
#include "tests/nemesis/fake_node_side.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

namespace {

struct Last final : FaultLog {
  void record(const FaultReport& report) override { last = report; }
  FaultReport last;
};

struct Fixture {
  Fixture() : scripted(scripted_cluster(3)) {
    options.run = "run";
    options.node_side = [this](const NodeSpec& spec, Remote&) { return std::make_unique<FakeNodeSide>(nodes, spec); };
    options.fresh_remote = [this](const NodeSpec&) { return std::make_unique<ScriptedRemote>(scripted.nodes[0]); };
    options.system = [](const std::string& node) -> Result<SystemScripts> {
      return SystemScripts{"pids of " + node, "start " + node, "/var/lib/it"};
    };
    fault.id = 4;
    fault.lasts = 1s;
    fault.seed = 9;
  }
  void choose(const std::string& name, std::vector<std::string> target) {
    fault.fault = name;
    fault.options = Parameters(find_fault(name)->info().parameters);
    fault.options.set("target", std::move(target));
  }
  Result<void> run() {
    Nemesis nemesis(scripted.cluster, options);
    const auto prepared = nemesis.prepare({fault});
    if (!prepared) return tl::unexpected(prepared.error());
    return nemesis.run({fault}, clock, 0s, log, {});
  }
  agent::Fields asked(const std::string& node) { return nodes.asked.at(node).arguments; }
  FakeNodes nodes;
  ScriptedCluster scripted;
  NemesisOptions options;
  ScheduledFault fault;
  ManualClock clock;
  Last log;
};

}  // namespace

TEST_CASE("a pause asks for the system's processes on its nodes and no others") {
  Fixture f;
  f.choose("pause", {"n1", "n3"});
  REQUIRE(f.run().has_value());
  CHECK(f.log.last.targets == std::vector<std::string>{"n1", "n3"});
  CHECK(f.log.last.text == "its processes are stopped by SIGSTOP on n1 n3");
  CHECK(f.log.last.bit == true);
  CHECK(f.log.last.undone == Undone::verified);
  CHECK(f.nodes.asked.count("n2") == 0);
  CHECK(f.nodes.asked.at("n1").kind == "process");
  CHECK(f.nodes.asked.at("n1").key == "run.4");
  CHECK(f.asked("n3") == agent::Fields{{"action", "pause"}, {"pids", "pids of n3"}});
}

TEST_CASE("a kill needs to know how the system is started") {
  Fixture f;
  f.choose("kill", {"one"});
  SECTION("the system's file says it") {
    REQUIRE(f.run().has_value());
    const std::string node = f.log.last.targets.front();
    CHECK(f.asked(node) == agent::Fields{{"action", "kill"}, {"pids", "pids of " + node}, {"start", "start " + node}});
  }
  SECTION("the plan says it") {
    f.fault.options.set("start", std::string("mine"));
    REQUIRE(f.run().has_value());
    CHECK(agent::field(f.asked(f.log.last.targets.front()), "start") == "mine");
  }
  SECTION("nobody says it: nothing is done") {
    f.options.system = [](const std::string&) -> Result<SystemScripts> { return SystemScripts{"pids", "", ""}; };
    REQUIRE(f.run().has_value());
    CHECK(f.log.last.notes.find("nothing could undo this") != std::string::npos);
    CHECK(f.nodes.asked.empty());
  }
}

TEST_CASE("resources are asked for as the plan has them") {
  Fixture f;
  f.choose("memory", {"n2"});
  f.fault.options.set("size", std::uint64_t{1} << 20);
  f.fault.options.set("start_again", false);
  REQUIRE(f.run().has_value());
  CHECK(f.asked("n2") == agent::Fields{{"what", "memory"}, {"bytes", "1048576"}});
  f.choose("disk-full", {"n2"});
  REQUIRE(f.run().has_value());
  CHECK(f.asked("n2") ==
        agent::Fields{
            {"path", "/var/lib/it"}, {"leave", "0"}, {"ended.pids", "pids of n2"}, {"ended.start", "start n2"}});
  f.choose("cpu", {"n2"});
  f.options.system = nullptr;
  REQUIRE(f.run().has_value());
  CHECK(f.asked("n2") == agent::Fields{{"what", "cpu"}, {"workers", "0"}});
}

TEST_CASE("files are named by the plan or are those of the system's data") {
  Fixture f;
  f.choose("bitflip", {"n2"});
  REQUIRE(f.run().has_value());
  CHECK(agent::field(f.asked("n2"), "list") == "find /var/lib/it -xdev -type f -size +0");
  CHECK(agent::field(f.asked("n2"), "flips") == "1");
  const std::string seed(agent::field(f.asked("n2"), "seed"));
  CHECK_FALSE(seed.empty());
  f.choose("truncate", {"n2"});
  f.fault.options.set("files", std::vector<std::string>{"/data/*.wal", "/data/snap"});
  REQUIRE(f.run().has_value());
  CHECK(agent::field(f.asked("n2"), "list") ==
        "for f in /data/*.wal /data/snap; do [ -f \"$f\" ] && echo \"$f\"; done; true");
  CHECK(agent::field(f.asked("n2"), "bytes") == "4096");
  CHECK(agent::field(f.asked("n2"), "seed") == seed);  // the fault's own
}

TEST_CASE("a command without its undo is refused before any node is asked") {
  Fixture f;
  f.choose("command", {"n2"});
  f.fault.options.set("apply", std::string("true"));
  f.fault.options.set("undo", std::string());
  const auto ran = f.run();
  REQUIRE_FALSE(ran.has_value());
  CHECK(ran.error().message == "command: undo must be a script");
  CHECK(f.nodes.calls.empty());
}

TEST_CASE("what was not seen to bite is reported as not proved") {
  Fixture f;
  f.nodes.dropped = 0;
  f.choose("pause", {"n2"});
  REQUIRE(f.run().has_value());
  CHECK(f.log.last.bit == false);
  CHECK(f.log.last.notes == "not proved on n2: it was not seen to bite");
}

TEST_CASE("nodes without a packet filter take faults that need none") {
  Fixture f;
  f.choose("pause", {"all"});
  const std::vector<NodeSpec> specs{scripted_node_spec(1)};
  const auto commands = planned_commands(specs, f.options, {f.fault});
  std::string all;
  for (const PlannedCommand& command : commands) all += command.purpose + ": " + command.script + "\n";
  INFO(all);
  CHECK(all.find("pause 4: journal, then its processes are stopped by SIGSTOP: shaketable-agent: process action=pause "
                 "pids=pids of n1") != std::string::npos);
  CHECK(all.find("shaketable-agent: undo run.4") != std::string::npos);
  CHECK_FALSE(find_fault("pause")->cuts());
  CHECK(find_fault("partition")->cuts());
}

TEST_CASE("strobe and leap ask for the clock as the plan has them") {
  Fixture f;
  f.choose("strobe", {"n1"});
  f.fault.options.set("delta", Nanos(3s));
  f.fault.options.set("way", std::string("back"));
  REQUIRE(f.run().has_value());
  CHECK(f.nodes.asked.at("n1").kind == "clock");
  CHECK(agent::field(f.asked("n1"), "delta") == "-3000000000");
  CHECK(agent::field(f.asked("n1"), "period") == "200000000");
  CHECK(f.log.last.text == "the clock is set 3s away and back every 200ms on n1");
  f.choose("leap", {"n1"});
  f.fault.options.set("second", std::string("repeated"));
  REQUIRE(f.run().has_value());
  CHECK(agent::field(f.asked("n1"), "offset") == "-1000000000");
  f.fault.options.set("second", std::string("skipped"));
  f.fault.options.set("manner", std::string("kernel"));
  REQUIRE(f.run().has_value());
  CHECK(agent::field(f.asked("n1"), "announce") == "delete");
  CHECK_FALSE(agent::has_field(f.asked("n1"), "offset"));
  CHECK(agent::has_field(f.asked("n1"), "controller_boot"));
}

TEST_CASE("ntp-block drops NTP and the keys of NTS both ways and nothing else") {
  Fixture f;
  f.choose("ntp-block", {"n2"});
  REQUIRE(f.run().has_value());
  CHECK(f.nodes.asked.at("n2").kind == "firewall");
  CHECK(agent::field(f.asked("n2"), "rules4") ==
        "*filter\n:SHAKETABLE-IN-4 - [0:0]\n:SHAKETABLE-OUT-4 - [0:0]\n"
        "-A SHAKETABLE-IN-4 -i lo -j RETURN\n"
        "-A SHAKETABLE-IN-4 -p udp -m udp --dport 123 -j DROP\n"
        "-A SHAKETABLE-IN-4 -p udp -m udp --sport 123 -j DROP\n"
        "-A SHAKETABLE-IN-4 -p tcp -m tcp --dport 4460 -j DROP\n"
        "-A SHAKETABLE-IN-4 -p tcp -m tcp --sport 4460 -j DROP\n"
        "-A SHAKETABLE-OUT-4 -o lo -j RETURN\n"
        "-A SHAKETABLE-OUT-4 -p udp -m udp --dport 123 -j DROP\n"
        "-A SHAKETABLE-OUT-4 -p udp -m udp --sport 123 -j DROP\n"
        "-A SHAKETABLE-OUT-4 -p tcp -m tcp --dport 4460 -j DROP\n"
        "-A SHAKETABLE-OUT-4 -p tcp -m tcp --sport 4460 -j DROP\n"
        "-I INPUT 1 -m comment --comment \"shaketable:run:4\" -j SHAKETABLE-IN-4\n"
        "-I FORWARD 1 -m comment --comment \"shaketable:run:4\" -j SHAKETABLE-IN-4\n"
        "-I OUTPUT 1 -m comment --comment \"shaketable:run:4\" -j SHAKETABLE-OUT-4");
  CHECK(agent::field(f.asked("n2"), "rules6") == agent::field(f.asked("n2"), "rules4"));
  f.nodes.ipv6 = false;
  REQUIRE(f.run().has_value());
  CHECK_FALSE(agent::has_field(f.asked("n2"), "rules6"));
}

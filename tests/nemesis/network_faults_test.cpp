// Faults of the network: what the agent is asked, and what is refused before any node is.

#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "nemesis/cut_rules.h"
#include "nemesis/fault.h"
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
  Fixture() : scripted(scripted_cluster(4)) {
    options.run = "run";
    options.node_side = [this](const NodeSpec& spec, Remote&) { return std::make_unique<FakeNodeSide>(nodes, spec); };
    options.fresh_remote = [this](const NodeSpec&) { return std::make_unique<ScriptedRemote>(scripted.nodes[0]); };
    fault.id = 4;
    fault.lasts = 20s;
    fault.seed = 9;
  }
  void choose(const std::string& name, std::vector<std::string> target) {
    fault.fault = name;
    fault.options = Parameters(find_fault(name)->info().parameters);
    fault.options.set("target", std::move(target));
  }
  std::vector<NodeCleanliness> run() {
    Nemesis nemesis(scripted.cluster, options);
    const auto prepared = nemesis.prepare({fault});
    if (!prepared) {
      refused = prepared.error().message;
      return {};
    }
    (void)nemesis.run({fault}, clock, 0s, log, {});
    if (change_foreign) nodes.foreign = *change_foreign;
    return nemesis.heal_all();
  }
  std::string asked(const std::string& node, const std::string& name) {
    return std::string(agent::field(nodes.asked.at(node).arguments, name));
  }
  FakeNodes nodes;
  ScriptedCluster scripted;
  NemesisOptions options;
  ScheduledFault fault;
  ManualClock clock;
  Last log;
  std::string refused;
  std::optional<std::map<std::string, ForeignState>> change_foreign;
};

}  // namespace

TEST_CASE("dns: what is asked of name servers is cut and nothing else") {
  Fixture f;
  f.choose("dns", {"n2"});
  f.run();
  CHECK(f.nodes.asked.at("n2").kind == "firewall");
  CHECK(f.asked("n2", "rules4") ==
        "*filter\n:SHAKETABLE-OUT-4 - [0:0]\n"
        "-A SHAKETABLE-OUT-4 -p udp -m udp --dport 53 -j DROP\n"
        "-A SHAKETABLE-OUT-4 -p tcp -m tcp --dport 53 -j DROP\n"
        "-I OUTPUT 1 -m comment --comment \"shaketable:run:4\" -j SHAKETABLE-OUT-4\n"
        "-I FORWARD 1 -m comment --comment \"shaketable:run:4\" -j SHAKETABLE-OUT-4");
  CHECK(dns_rules("run", 4, true, true, true).find("--dport 853 -j REJECT --reject-with tcp-reset") !=
        std::string::npos);
  CHECK(f.nodes.asked.count("n1") == 0);
}

TEST_CASE("swizzle: every node has a time of its own to go and to come and all are gone before one comes") {
  Fixture f;
  f.choose("swizzle", {"n1", "n2", "n3"});
  f.run();
  std::set<std::int64_t> going, coming;
  for (const std::string node : {"n1", "n2", "n3"}) {
    const std::int64_t first = agent::to_number(f.asked(node, "first_ns")).value();
    going.insert(first);
    coming.insert(first + agent::to_number(f.asked(node, "cut_ns")).value());
    CHECK(f.asked(node, "open_ns") == "0");
  }
  constexpr std::int64_t kSecond = 1'000'000'000;
  CHECK(going == std::set<std::int64_t>{0, kSecond, 2 * kSecond});
  CHECK(coming == std::set<std::int64_t>{17 * kSecond, 18 * kSecond, 19 * kSecond});
  CHECK(f.nodes.asked.count("n4") == 0);
  const auto before = f.asked("n1", "first_ns") + f.asked("n2", "first_ns") + f.asked("n1", "cut_ns");
  f.run();
  CHECK(f.asked("n1", "first_ns") + f.asked("n2", "first_ns") + f.asked("n1", "cut_ns") == before);
}

TEST_CASE("swizzle: a fault that is short has shorter steps") {
  Fixture f;
  f.fault.lasts = 3s;
  f.choose("swizzle", {"n1", "n2", "n3"});
  f.run();
  for (const std::string node : {"n1", "n2", "n3"}) {
    const std::int64_t first = agent::to_number(f.asked(node, "first_ns")).value();
    CHECK(first <= 1'000'000'000);
    CHECK(first + agent::to_number(f.asked(node, "cut_ns")).value() >= 1'500'000'000);
    CHECK(first + agent::to_number(f.asked(node, "cut_ns")).value() <= 3'000'000'000);
  }
}

TEST_CASE("flaky: times as the plan has them and too short ones are refused") {
  Fixture f;
  f.choose("flaky", {"n2"});
  f.fault.options.set("period", Nanos(4s));
  f.fault.options.set("down", 25.0);
  SECTION("as asked") {
    f.run();
    CHECK(f.asked("n2", "cut_ns") == "1000000000");
    CHECK(f.asked("n2", "open_ns") == "3000000000");
    CHECK(f.asked("n2", "jumps4").find("-I OUTPUT 1 ") != std::string::npos);
    // The way to the node itself passes first, both ways.
    const std::string rules = f.asked("n2", "rules4");
    CHECK(rules.find("-s 10.0.0.254 -p tcp -m tcp --dport 22 -j RETURN") < rules.find("-j DROP"));
    CHECK(rules.find("-d 10.0.0.254 -p tcp -m tcp --sport 22 -j RETURN") < rules.find("-j DROP"));
  }
  SECTION("too short") {
    f.fault.options.set("period", Nanos(200ms));
    f.fault.options.set("down", 5.0);
    f.run();
    CHECK(f.refused == "flaky: it must be cut, and not cut, for 50ms at least");
  }
}

TEST_CASE("clients are cut off by their port and never by that of SSH") {
  Fixture f;
  f.choose("partition", {"n2"});
  f.fault.options.set("shape", std::vector<std::string>{"clients"});
  SECTION("a port") {
    f.fault.options.set("port", std::int64_t{2379});
    f.run();
    CHECK(f.asked("n2", "rules4").find("-s 10.0.0.254 -p tcp -m tcp --dport 2379 -j DROP") != std::string::npos);
    CHECK(f.asked("n2", "rules4").find("-s 10.0.0.254 -p tcp -m tcp --dport 22 -j RETURN") != std::string::npos);
    CHECK(f.log.last.fault == "partition");
    CHECK(f.log.last.text == "clients do not reach port 2379 on n2");
  }
  SECTION("none") {
    f.run();
    CHECK(f.refused.find("partition clients needs port") == 0);
    CHECK(f.nodes.asked.empty());
  }
  SECTION("that of SSH") {
    f.fault.options.set("port", std::int64_t{22});
    f.run();
    CHECK(f.log.last.notes.find("port 22 is the one of SSH") != std::string::npos);
    CHECK(f.nodes.asked.empty());
  }
}

TEST_CASE("packets: where they arrive and of clients") {
  Fixture f;
  f.choose("delay", {"n2"});
  SECTION("both ways: a round trip grows by twice as much") {
    f.fault.options.set("direction", std::string("both"));
    f.run();
    CHECK(f.asked("n2", "way") == "both");
    CHECK(f.asked("n2", "wanted_ms") == "200");
    CHECK(agent::all_fields(f.nodes.asked.at("n2").arguments, "peer").size() == 6);
  }
  SECTION("clients by their port") {
    f.fault.options.set("peers", std::vector<std::string>{"clients"});
    f.fault.options.set("port", std::int64_t{2379});
    f.run();
    CHECK(agent::all_fields(f.nodes.asked.at("n2").arguments, "peer") == std::vector<std::string>{"10.0.0.254"});
    CHECK(f.asked("n2", "protocol") == "tcp");
    CHECK(f.asked("n2", "wanted_ms").empty());
  }
  SECTION("clients without a port") {
    f.fault.options.set("peers", std::vector<std::string>{"clients"});
    f.run();
    CHECK(f.refused.find("delay: peers: clients need port") == 0);
  }
  SECTION("clients by the port of SSH") {
    f.fault.options.set("peers", std::vector<std::string>{"clients"});
    f.fault.options.set("port", std::int64_t{22});
    f.run();
    CHECK(f.log.last.notes.find("port 22 is the one of SSH") != std::string::npos);
  }
}

TEST_CASE("rules and qdiscs of others: a node that has lost one in the run is not clean") {
  Fixture f;
  f.choose("partition", {"n2"});
  f.nodes.foreign["n2"] = {{"iptables -P INPUT ACCEPT", "iptables -A INPUT -j THEIRS"}, {"qdisc tbf 7: dev eth0 root"}};
  SECTION("all is there and more") {
    f.change_foreign = f.nodes.foreign;
    (*f.change_foreign)["n2"].rules.push_back("iptables -A INPUT -j NEW");
    for (const NodeCleanliness& node : f.run()) CHECK(node.state == Cleanliness::clean);
  }
  SECTION("a rule is gone") {
    f.change_foreign = f.nodes.foreign;
    (*f.change_foreign)["n2"].rules.pop_back();
    const auto nodes = f.run();
    REQUIRE(nodes.size() == 4);
    CHECK(nodes[0].state == Cleanliness::clean);
    CHECK(nodes[1].state == Cleanliness::unclean);
    CHECK(nodes[1].reason.find("is gone (put it back, if that was not meant): iptables -A INPUT -j THEIRS") !=
          std::string::npos);
  }
  SECTION("a qdisc is gone") {
    f.change_foreign = f.nodes.foreign;
    (*f.change_foreign)["n2"].qdiscs.clear();
    CHECK(f.run()[1].reason.find("qdisc tbf 7: dev eth0 root") != std::string::npos);
  }
}

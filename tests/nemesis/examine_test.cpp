#include "nemesis/examine.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/nemesis/fake_node_side.h"

using namespace shaketable;
using namespace shaketable::testing;

namespace {

FaultChoice choice(const std::string& fault) {
  FaultChoice out;
  out.fault = fault;
  out.options = Parameters(find_fault(fault)->info().parameters);
  return out;
}

using Fails = std::map<std::string, std::string>;

struct Examined {
  mutable FakeNodes nodes;
  std::vector<NodeExamination> found;
  explicit Examined(const Fails& fails, bool system_runs = true) {
    nodes.fails = fails;
    std::vector<NodeSpec> specs(3);
    for (std::size_t i = 0; i < specs.size(); ++i) {
      specs[i].name = "n" + std::to_string(i + 1);
      specs[i].address = "10.0.0." + std::to_string(i + 1);
      specs[i].address6 = "fd00::" + std::to_string(i + 1);
    }
    const Cluster cluster = make_cluster(specs);  // nobody connects
    ExamineOptions options;
    options.system_runs = system_runs;
    options.nemesis.node_side = [this](const NodeSpec& spec, Remote&) {
      return std::make_unique<FakeNodeSide>(nodes, spec);
    };
    options.nemesis.system = [](const std::string&) -> Result<SystemScripts> {
      SystemScripts scripts;
      scripts.pids = "pgrep etcd";
      scripts.start = "etcd &";
      scripts.data = "/data/etcd";
      return scripts;
    };
    found = examine(cluster, options, {choice("partition"), choice("pause"), choice("jump"), choice("disk-full")});
  }
  const FaultOnNode& of(std::size_t node, const std::string& fault) const {
    const auto& faults = found.at(node).faults;
    return *std::find_if(faults.begin(), faults.end(), [&](const FaultOnNode& one) { return one.fault == fault; });
  }
};

}  // namespace

TEST_CASE("each fault is asked on each node and changes nothing") {
  const Examined examined(Fails{{"n2 look clock", "this node shares its clock"}, {"n3 look firewall", "no iptables"}});
  REQUIRE(examined.found.size() == 3);
  for (std::size_t node = 0; node < 3; ++node) {
    CHECK(examined.found[node].problem.empty());
    REQUIRE(examined.found[node].faults.size() == 4);
    CHECK(examined.of(node, "pause").ability == Ability::can);
    CHECK(examined.of(node, "disk-full").ability == Ability::can);
  }
  CHECK(examined.of(0, "jump").ability == Ability::can);
  CHECK(examined.of(1, "jump").ability == Ability::cannot);
  CHECK(examined.of(1, "jump").why == "this node shares its clock");
  CHECK(examined.of(1, "partition").ability == Ability::can);
  CHECK(examined.of(2, "partition").ability == Ability::cannot);
  CHECK(examined.nodes.called("arm").empty());
  CHECK(examined.nodes.called("commit").empty());
  CHECK(examined.nodes.called("guard").empty());
}

TEST_CASE("a node that takes no fault says why and the others are asked all the same") {
  const Examined examined(Fails{{"n2 install", "commands do not run as root there"}});
  CHECK(examined.found[1].problem == "commands do not run as root there");
  CHECK(examined.found[1].faults.empty());
  CHECK(examined.of(0, "jump").ability == Ability::can);
  CHECK(examined.of(2, "partition").ability == Ability::can);
}

TEST_CASE("before the system is there its files are untold and something stands for its processes") {
  const Examined examined(Fails{{"n1 look fill", "it was asked"}}, false);
  CHECK(examined.of(0, "disk-full").ability == Ability::untold);
  CHECK(examined.of(0, "pause").ability == Ability::can);
  CHECK(examined.nodes.called("look process").size() == 3);
}

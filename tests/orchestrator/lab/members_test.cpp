// Members that go and come back by the system's own commands, and plans that ask for what cannot be.
#include <catch2/catch.hpp>

#include "history/run_file.h"
#include "history/text.h"
#include "tests/orchestrator/program.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

namespace {

std::vector<FaultRecord> faults_of(const std::string& run) {
  const auto file = open_run(run);
  REQUIRE(file);
  const auto faults = file->faults();
  REQUIRE(faults);
  return *faults;
}

bool bit(const FaultRecord& fault) {
  const Value* bit = fault.proof.kind() == Value::Kind::map ? fault.proof.find("bit") : nullptr;
  return bit && bit->kind() == Value::Kind::boolean && bit->boolean();
}

// The members that the others named while it lasted are in the proof.
void check_removed(const std::string& name, const std::string& plan_text, std::size_t faults) {
  if (getuid() != 0) {
    WARN("skipped: the lab needs root");
    return;
  }
  Scratch scratch;
  const std::string plan = scratch / "p.yaml";
  std::ofstream(plan) << plan_text;
  const Said said =
      run_shaketable({"run", plan, "--seed", "4", "--lab", "test-members-" + name, "--out", scratch / "run"}, 420s);
  INFO(said.out << said.err);
  CHECK(said.exit_code == 0);
  const auto records = faults_of(scratch / "run");
  REQUIRE(records.size() == faults);
  for (const FaultRecord& fault : records) {
    INFO(fault.fault << ": " << fault.notes);
    CHECK(bit(fault));
    CHECK(fault.undo == UndoState::verified);
    if (fault.fault == "remove") CHECK(to_json(fault.nodes.at(0).proof).find("members: n") != std::string::npos);
  }
}

}  // namespace

TEST_CASE("a member of etcd is removed and added again and the promises are kept") {
  check_removed("etcd",
                "cluster: {lab: {nodes: 3}}\nsystem: etcd\nworkload: {name: register, rate: 50, workers: 3}\n"
                "faults:\n  schedule: timeline\n  events:\n    - {at: 1s, for: 3s, remove: n2}\n"
                "    - {at: 9s, for: 1s, kill: n2}\ntime_limit: 12s\n",
                2);
}

TEST_CASE("a master of redis-cluster hands its slots over and comes back as a replica") {
  check_removed("redis",
                "cluster: {lab: {nodes: 6}}\nsystem: redis-cluster\n"
                "client: {name: redis, route: cluster, spread: 16, timeout: 500ms}\n"
                "workload: {name: set, workers: 3, rate: 20}\n"
                "faults:\n  schedule: timeline\n  events:\n    - {at: 1s, for: 3s, remove: n1}\n"
                "time_limit: 8s\nrecovery: 2m\n",
                1);
}

TEST_CASE("a member of galera leaves and comes back with all data from another one") {
  check_removed("galera",
                "cluster: {lab: {nodes: 3}}\nsystem: galera\nclient: {name: mariadb, connect: own, timeout: 2s}\n"
                "workload: {name: set, workers: 3, rate: 20}\n"
                "faults:\n  schedule: timeline\n  events:\n    - {at: 1s, for: 3s, remove: n1}\n"
                "time_limit: 8s\nrecovery: 3m\n",
                1);
}

TEST_CASE("a member of zookeeper is removed by its own reconfiguration and joins again with empty data") {
  check_removed("zookeeper",
                "cluster: {lab: {nodes: 3}}\nsystem: zookeeper\nclient: {name: zookeeper, timeout: 2s}\n"
                "workload: {name: set, workers: 3, rate: 20}\n"
                "faults:\n  schedule: timeline\n  events:\n    - {at: 1s, for: 4s, remove: primaries}\n"
                "time_limit: 8s\nrecovery: 3m\n",
                1);
}

TEST_CASE("a server of nats is removed from its cluster and comes back under another name") {
  check_removed("nats",
                "cluster: {lab: {nodes: 3}}\nsystem: nats\nclient: {name: nats, timeout: 2s}\n"
                "workload: {name: set, workers: 3, rate: 20}\n"
                "faults:\n  schedule: timeline\n  events:\n    - {at: 1s, for: 8s, remove: primaries}\n"
                "time_limit: 11s\nrecovery: 3m\n",
                1);
}

TEST_CASE("a member of rabbitmq is forgotten by the others and joins them again") {
  check_removed("rabbitmq",
                "cluster: {lab: {nodes: 3}}\nsystem: rabbitmq\n"
                "client: {name: rabbitmq, queues: quorum, timeout: 2s}\nworkload: {name: queue, workers: 3, rate: 20}\n"
                "faults:\n  schedule: timeline\n  events:\n    - {at: 1s, for: 2s, remove: n1}\n"
                "time_limit: 8s\nrecovery: 3m\n",
                1);
}

TEST_CASE("what a plan asks of machines and members that cannot be is refused before anything begins") {
  Scratch scratch;
  const auto refused = [&](const std::string& cluster, const std::string& system, const std::string& fault) {
    const std::string plan = scratch / "p.yaml";
    std::ofstream(plan) << "cluster: " << cluster << "\nsystem: " << system
                        << "\nworkload: register\ntime_limit: 10s\n"
                           "faults:\n  schedule: timeline\n  events:\n    - {at: 1s, for: 1s, "
                        << fault << ": one}\n";
    const Said said = run_shaketable({"validate", plan}, 60s);
    CHECK(said.exit_code == 3);
    return said.out + said.err;
  };
  using Catch::Matchers::Contains;
  for (const std::string fault : {"reboot", "power-cut", "lose-unsynced"}) {
    CHECK_THAT(refused("{lab: {nodes: 3}}", "etcd", fault), Contains(fault + ": the nodes of this lab share"));
    CHECK_THAT(refused("{nodes: [a, b, c]}", "etcd", fault), Contains(fault + ": these nodes are not of a lab"));
  }
  CHECK_THAT(refused("{lab: {nodes: 3}}", "redis-sentinel", "remove"),
             Contains("remove: redis-sentinel has no members that its own commands could remove and add: its "));
  CHECK_THAT(refused("{nodes: [a, b, c], manage: none}", "etcd", "remove"), Contains("is not ours"));
}

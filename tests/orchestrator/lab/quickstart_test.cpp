// The program on the embedded lab, against a real etcd cluster.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <map>

#include "history/run_file.h"
#include "history/text.h"
#include "tests/orchestrator/program.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

bool not_root() {
  if (getuid() == 0) return false;
  WARN("skipped: the lab needs root");
  return true;
}

std::string host_network() {
  Scratch scratch;
  const std::string file = scratch / "links";
  if (std::system(("(ip -o link; ip -o addr; ip netns list) >" + file).c_str()) != 0) return "ip failed";
  std::string text = content_of(file);
  // Lifetimes of addresses count down by themselves.
  for (std::size_t at; (at = text.find("valid_lft")) != std::string::npos;) text.erase(at, text.find('\n', at) - at);
  return text;
}

}  // namespace

TEST_CASE("the quickstart is valid on a real etcd cluster, and a second judgement agrees") {
  if (not_root()) return;
  Scratch scratch;
  const std::string before = host_network(), out = scratch / "run";
  const Said run = run_shaketable({"run", "configs/quickstart.yaml", "--set", "time_limit=20s", "--seed", "11", "--lab",
                                   "test-quickstart", "--out", out, "--junit", scratch / "junit.xml"},
                                  300s);
  INFO(run.out << run.err);
  CHECK(run.exit_code == 0);
  CHECK(run.out.starts_with("VALID: etcd kept its promises through "));
  CHECK(contains(run.out, "nodes: all clean"));
  CHECK(contains(run.out, out));
  CHECK(host_network() == before);

  // Everything the verdict stands on is in the folder.
  const auto file = open_run(out);
  REQUIRE(file);
  CHECK(file->state() == RunState::ended);
  CHECK(file->events() > 1000);
  CHECK(file->info().seed == 11);
  CHECK(contains(file->info().system_version, "3.4"));
  const auto faults = file->faults();
  REQUIRE(faults);
  CHECK(faults->size() >= 1);
  for (const FaultRecord& fault : *faults) {
    CHECK(fault.undo == UndoState::verified);
    REQUIRE(fault.proof.kind() == Value::Kind::map);
    CHECK(fault.proof.find("bit")->boolean());
  }
  // The nodes share this machine's clock: whatever is measured is the measurement's own error.
  const auto offsets = file->clock_offsets();
  REQUIRE(offsets);
  std::map<std::string, int> measured;
  for (const ClockOffsetRecord& offset : *offsets) {
    ++measured[offset.node];
    INFO(offset.node << " " << offset.offset_ns << " +- " << offset.uncertainty_ns);
    CHECK(std::abs(offset.offset_ns) <= offset.uncertainty_ns + 1'000'000);
  }
  CHECK(measured.size() == 5);
  for (const auto& [node, times] : measured) CHECK(times >= 5);
  CHECK_FALSE(contains(run.out, "clock:"));
  CHECK(std::filesystem::exists(out + "/plan.yaml"));
  CHECK(std::filesystem::exists(out + "/summary.json"));
  CHECK(std::filesystem::exists(out + "/logs/n1"));
  CHECK(contains(content_of(scratch / "junit.xml"), "<testcase"));

  const Said check = run_shaketable({"check", out});
  CHECK(check.exit_code == 0);
  CHECK(check.out.starts_with("VALID: etcd kept its promises through "));
  CHECK(run_shaketable({"report", out}).out.starts_with("VALID: "));

  // The history travels: exported, it is judged the same.
  CHECK(run_shaketable({"export", out, "--out", scratch / "h.edn", "--format", "edn"}).exit_code == 0);
  CHECK(run_shaketable({"check", scratch / "h.edn", "--checker", "linearizable", "--keyed", "--initial", "nil"})
            .exit_code == 0);
}

TEST_CASE("serializable reads of etcd under partitions are found stale, with a counterexample") {
  if (not_root()) return;
  Scratch scratch;
  const std::string out = scratch / "run";
  const Said run = run_shaketable(
      {"run", "configs/etcd-serializable-reads.yaml", "--seed", "3", "--lab", "test-serializable", "--out", out}, 300s);
  INFO(run.out << run.err);
  CHECK(run.exit_code == 1);
  CHECK(run.out.starts_with("INVALID: etcd broke a promise.\n"));
  CHECK(contains(run.out, "linearizable: INVALID"));
  CHECK(contains(run.out, "read"));
  const Said check = run_shaketable({"check", out});
  CHECK(check.exit_code == 1);
}

TEST_CASE("a controller that is killed leaves a history that opens and nodes that heal") {
  if (not_root()) return;
  Scratch scratch;
  const std::string out = scratch / "run";
  REQUIRE(run_shaketable({"lab", "--lab", "test-killed", "up"}, 120s).exit_code == 0);
  {
    Program program({"-v", "run", "configs/quickstart.yaml", "--set", "time_limit=60s", "--set",
                     "faults.first_after=1s", "--set", "faults.lasts=30s", "--lab", "test-killed", "--out", out});
    INFO(program.err());
    REQUIRE(program.says("partition", 180s));
    std::this_thread::sleep_for(2s);
    program.signal(SIGKILL);
    CHECK(program.wait(10s).exit_code == 128 + SIGKILL);
  }
  const Said heal = run_shaketable({"heal", "configs/quickstart.yaml", "--lab", "test-killed"}, 60s);
  INFO(heal.out << heal.err);
  CHECK(heal.exit_code == 0);
  for (const char* node : {"n1", "n2", "n3", "n4", "n5"})
    for (const char* tool : {"iptables", "ip6tables"}) {
      const Said rules = run_shaketable({"lab", "--lab", "test-killed", "ssh", node, tool, "-S"}, 20s);
      CHECK(rules.exit_code == 0);
      CHECK_FALSE(contains(rules.out, "SHAKETABLE"));
    }
  const Said check = run_shaketable({"check", out}, 90s);
  INFO(check.out << check.err);
  CHECK(check.exit_code != 1);
  CHECK(check.exit_code != 3);
  const auto file = open_run(out);
  REQUIRE(file);
  CHECK(file->state() == RunState::interrupted);
  CHECK(file->events() > 0);
  CHECK(run_shaketable({"lab", "--lab", "test-killed", "down"}, 60s).exit_code == 0);
}

TEST_CASE("Ctrl-C once ends the load, heals, and judges what there is") {
  if (not_root()) return;
  Scratch scratch;
  const std::string out = scratch / "run";
  Program program({"-v", "run", "configs/quickstart.yaml", "--set", "time_limit=120s", "--set", "faults.first_after=1s",
                   "--lab", "test-interrupted", "--out", out});
  REQUIRE(program.says("partition", 180s));
  program.signal(SIGINT);
  const Said said = program.wait(120s);
  INFO(said.out << said.err);
  CHECK(said.exit_code == 130);
  CHECK(contains(said.out, "interrupted"));
  CHECK(contains(said.out, "nodes: all clean"));
  CHECK(contains(said.out, "linearizable: valid"));
}

TEST_CASE("a dry run prints every command and touches nothing") {
  Scratch scratch;
  const Said said = run_shaketable({"run", "configs/quickstart.yaml", "--dry-run", "--out", scratch / "run"});
  INFO(said.err);
  CHECK(said.exit_code == 0);
  CHECK(contains(said.out, "n5"));
  CHECK(contains(said.out, "iptables"));
  CHECK(contains(said.out, "etcd"));
  CHECK_FALSE(std::filesystem::exists(scratch / "run"));
}

TEST_CASE("nodes that cannot be reached end the run with 4, and say which and why") {
  Scratch scratch;
  const std::string plan = scratch / "p.yaml";
  std::ofstream(plan) << "name: unreachable\nsystem: etcd\nclient: etcd\nworkload: register\ntime_limit: 5s\n"
                         "cluster:\n  manage: none\n  ssh: {user: root, port: 1, connect_timeout: 2s}\n"
                         "  nodes:\n    - {name: a, host: 127.0.0.1}\n    - {name: b, host: 127.0.0.2}\n";
  const Said said = run_shaketable({"run", plan, "--out", scratch / "run"});
  INFO(said.err);
  CHECK(said.exit_code == 4);
  CHECK(contains(said.err, "a: "));
  CHECK(contains(said.err, "b: "));
  CHECK(contains(said.err, "127.0.0.2"));
}

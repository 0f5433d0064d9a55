// Runs that are repeated: from their seed, and from what they recorded.
#include <algorithm>
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

std::string text_of(const FaultRecord& fault, const char* key) {
  const Value* value = fault.parameters.find(key);
  return value ? std::string(value->text()) : "";
}

std::int64_t load_began(const std::string& run) {
  return std::stoll(open_run(run)->meta("load_started_ns").value());
}

}  // namespace

TEST_CASE("a run is repeated from its folder alone with the same faults at the same times on the same nodes") {
  if (getuid() != 0) {
    WARN("skipped: the lab needs root");
    return;
  }
  Scratch scratch;
  const std::string plan = scratch / "p.yaml", lab = "test-replay";
  std::ofstream(plan) << "cluster: {lab: {nodes: 3}}\nsystem: etcd\nworkload: {name: register, rate: 50, workers: 3}\n"
                         "faults:\n  schedule: random\n  first_after: 1s\n  lasts: 1s\n  quiet: 1s\n"
                         "  choose: [partition: {shape: [isolate, primaries]}, pause: one, kill: primaries]\n"
                         "time_limit: 6s\n";
  const auto run = [&](std::vector<std::string> arguments, const std::string& out) {
    arguments.insert(arguments.begin(), "run");
    arguments.insert(arguments.end(), {"--lab", lab, "--out", scratch / out});
    const Said said = run_shaketable(arguments, 240s);
    INFO(said.out << said.err);
    CHECK(said.exit_code == 0);
    return said;
  };
  REQUIRE(run_shaketable({"lab", "--lab", lab, "up", "--nodes", "3", "--packages", "etcd-server,etcd-client"}, 240s)
              .exit_code == 0);
  const Said first = run({plan, "--seed", "21", "--json"}, "first");
  const Said again = run({"--replay", scratch / "first"}, "again");
  CHECK(again.out.find("--replay") != std::string::npos);

  const auto then = faults_of(scratch / "first"), now = faults_of(scratch / "again");
  REQUIRE(then.size() >= 2);
  std::size_t applied = 0;
  for (const FaultRecord& fault : then) {
    if (fault.actual_start_ns == kNotYet) continue;
    INFO(fault.fault << " " << fault.id);
    REQUIRE(applied < now.size());
    const FaultRecord& repeated = now[applied++];
    CHECK(repeated.fault == fault.fault);
    CHECK(repeated.targets == fault.targets);
    CHECK(text_of(repeated, "text") == text_of(fault, "text"));
    CHECK(repeated.intended_start_ns - load_began(scratch / "again") ==
          fault.intended_start_ns - load_began(scratch / "first"));
    // A fault that had waited for the system's recovery may have been planned beyond the end of the load, and ended
    // there.
    const std::int64_t left = 6'000'000'000 - (fault.intended_start_ns - load_began(scratch / "first"));
    CHECK(repeated.intended_end_ns - repeated.intended_start_ns ==
          std::min(fault.intended_end_ns - fault.intended_start_ns, left));
    CHECK(repeated.undo == UndoState::verified);
  }
  CHECK(applied == now.size());
  CHECK(open_run(scratch / "again")->info().seed == 21);
  CHECK(open_run(scratch / "again")->info().plan_text == open_run(scratch / "first")->info().plan_text);

  // Everybody is killed: a look at the system alone takes longer than it is given.
  const Said slow = run_shaketable({"run", plan, "--seed", "21", "--lab", lab, "--out", scratch / "slow", "--json",
                                    "--set", "faults.choose=[{kill: all}]", "--set", "faults.recovery_wait=1ms"},
                                   240s);
  INFO(slow.out << slow.err);
  CHECK(slow.exit_code == 1);
  CHECK(slow.out.find("not healthy within 1ms of kill 1") != std::string::npos);
  CHECK(faults_of(scratch / "slow").size() == 1);
  for (const FaultRecord& fault : then)
    if (fault.id == 1) CHECK(fault.notes.find("the system was healthy ") != std::string::npos);

  // From the seed: the same schedule. What asks the system for its primaries may hit others.
  run({plan, "--seed", "21"}, "seeded");
  CHECK(open_run(scratch / "seeded")->meta("schedule") == open_run(scratch / "first")->meta("schedule"));
  CHECK(run_shaketable({"lab", "--lab", lab, "down"}, 60s).exit_code == 0);
}

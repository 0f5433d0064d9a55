// Schedules that a plan writes out run as the workloads' own do, and are repeated from a run's folder.
#include <algorithm>
#include <catch2/catch.hpp>
#include <set>
#include <sstream>

#include "history/run_file.h"
#include "history/text.h"
#include "tests/orchestrator/plan/schedule_twins.h"
#include "tests/orchestrator/program.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

namespace {

// Under the key, by so many columns.
std::string indented(const std::string& key, const std::string& text, const std::string& by) {
  std::istringstream lines(text);
  std::string out = by + key + ":\n";
  for (std::string line; std::getline(lines, line);) out += by + "  " + line + "\n";
  return out;
}

// No system: the memory client is asked, and loses an answer now and then.
std::string plan_of(const ScheduleTwin& twin, int operations) {
  std::string plan =
      "cluster: {lab: {nodes: 1}}\nsystem: idle.yaml\nclient: {name: memory, latency: 500us, lose: 0.02}\n"
      "time_limit: 30s\nworkload:\n  name: " +
      twin.workload + "\n  workers: 4\n";
  for (const auto& [key, value] : twin.set)
    if (const auto* number = std::get_if<std::int64_t>(&value))
      plan += "  " + key + ": " + std::to_string(*number) + "\n";
  plan += "  generator:\n    limit: " + std::to_string(operations) + "\n" + indented("of", twin.main, "    ");
  return plan + (twin.final.empty() ? "" : indented("final", twin.final, "  "));
}

std::vector<std::string> invocations_of(const std::string& run) {
  const auto file = open_run(run);
  REQUIRE(file);
  History history;
  HistoryBuilder builder(history);
  REQUIRE(file->read(builder));
  std::vector<std::string> all;
  for (const Operation& operation : history.operations)
    if (operation.type == OpType::invoke && operation.process >= 0)
      all.push_back(std::string(operation.f.text()) + " " + to_edn(operation.value));
  std::sort(all.begin(), all.end());
  return all;
}

std::set<std::string> functions_of(const std::vector<std::string>& invocations) {
  std::set<std::string> functions;
  for (const std::string& invocation : invocations) functions.insert(invocation.substr(0, invocation.find(' ')));
  return functions;
}

}  // namespace

TEST_CASE("schedules that a plan writes out run and are judged and repeated") {
  if (getuid() != 0) {
    WARN("skipped: the lab needs root");
    return;
  }
  struct Expected {
    std::string workload;
    std::set<std::string> functions;
    bool by_the_seed_alone;  // what it does does not depend on who asks or on what came of it
  };
  const std::vector<Expected> all = {
      {"multi-register", {"txn"}, true},          {"long-fork", {"txn"}, true},
      {"log", {"assign", "poll", "send"}, false}, {"causal", {"read", "write"}, false},
      {"exactly-once", {"apply", "read"}, false}, {"lease-fencing", {"acquire", "release", "use"}, false}};
  const Scratch scratch;
  const std::string lab = "test-schedules";
  std::ofstream(scratch / "idle.yaml") << "name: idle\nabout: no system at all\nclient_port: 1\nstart: 'true'\n"
                                          "stop: 'true'\npids: 'true'\nhealthy: 'true'\n";
  struct Down {
    const std::string lab;
    ~Down() { run_shaketable({"lab", "--lab", lab, "down"}, 120s); }
  } const down{lab};
  REQUIRE(run_shaketable({"lab", "--lab", lab, "up", "--nodes", "1"}, 240s).exit_code == 0);
  const auto run = [&](const std::vector<std::string>& what, const std::string& out) {
    std::vector<std::string> arguments{"run", "--lab", lab, "--out", scratch / out};
    arguments.insert(arguments.end(), what.begin(), what.end());
    const Said said = run_shaketable(arguments, 240s);
    INFO(said.out << said.err);
    CHECK(said.exit_code == 0);
    CHECK(said.out.starts_with("VALID"));
    return invocations_of(scratch / out);
  };
  for (const Expected& expected : all) {
    const auto& twins = schedule_twins();
    const auto twin = std::find_if(twins.begin(), twins.end(),
                                   [&](const ScheduleTwin& one) { return one.workload == expected.workload; });
    REQUIRE(twin != twins.end());
    const std::string plan = scratch / (expected.workload + ".yaml"), text = plan_of(*twin, 400);
    std::ofstream(plan) << text;
    INFO(text);
    const auto done = run({plan, "--seed", "11"}, expected.workload);
    CHECK(functions_of(done) == expected.functions);
    CHECK(done.size() >= 400);
    if (!expected.by_the_seed_alone && expected.workload != "lease-fencing") continue;
    const auto again = run({"--replay", scratch / expected.workload}, expected.workload + "-again");
    CHECK(open_run(scratch / (expected.workload + "-again"))->info().seed == 11);
    CHECK(functions_of(again) == expected.functions);
    if (expected.by_the_seed_alone) {
      CHECK(again == done);
      CHECK(run({plan, "--seed", "12"}, expected.workload + "-other") != done);
    }
  }
}

#include <catch2/catch.hpp>

#include "tests/orchestrator/plan/sample.h"

namespace shaketable {
namespace {

using namespace std::chrono_literals;

PlanOptions set(std::vector<std::string> set) {
  PlanOptions options;
  options.set = std::move(set);
  return options;
}

TEST_CASE("an override changes a key, adds one, or takes one away") {
  const std::string text = minimal("client: {name: etcd, timeout: 1s, reads: serializable}\n");
  const Plan plan =
      plan_of(text, set({"client.timeout=5s", "workload.keys=9", "client.reads=", "check=[linearizable]"}));
  CHECK(plan.client.timeout == 5s);
  CHECK(plan.client.options.text("reads") == "linearizable");
  CHECK(plan.workload.options.integer("keys") == 9);
  CHECK(plan.workload.name == "register");  // `workload: register` was short for `workload: {name: register}`
  CHECK(plan.checks.size() == 1);
}

TEST_CASE("the seed of the command line wins, and a later override wins over an earlier one") {
  PlanOptions options = set({"seed=2", "time_limit=10s", "time_limit=20s"});
  options.seed = 3;
  const Plan plan = plan_of(minimal("seed: 1\n"), options);
  CHECK(plan.seed == 3);
  CHECK(plan.time_limit == 20s);
}

TEST_CASE("items of lists are named by their number") {
  const std::string text =
      minimal("faults:\n  schedule: random\n  choose:\n    - partition: {shape: halves}\n    - kill\n");
  const Plan plan = plan_of(
      text, set({"faults.choose.0.partition.shape=[bridge, isolate]", "faults.choose.1=", "faults.choose.0.weight=7"}));
  REQUIRE(plan.schedule.faults.size() == 1);
  CHECK(plan.schedule.faults[0].options.texts("shape") == std::vector<std::string>{"bridge", "isolate"});
  CHECK(plan.schedule.faults[0].weight == 7);
  CHECK(complaint(text, set({"faults.choose.2.weight=1", "faults.choose.first.weight=1"})) ==
        "--set faults.choose.2.weight=1: \"2\" is beyond the end of a list of 2; the first is 0\n"
        "--set faults.choose.first.weight=1: \"first\" names no item of a list; write its number, the first is 0");
}

TEST_CASE("what is wrong with an override is told by its name, after what is wrong with the file") {
  CHECK(complaint(minimal("seed: x\n"), set({"client.timeout=5", "worklod.rate=1", "time_limit", "a..b=1", "=1",
                                             "name=[1, 2", "time_limit.x=3"})) ==
        "plan.yaml:3:7: seed must be a whole number from 0 to 18446744073709551615, not \"x\"\n"
        "seed: x\n"
        "      ^\n"
        "--set client.timeout=5: timeout must be a duration such as 500ms, 5s or 2m, not \"5\"; the unit is missing\n"
        "--set worklod.rate=1: unknown key \"worklod\"; did you mean \"workload\"?\n"
        "--set time_limit: write it as KEY=VALUE or KEY.KEY=VALUE, such as client.timeout=5s\n"
        "--set a..b=1: the part before \"=\" must be keys joined by dots, such as client.timeout\n"
        "--set =1: the part before \"=\" must be keys joined by dots, such as client.timeout\n"
        "--set name=[1, 2: a \"[\" is not closed, or a comma is missing\n"
        "--set time_limit.x=3: time_limit must be a duration such as 500ms, 5s or 2m, not a map");
}

TEST_CASE("a plan as run names its overrides and reads back as itself") {
  PlanOptions options = set({"workload.rate=50", "name=it's"});
  options.seed = 7;
  CHECK(complaint(minimal(), options).find("--set name=it's: name must be") == 0);
  options.set[1] = "about=\"it's a #test: [x]\"";
  const Plan plan = plan_of("# a comment\nsystem: &s etcd\nclient: *s\nworkload: register\n", options);
  CHECK(plan.text ==
        "# The plan as run, changed on the command line:\n"
        "#   --set workload.rate=50\n"
        "#   --set 'about=\"it'\\''s a #test: [x]\"'\n"
        "#   --seed 7\n"
        "system: etcd\n"
        "client: etcd\n"
        "workload:\n"
        "  name: register\n"
        "  rate: 50\n"
        "about: \"it's a #test: [x]\"\n"
        "seed: 7\n");
  const Plan again = plan_of(plan.text);
  CHECK(again.text == plan.text);
  CHECK(again.workload.rate == 50);
  CHECK(again.about == "it's a #test: [x]");
  CHECK(again.seed == 7);
}

}  // namespace
}  // namespace shaketable

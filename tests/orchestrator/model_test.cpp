// The system model of a plan, with the faults that there are.
#include <catch2/catch.hpp>

#include "nemesis/faults.h"
#include "orchestrator/catalogue.h"
#include "orchestrator/plan/reader.h"

using namespace shaketable;
using namespace std::chrono_literals;

namespace {

// A plan with this model and this list of faults, of up to 10 s each.
std::string complaint(const std::string& model, const std::string& choose, const std::string& more = "") {
  PlanOptions options;
  options.config_directories = {SHAKETABLE_SOURCE_DIR "/configs"};
  const auto plan = parse_plan(
      "system: etcd\nworkload: register\n" + model + "\nfaults: {schedule: random, choose: [" + choose + "]}\n" + more,
      "p.yaml", catalogue(), options);
  return plan ? "" : plan.error().message;
}

bool has(const std::string& text, const std::string& part) {
  INFO(text);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("model: every fault says what it needs") {
  for (const FaultInfo& info : faults()) {
    INFO(info.name);
    CHECK(fault_needs(info.name, Parameters(info.parameters), 1s, false));
  }
}

TEST_CASE("model: a fault beyond it is refused with place and remedy") {
  CHECK(complaint("model: {failures: crash-recovery}", "truncate: one") ==
        "p.yaml:4:37: truncate goes beyond the plan's model: bytes change that nobody wrote (weak Byzantine), and "
        "failures "
        "are crash-recovery; leave it out, or say `beyond_model: allow` in `model`\n"
        "faults: {schedule: random, choose: [truncate: one]}\n"
        "                                    ^");
  CHECK(complaint("model: {failures: crash-recovery, beyond_model: allow}", "truncate: one").empty());
  CHECK(complaint("model: {failures: weak-byzantine}", "truncate: one, bitflip: one, corrupt: {target: one}").empty());
  CHECK(complaint("", "truncate: one").empty());
  CHECK(has(complaint("model: {failures: crash-stop}", "kill: one"), "a node ends and comes back (crash-recovery)"));
  CHECK(has(complaint("model: {failures: none}", "kill: one"), "and failures are no failures"));
  CHECK(has(complaint("model: {}", "command: {apply: a, undo: b}"), "nobody can say what it does"));
  // Never drawn, never refused.
  CHECK(complaint("model: {}", "{truncate: one, weight: 0}, kill: one").empty());
}

TEST_CASE("model: bounds of a synchronous system hold always") {
  const std::string synchronous = "model: {timing: synchronous, delay: 200ms, pause: 1s, clock: 500ms}";
  CHECK(complaint(synchronous, "delay: 100ms").empty());
  CHECK(complaint(synchronous, "delay: {by: 100ms, jitter: 100ms}").empty());
  CHECK(has(complaint(synchronous, "delay: {by: 150ms, jitter: 100ms}"),
            "messages are late by 250ms, and the bound of delay is 200ms always (synchronous); raise `delay`"));
  CHECK(has(complaint(synchronous, "delay: {by: 10ms, jitter: 1ms, distribution: normal}"), "late by without bound"));
  CHECK(has(complaint(synchronous, "partition"), "messages are late by without bound"));
  CHECK(has(complaint(synchronous, "pause: one"), "processes stand still for 10s, and the bound of pause is 1s"));
  CHECK(has(complaint(synchronous, "jump: 1m"), "clocks are off by 1m, and the bound of clock is 500ms"));
  CHECK(complaint(synchronous, "jump: 400ms, drift: 1000").empty());
  CHECK(has(complaint(synchronous, "drift: 80000"), "clocks are off by 800ms"));
  CHECK(complaint(synchronous, "kill: one").empty());
}

TEST_CASE("model: a partially synchronous system stands them for a while and an asynchronous one for ever") {
  CHECK(complaint("model: {timing: partially-synchronous}", "partition, pause: one, jump: 1h").empty());
  CHECK(complaint("model: {timing: partially-synchronous, unstable: 10s}", "partition").empty());
  CHECK(has(complaint("model: {timing: partially-synchronous, unstable: 9s}", "partition"),
            "for 10s messages are late by without bound, and the bound of delay (0ns) may not hold for 9s at most"));
  CHECK(complaint("model: {timing: asynchronous}", "partition, pause: one, jump: 1h").empty());
  CHECK(has(complaint("model: {timing: asynchronous, delay: 1s}", "partition"),
            "an asynchronous system has no bounds, so \"delay\" means nothing"));
  CHECK(has(complaint("model: {timing: synchronous, unstable: 1s}", "kill: one"), "hold always, so \"unstable\""));
}

TEST_CASE("model: so many nodes may fail and no more") {
  CHECK(complaint("model: {max_faulty: 2}", "kill: minority").empty());
  CHECK(has(complaint("model: {max_faulty: 2}", "kill: majority"), "3 of 5 nodes fail at once, and max_faulty is 2"));
  CHECK(has(complaint("model: {max_faulty: 1}", "kill: [n1, n2]"), "2 of 5 nodes fail at once, and max_faulty is 1"));
  // Who is cut off or slow has not failed; who is primary is known when the fault begins.
  CHECK(complaint("model: {max_faulty: 1}", "partition: halves, pause: all, kill: primaries").empty());
}

TEST_CASE("model: a node that is killed until the load ends has stopped for good") {
  PlanOptions options;
  options.config_directories = {SHAKETABLE_SOURCE_DIR "/configs"};
  const auto plan = [&](const std::string& lasts) {
    return parse_plan(
        "system: etcd\nworkload: register\nmodel: {failures: crash-stop}\ntime_limit: 30s\n"
        "faults: {schedule: timeline, events: [{at: 10s, for: " +
            lasts + ", kill: one}]}\n",
        "p.yaml", catalogue(), options);
  };
  CHECK(plan("20s"));
  CHECK_FALSE(plan("19s"));
}

TEST_CASE("model: said in words") {
  SystemModel model;
  model.unstable = 20s;
  model.clock = 500ms;
  model.max_faulty = 1;
  CHECK(
      model_text(model) ==
      "partially synchronous (clock 500ms, for at most 20s not), crash-recovery, at most 1 node "
      "failing");
  CHECK(needed_model_text({}) == "synchronous, no failures (what the faults need; the plan states no model)");
  CHECK(needed_model_text({{.pause = 1s}, {.failures = Failures::crash_recovery}}) ==
        "partially synchronous, crash-recovery (what the faults need; the plan states no model)");
}

TEST_CASE("targets: a role that no node has is told when the plan is read") {
  PlanOptions options;
  options.config_directories = {SHAKETABLE_SOURCE_DIR "/configs"};
  const auto plan = [&](const std::string& role) {
    return parse_plan(
        "system: etcd\nworkload: register\ncluster:\n  manage: none\n  nodes:\n"
        "    - {name: a, host: 10.0.0.1, role: witness}\n    - {name: b, host: 10.0.0.2}\n"
        "faults: {schedule: random, choose: [kill: role " +
            role + "]}\n",
        "p.yaml", catalogue(), options);
  };
  CHECK(plan("witness"));
  const auto wrong = plan("witnes");
  REQUIRE_FALSE(wrong);
  CHECK(has(wrong.error().message, "no node of the plan has the role \"witnes\"; did you mean \"witness\"?"));
}

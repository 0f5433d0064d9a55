// Crashes and lines of logs beside the faults of a run: which of them are findings.

#include "orchestrator/report/findings.h"

#include <catch2/catch.hpp>

#include <set>

#include "nemesis/faults.h"
#include "orchestrator/report/ci.h"
#include "orchestrator/report/outcome.h"

using namespace shaketable;

namespace {

constexpr std::int64_t kS = 1'000'000'000;

Value event(const char* kind, const char* node, std::int64_t from_s, std::int64_t to_s, const char* what,
            std::vector<Value> lines = {}) {
  return Value::map({{"kind", kind},
                     {"node", node},
                     {"earliest_ns", from_s * kS},
                     {"latest_ns", to_s * kS},
                     {"what", what},
                     {"lines", Value::list(std::move(lines))}});
}

Value findings(std::vector<Value> events, const char* crashes = "fail", const char* logs = "fail") {
  return Value::map({{"crashes", crashes},
                     {"logs", logs},
                     {"processes", 3},
                     {"omitted", 0},
                     {"unwatched", Value::list({})},
                     {"events", Value::list(std::move(events))}});
}

FaultRecord fault(const char* name, std::int64_t from_s, std::int64_t to_s, const char* node) {
  FaultRecord out;
  out.id = 4;
  out.fault = name;
  out.intended_start_ns = from_s * kS;
  out.actual_start_ns = from_s * kS + 1000;
  FaultNodeRecord at;
  at.node = node;
  at.apply = ApplyState::done;
  at.undo = to_s < 0 ? UndoState::unknown : UndoState::verified;
  if (to_s >= 0) at.undone_ns = to_s * kS;
  out.nodes.push_back(std::move(at));
  return out;
}

std::vector<Judgement> judged(const Value& what, const std::vector<FaultRecord>& faults = {}) {
  auto made = findings_judgements(what, faults);
  REQUIRE(made);
  return std::move(*made);
}

const Value kDeath = event("process-died", "n2", 9, 10, "etcd (process 7) is gone", {"/var/log/etcd.log: bye"});

bool is_a_finding(const Value& what, const std::vector<FaultRecord>& faults) {
  for (const Judgement& judgement : judged(findings({what}), faults))
    if (judgement.verdict.valid == Validity::invalid) return true;
  return false;
}

}  // namespace

TEST_CASE("findings: a quiet run says so and tells nothing") {
  const auto both = judged(findings({}));
  REQUIRE(both.size() == 2);
  CHECK(both[0].verdict.checker == "crashes");
  CHECK(both[1].verdict.checker == "logs");
  for (const Judgement& judgement : both) {
    CHECK(judgement.verdict.valid == Validity::valid);
    CHECK(findings_text(judgement).empty());
  }
}

TEST_CASE("findings: a process that died unasked is a violation with node and time and the lines around it") {
  const auto both = judged(findings({kDeath}));
  CHECK(both[0].verdict.valid == Validity::invalid);
  CHECK(both[0].verdict.reason == "n2 at 10s: etcd (process 7) is gone");
  CHECK(findings_text(both[0]) ==
        "crashes: INVALID\n"
        "  n2 at 10s: etcd (process 7) is gone\n"
        "    | /var/log/etcd.log: bye\n");
  CHECK(both[0].verdict.anomalies.at("process-died").size() == 1);
  CHECK(both[1].verdict.valid == Validity::valid);

  Outcome outcome;
  outcome.system = "etcd";
  outcome.judgements = both;
  CHECK(outcome.validity() == Validity::invalid);
  CHECK(outcome.code() == ExitCode::violation);
  CHECK(outcome_text(outcome).find("  crashes: INVALID\n    n2 at 10s: etcd (process 7) is gone\n") !=
        std::string::npos);
  const std::string junit = outcome_junit(outcome);
  CHECK(
      junit.find("name=\"crashes\" time=\"0.000\">\n      <failure message=\"n2 at 10s: etcd (process 7) is gone\">") !=
      std::string::npos);
  CHECK(junit.find("name=\"logs\" time=\"0.000\"/>") != std::string::npos);
}

TEST_CASE("findings: the plan may have them told or left out") {
  const auto noted = judged(findings({kDeath}, "note", "off"));
  REQUIRE(noted.size() == 1);
  CHECK(noted[0].verdict.valid == Validity::valid);
  CHECK(findings_text(noted[0]) ==
        "crashes: valid\n  n2 at 10s: etcd (process 7) is gone\n    | /var/log/etcd.log: bye\n");
  CHECK(judged(findings({kDeath}, "off", "off")).empty());
}

TEST_CASE("findings: alone they are no verdict on a history") {
  Outcome outcome;
  outcome.judgements = judged(findings({}));
  CHECK(outcome.validity() == Validity::unknown);
}

TEST_CASE("findings: a fault that ends processes asked for a death on its node while it lasted and for nothing else") {
  for (const char* name : {"kill", "stop", "restart", "rolling-restart", "reboot", "power-cut", "remove"}) {
    INFO(name);
    CHECK_FALSE(is_a_finding(kDeath, {fault(name, 8, 20, "n2")}));
    CHECK_FALSE(is_a_finding(kDeath, {fault(name, 10, 20, "n2")}));  // between two looks
    CHECK_FALSE(is_a_finding(kDeath, {fault(name, 2, 9, "n2")}));
    CHECK_FALSE(is_a_finding(kDeath, {fault(name, 2, -1, "n2")}));  // nobody knows when it was over
    CHECK(is_a_finding(kDeath, {fault(name, 8, 20, "n1")}));
    CHECK(is_a_finding(kDeath, {fault(name, 11, 20, "n2")}));
    CHECK(is_a_finding(kDeath, {fault(name, 2, 8, "n2")}));
    CHECK(is_a_finding(event("core-dump", "n2", 9, 10, "/core"), {fault(name, 8, 20, "n2")}));
    CHECK(is_a_finding(event("oom-kill", "n2", 9, 10, "1"), {fault(name, 8, 20, "n2")}));
    CHECK(is_a_finding(event("log-line", "n2", 9, 10, "panic:"), {fault(name, 8, 20, "n2")}));
  }
  for (const char* name : {"partition", "pause", "jump", "delay", "corrupt", "cpu", "freeze"})
    CHECK(is_a_finding(kDeath, {fault(name, 8, 20, "n2")}));
}

TEST_CASE("findings: what a fault may be the cause of is told with the fault and is none") {
  for (const char* name : {"disk-full", "memory", "fd", "command", "bitflip"}) {
    INFO(name);
    for (const char* kind : {"process-died", "core-dump", "oom-kill", "log-line"}) {
      CHECK_FALSE(is_a_finding(event(kind, "n2", 9, 10, "x"), {fault(name, 8, 20, "n2")}));
      CHECK_FALSE(is_a_finding(event(kind, "n2", 9, 10, "x"), {fault(name, 2, 5, "n2")}));  // 4 s later
      CHECK(is_a_finding(event(kind, "n2", 29, 30, "x"), {fault(name, 2, 5, "n2")}) ==
            (std::string(name) != "bitflip"));  // what was damaged stays so
    }
  }
  const auto both = judged(findings({kDeath}), {fault("disk-full", 8, 20, "n2")});
  CHECK(findings_text(both[0]) ==
        "crashes: valid\n  note: n2 at 10s: etcd (process 7) is gone; disk-full 4 may be the cause\n");
}

TEST_CASE("findings: every fault was thought of") {
  std::string forgotten;
  const std::set<std::string> harmless = {"partition", "swizzle", "flaky",    "dns",   "delay",  "loss",
                                          "duplicate", "reorder", "corrupt",  "rate",  "pause",  "pause-client",
                                          "freeze",    "jump",    "skew-all", "drift", "strobe", "leap",
                                          "ntp-block", "cpu",     "swap"};
  for (const auto& info : faults())
    if (blame_of(info.name, true) == Blame::none && !harmless.contains(info.name)) forgotten += info.name + " ";
  CHECK(forgotten == "");
}

TEST_CASE("findings: a record of another shape is refused") {
  CHECK_FALSE(findings_judgements(Value(3), {}));
  CHECK_FALSE(findings_judgements(Value::map({{"events", Value::list({Value(1)})}}), {}));
}

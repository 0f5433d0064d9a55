#include "orchestrator/report/outcome.h"
#include "orchestrator/report/ci.h"

#include <catch2/catch.hpp>

#include "history/text.h"
#include "orchestrator/report/verdict_text.h"

using namespace shaketable;

namespace {

Judgement judgement(Validity valid, std::string reason = "") {
  Judgement j;
  j.verdict.checker = "linearizable";
  j.verdict.valid = valid;
  j.verdict.operations = 1234;
  j.verdict.reason = std::move(reason);
  j.seconds = 0.25;
  return j;
}

Outcome good() {
  Outcome outcome;
  outcome.run = "results/r1";
  outcome.plan = "quickstart";
  outcome.system = "etcd";
  outcome.seed = 7;
  outcome.repeat = "shaketable run p.yaml --seed 7";
  outcome.judgements = {judgement(Validity::valid)};
  outcome.faults = {2, 2, 2, {}};
  return outcome;
}

}  // namespace

TEST_CASE("exit codes: the highest in precedence wins") {
  using enum ExitCode;
  const ExitCode falling[] = {violation, unclean, infrastructure, bad_input, interrupted, unknown, pass};
  for (std::size_t i = 0; i < std::size(falling); ++i)
    for (std::size_t j = i; j < std::size(falling); ++j) {
      CHECK(worse(falling[i], falling[j]) == falling[i]);
      CHECK(worse(falling[j], falling[i]) == falling[i]);
    }
}

TEST_CASE("outcome: a good run in words") {
  CHECK(outcome_text(good()) ==
        "VALID: etcd kept its promises through 2 faults.\n"
        "  linearizable: valid (1,234 operations, 0.25 s)\n"
        "  faults: 2 applied, 2 proved, 2 undone and verified\n"
        "  nodes: all clean\n"
        "  run:   results/r1\n"
        "  again: shaketable run p.yaml --seed 7\n");
  CHECK(good().code() == ExitCode::pass);
}

TEST_CASE("outcome: a violation outranks an unclean node, and both are said") {
  Outcome outcome = good();
  outcome.judgements = {judgement(Validity::invalid, "key 3: no order explains it")};
  outcome.unclean_nodes = {{"n2", "chain SHAKETABLE-IN is still there"}};
  CHECK(outcome.code() == ExitCode::violation);
  const std::string text = outcome_text(outcome);
  CHECK(text.find("INVALID: etcd broke a promise.\n") == 0);
  CHECK(text.find("    n2: chain SHAKETABLE-IN is still there\n") != std::string::npos);
  const Value json = outcome_json(outcome);
  CHECK(json.find("valid")->boolean() == false);
  CHECK(json.find("exit_code")->integer() == 1);
  CHECK(to_json(*json.find("unclean_nodes")) == R"({"n2":"chain SHAKETABLE-IN is still there"})");
}

TEST_CASE("outcome: what makes a pass say too little is unknown, and what is unclean is 5") {
  Outcome outcome = good();
  outcome.doubts = {"no fault was shown to bite"};
  CHECK(outcome.code() == ExitCode::unknown);
  outcome.unclean_nodes = {{"n1", "cannot be reached"}};
  CHECK(outcome.code() == ExitCode::unclean);
  Outcome nothing = good();
  nothing.judgements.clear();
  CHECK(nothing.code() == ExitCode::unknown);
  Outcome stopped = good();
  stopped.interrupted = true;
  CHECK(stopped.code() == ExitCode::interrupted);
}

TEST_CASE("outcome: values of the system under test cannot break the JUnit file") {
  Outcome outcome = good();
  outcome.judgements = {judgement(Validity::invalid, "read \"<&>\x01\" & more")};
  const std::string junit = outcome_junit(outcome);
  CHECK(junit.find("message=\"read &quot;&lt;&amp;&gt;&quot; &amp; more\"") != std::string::npos);
  CHECK(junit.find("tests=\"2\" failures=\"1\" errors=\"0\"") != std::string::npos);
}

TEST_CASE("checks: what the file keeps reads back, and names only what differs from the defaults") {
  CheckPlan check{"linearizable", Parameters(find_checker("linearizable")->parameters)};
  check.options.set("keyed", true);
  check.options.set("initial", std::string("nil"));
  const std::string json = to_json(checks_json({check}));
  CHECK(json == R"([{"checker":"linearizable","options":{"initial":"nil","keyed":true}}])");
  const auto back = checks_from_json(json);
  REQUIRE(back);
  CHECK(back->size() == 1);
  CHECK(back->front().options.boolean("keyed"));
  CHECK(back->front().options.text("model") == "cas-register");
  CHECK_FALSE(checks_from_json("{}"));
  CHECK_FALSE(checks_from_json(R"([{"checker":"divination","options":{}}])"));
}

TEST_CASE("numbers are grouped by thousands") {
  CHECK(with_thousands(0) == "0");
  CHECK(with_thousands(999) == "999");
  CHECK(with_thousands(1000) == "1,000");
  CHECK(with_thousands(1234567) == "1,234,567");
  CHECK(with_thousands(-1234) == "-1,234");
  CHECK(with_thousands(-123) == "-123");
}

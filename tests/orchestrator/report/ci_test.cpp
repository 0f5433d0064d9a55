// What continuous integration reads.

#include "orchestrator/report/ci.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "tests/history/run_folder.h"

namespace shaketable {
namespace {

using namespace shaketable::testing;

Judgement judged(const std::string& checker, Validity valid, const std::string& reason = "") {
  Judgement judgement;
  judgement.verdict.checker = checker;
  judgement.verdict.valid = valid;
  judgement.verdict.reason = reason;
  judgement.verdict.operations = 1234;
  judgement.seconds = 0.25;
  return judgement;
}

// As bad as can be: every kind of finding, and texts that would break what they stand in.
Outcome bad_outcome() {
  Outcome outcome;
  outcome.run = "results/x";
  outcome.plan = "stage,one: \"x\" <&>";
  outcome.system = "etcd";
  outcome.repeat = "shaketable run 'p.yaml' --seed 7";
  outcome.judgements = {judged("recovery", Validity::valid),
                        judged("set", Validity::invalid, "lost\n| 100% of </failure> `a` ]]> \x01 \xC3\xA4"),
                        judged("linearizable", Validity::unknown, "the time is up")};
  outcome.judgements[1].verdict.anomalies["lost"].push_back({"element 5", Value()});
  outcome.faults.applied = 1;
  outcome.faults.applied_ones.push_back({1, "partition", "n1 deaf | n2", {"n1"}, 5, 6, true, false});
  outcome.unclean_nodes = {{"n2", "a rule \"stays\""}};
  outcome.infrastructure = "ssh is <gone>";
  outcome.doubts = {"nothing happened"};
  outcome.figures.functions.push_back({"add",
                                       12,
                                       10,
                                       1,
                                       1,
                                       std::chrono::milliseconds(1),
                                       std::chrono::milliseconds(2),
                                       std::chrono::milliseconds(3),
                                       std::chrono::milliseconds(4),
                                       std::chrono::milliseconds(5),
                                       {}});
  return outcome;
}

Outcome good_outcome() {
  Outcome outcome;
  outcome.plan = "good";
  outcome.system = "etcd";
  outcome.judgements = {judged("linearizable", Validity::valid)};
  return outcome;
}

int xmllint(const std::string& file) {
  const std::string command =
      "xmllint --noout --schema " SHAKETABLE_SOURCE_DIR "/tests/orchestrator/report/junit.xsd " + file + " 2>&1";
  return std::system(command.c_str());
}

TEST_CASE("JUnit files are accepted by a validator and broken ones are not") {
  if (std::system("command -v xmllint >/dev/null") != 0) {
    WARN("skipped: xmllint is not installed (scripts/packages test)");
    CHECK_FALSE(std::getenv("CI"));
    return;
  }
  const RunFolder folder;
  const std::string file = folder.path() + "/junit.xml";
  const auto valid = [&](const std::string& text) {
    std::ofstream(file) << text;
    return xmllint(file) == 0;
  };
  CHECK(valid(outcome_junit(bad_outcome())));
  CHECK(valid(outcome_junit(good_outcome())));
  CHECK(valid(outcome_junit(Outcome())));
  std::string broken = outcome_junit(good_outcome());
  broken.replace(broken.find("testcase classname"), 18, "testcase clasname");
  CHECK_FALSE(valid(broken));
}

TEST_CASE("JUnit has a case for each checker and a property for each fault") {
  const std::string junit = outcome_junit(bad_outcome());
  INFO(junit);
  for (const char* part :
       {"tests=\"6\" failures=\"1\" errors=\"4\"", "name=\"recovery\" time=\"0.250\"/>",
        "<failure message=\"lost&#10;| 100% of &lt;/failure&gt;", "<error message=\"the time is up\"",
        "<property name=\"fault.1\" value=\"partition on n1: n1 deaf | n2 (proved, not known to be undone)\"/>",
        "<property name=\"unclean_nodes\" value=\"n2: a rule &quot;stays&quot;&#10;\"/>"}) {
    INFO(part);
    CHECK(junit.find(part) != std::string::npos);
  }
}

TEST_CASE("annotations are one line each and their titles are escaped") {
  const std::string text = github_annotations(bad_outcome());
  INFO(text);
  CHECK(text.find("::error title=stage%2Cone%3A \"x\" <&>%3A set is INVALID::lost%0A| 100%25 of") == 0);
  CHECK(text.find("%0Aagain: shaketable run") != std::string::npos);
  CHECK(text.find("::warning title=") != std::string::npos);
  CHECK(text.find("node n2 is not proved clean::a rule \"stays\"%0ADo not use it") != std::string::npos);
  std::istringstream in(text);
  int lines = 0;
  for (std::string line; std::getline(in, line); ++lines) CHECK(line.starts_with("::"));
  CHECK(lines == 5);
  CHECK(github_annotations(good_outcome()) == "");
}

TEST_CASE("what a system says cannot break the step summary") {
  const std::string text = github_summary(bad_outcome());
  INFO(text);
  CHECK(text.find("## stage,one: \"x\" &lt;&amp;&gt;: etcd broke a promise\n") == 0);
  CHECK(text.find("| set | INVALID | 1,234 | 0.25 |") != std::string::npos);
  CHECK(text.find("| partition 1 | n1 | n1 deaf \\| n2 | yes | **not known** |") != std::string::npos);
  CHECK(text.find("* n2: a rule \"stays\"") != std::string::npos);
  CHECK(github_summary(good_outcome()).find("kept its promises") != std::string::npos);
}

TEST_CASE("figures for Prometheus are samples of declared families and nothing else") {
  const std::string text = prometheus_text(bad_outcome());
  INFO(text);
  const std::string common = "{plan=\"stage,one: \\\"x\\\" <&>\",system=\"etcd\"";
  CHECK(text.find("shaketable_run_exit_code" + common + "} 1\n") != std::string::npos);
  CHECK(text.find("shaketable_checker_valid" + common + ",checker=\"set\"} 0\n") != std::string::npos);
  CHECK(text.find("shaketable_checker_valid" + common + ",checker=\"linearizable\"} -1\n") != std::string::npos);
  CHECK(text.find("shaketable_operations" + common + ",f=\"add\",outcome=\"ok\"} 10\n") != std::string::npos);
  CHECK(text.find("shaketable_latency_seconds" + common + ",f=\"add\",quantile=\"0.99\"} 0.003\n") !=
        std::string::npos);
  CHECK(text.find("shaketable_unclean_nodes" + common + "} 1\n") != std::string::npos);
  std::istringstream in(text);
  std::set<std::string> declared;
  std::string current;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("# TYPE ")) {
      current = line.substr(7, line.find(' ', 7) - 7);
      CHECK(declared.insert(current).second);
      CHECK(line.ends_with(" gauge"));
    } else if (!line.starts_with("#")) {
      CHECK(line.substr(0, line.find('{')) == current);
      CHECK(line.find("} ") != std::string::npos);
    }
  }
  CHECK(declared.size() == 10);
}

}  // namespace
}  // namespace shaketable

// The corpus of transactions and of simple promises, through the program: `valid`, `not` and `also_not` are those that
// others recorded (shared/corpus/README.md).

#include <catch2/catch.hpp>

#include "base/text.h"
#include "history/text.h"
#include "tests/history/corpus.h"
#include "tests/orchestrator/program.h"

using namespace shaketable;
using namespace shaketable::testing;

namespace {

using Strings = std::vector<std::string>;

Value json_of(const Said& said) {
  INFO(said.out << said.err);
  const auto parsed = parse_json(said.out);
  REQUIRE(parsed);
  return *parsed;
}

Value judged(const std::string& path, const std::string& checker, const Strings& more) {
  Strings arguments = {"check", path, "--json", "--checker", checker};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const Said said = run_shaketable(arguments);
  const Value json = json_of(said);
  const Value& valid = *json.find("valid");
  CHECK(said.exit_code == (valid == Value(true) ? 0 : valid == Value(false) ? 1 : 2));
  return json;
}

Strings strings(const Value* list) {
  Strings all;
  if (list && list->is_list())
    for (const Value& item : list->items()) all.emplace_back(item.text());
  return all;
}

// Elle's options as the program takes them.
Strings arguments_of(const Value& options, bool registers) {
  Strings arguments;
  if (const Value* models = options.find("consistency-models")) {
    arguments.emplace_back("--consistency");
    arguments.push_back(models->is_nil() ? "none" : join(strings(models), ","));
  }
  if (const Strings anomalies = strings(options.find("anomalies")); !anomalies.empty()) {
    arguments.emplace_back("--set");
    arguments.push_back("anomalies=[" + join(anomalies) + "]");
  }
  if (!registers) return arguments;
  const auto is = [&](const char* name, bool fallback) {
    const Value* value = options.find(name);
    return value ? *value == Value(true) : fallback;
  };
  Strings orders = {"initial-state"};
  if (is("wfr-keys?", true)) orders.insert(orders.end(), {"assumed-initial", "writes-follow-reads"});
  if (is("sequential-keys?", false)) orders.emplace_back("process");
  if (is("linearizable-keys?", false)) orders.emplace_back("realtime");
  if (const Value* places = options.find("transaction-order")) {
    orders.emplace_back("transaction-order");
    Strings entries;
    for (std::size_t i = 0; i < places->items().size(); i += 2)
      entries.push_back(std::string(places->items()[i].text()) + ": " + to_json(places->items()[i + 1]));
    arguments.emplace_back("--set");
    arguments.push_back("transaction-order={" + join(entries) + "}");
  }
  arguments.emplace_back("--set");
  arguments.push_back("version-orders=[" + join(orders) + "]");
  return arguments;
}

void check_elle_tests(const std::string& checker, std::size_t expected) {
  const std::filesystem::path folder = corpus_folder();
  if (folder.empty()) return;
  Scratch scratch;
  const std::string path = scratch / "history.json";
  std::ifstream in(folder / "isolation" / ("elle-tests-" + checker + ".jsonl"));
  std::size_t lines = 0, agreed = 0;
  for (std::string line; std::getline(in, line); ++lines) {
    const auto one = parse_json(line);
    REQUIRE(one);
    const Value& valid = *one->find("valid");
    if (valid.is_nil()) continue;  // Elle mistrusts the test's own integer types there
    std::ofstream(path) << to_json(*one->find("history"));
    INFO(line.substr(0, 2000));
    const Value json = judged(path, checker, arguments_of(*one->find("opts"), checker == "rw-register"));
    CHECK(*json.find("valid") == (valid.kind() == Value::Kind::boolean ? valid : Value("unknown")));
    CHECK(strings(json.find("not")) == strings(one->find("not")));
    CHECK(strings(json.find("also_not")) == strings(one->find("also-not")));
    ++agreed;
  }
  CHECK(lines == expected);
  CHECK(agreed + 1 >= expected);
}

}  // namespace

TEST_CASE("corpus by the program: Elle's own list-append tests") {
  check_elle_tests("list-append", 35);
}

TEST_CASE("corpus by the program: Elle's own rw-register tests") {
  check_elle_tests("rw-register", 20);
}

TEST_CASE("corpus by the program: simulated databases at seven models") {
  const std::filesystem::path folder = corpus_folder();
  if (folder.empty()) return;
  std::ifstream in(folder / "isolation" / "sim-verdicts.jsonl");
  std::size_t lines = 0;
  for (std::string line; std::getline(in, line); ++lines) {
    const auto expected = parse_json(line);
    REQUIRE(expected);
    INFO(line);
    const std::string path = (folder / "isolation" / std::string(expected->find("file")->text())).string();
    const Value json =
        judged(path, "list-append", {"--consistency", std::string(expected->find("consistency")->text())});
    CHECK(*json.find("valid") == *expected->find("valid"));
    CHECK(strings(json.find("not")) == strings(expected->find("not")));
  }
  CHECK(lines == 56);
}

TEST_CASE("corpus by the program: AWDIT's histories at three levels by either checker") {
  const std::filesystem::path folder = corpus_folder();
  if (folder.empty()) return;
  const Strings levels = {"read-committed", "read-atomic", "causal"};
  std::size_t files = 0;
  for (std::size_t strongest = 0; strongest <= levels.size(); ++strongest) {
    const auto under = folder / "isolation" / "awdit" / (strongest == 0 ? "none" : levels[strongest - 1]);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(under)) {
      if (entry.path().extension() != ".txt") continue;
      ++files;
      for (std::size_t i = 0; i < levels.size(); ++i) {
        INFO(entry.path() << " at " << levels[i]);
        for (const char* checker : {"rw-register", "weak-register"}) {
          const Value json = judged(entry.path().string(), checker, {"--consistency", levels[i]});
          CHECK(*json.find("valid") == Value(i < strongest));
        }
      }
    }
  }
  CHECK(files == 22);
}

TEST_CASE("corpus by the program: the example of Elle's paper and the register of elle-cli") {
  const std::filesystem::path folder = corpus_folder();
  if (folder.empty()) return;
  const std::string paper = (folder / "isolation" / "paper-example.edn").string();
  CHECK(*judged(paper, "list-append", {"--consistency", "serializable"}).find("valid") == Value(false));
  // elle-cli calls it valid; it is serializable, and breaks its process's order (tests/checkers/isolation proves both).
  const std::string registers = (folder / "isolation" / "rw-register.edn").string();
  CHECK(*judged(registers, "rw-register", {"--consistency", "serializable"}).find("valid") == Value(true));
}

TEST_CASE("corpus by the program: bank, counter, set, set-full") {
  const std::filesystem::path folder = corpus_folder();
  if (folder.empty()) return;
  std::ifstream expected(folder / "aggregate" / "expected.tsv");
  std::string file, checker, valid;
  std::getline(expected, file);
  std::size_t lines = 0;
  for (; expected >> file >> checker >> valid; ++lines) {
    INFO(file);
    const Value json = judged((folder / "aggregate" / file).string(), checker, {});
    CHECK(to_json(*json.find("valid")) == valid);
  }
  CHECK(lines == 5);
}

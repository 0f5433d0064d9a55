// What holds for all of them: names, options, keys, budgets, and the corpus.

#include <fstream>

#include "history/readers.h"
#include "tests/checkers/aggregate/lines.h"
#include "tests/history/corpus.h"

namespace shaketable {
namespace {

std::string refusal(std::string_view checker, std::string_view options) {
  const auto verdict = check_aggregate(checker, {}, edn(options), Budget());
  REQUIRE_FALSE(verdict);
  CHECK(verdict.error().kind == ErrorKind::bad_input);
  return verdict.error().message;
}

TEST_CASE("every checker answers an empty history with unknown, and says why") {
  CHECK(aggregate_checkers().size() == 14);
  for (const AggregateInfo& info : aggregate_checkers()) {
    INFO(info.name);
    CHECK_FALSE(info.about.empty());
    for (const char* options : {"nil", "{}", "{:keyed true}"}) {
      const Verdict verdict = check(info.name, {}, options);
      CHECK(verdict.checker == info.name);
      CHECK(verdict.valid == Validity::unknown);
      CHECK_FALSE(verdict.reason.empty());
    }
  }
}

TEST_CASE("unknown checkers and options are refused with what was meant") {
  CHECK(refusal("bnak", "nil") == "there is no checker \"bnak\" (did you mean \"bank\"?)");
  CHECK(refusal("linearizable", "nil") == "there is no checker \"linearizable\"");
  CHECK(refusal("bank", "{:totl 3}") == "bank has no option :totl (did you mean \"total\"?)");
  CHECK(refusal("bank", "{:total \"3\"}") == "option total of bank: found \"3\", expected a whole number");
  CHECK(refusal("set-full", "{:linearizable 1}") == "option linearizable of set-full: found 1, expected true or false");
  CHECK(refusal("bank", "[1]") == "options of bank: found [1], expected a map");
}

TEST_CASE("operations of the nemesis are passed over") {
  CHECK(
      judged("set", "0 invoke add 1\nnemesis info add 2\n0 ok\n0 invoke read\nnemesis info read [7]\n0 ok read [1]") ==
      "valid");
}

TEST_CASE("with keyed, every key is judged by itself, and places are those of the whole history") {
  const std::string good =
      "0 invoke add [:a 1]\n0 ok\n1 invoke add [:b 1]\n1 ok\n0 invoke read [:a nil]\n0 ok read [:a [1]]\n";
  CHECK(judged("set", good, "{:keyed true}") == "unknown: key :b: the set was never read");
  CHECK(judged("set", good + "1 invoke read [:b nil]\n1 ok read [:b #{1}]", "{:keyed true}") == "valid");
  const std::string bad = good + "1 invoke read [:b nil]\n1 ok read [:b []]";
  CHECK(judged("set", bad, "{:keyed true}") == "INVALID: 1 of 2 keys: :b");
  const Verdict verdict = check("set", lines(bad), "{:keyed true}");
  CHECK(first_text(verdict, "lost") ==
        "key :b: 1 was acknowledged by operation 2 (process 1), and operation 6 (process 1) did not see it");
  CHECK(to_edn(verdict.anomalies.at("lost").front().details) == R"({"add" 2, "element" 1, "of-key" :b, "read" 6})");
  CHECK(to_edn(verdict.details) == R"({"bad-keys" [:b], "counts" {"lost" 1}, "keys" 2, "undecided-keys" []})");
  // A completion that says nothing of the key belongs to the key of its invocation.
  CHECK(judged("set", "0 invoke add [:a 1]\n0 ok add nil\n0 invoke read [:a nil]\n0 ok read [:a []]",
               "{:keyed true}") == "INVALID: 1 of 1 key: :a");
}

TEST_CASE("when the time is up the verdict is unknown, never a guess") {
  History history;
  for (int i = 0; i < 5'000; ++i) {
    for (const OpType type : {OpType::invoke, OpType::ok}) {
      history.operations.push_back(event(type, 0, "generate", i));
      history.operations.push_back(event(type, 1, "insert", Value::list({i, Value::list({1, Value()})})));
      history.operations.push_back(event(type, 2, "read", i));
      history.operations.push_back(event(type, 3, "poll", Value::list({Value::list({"poll", Value::map({})})})));
      history.operations.push_back(event(type, 4, "add", i));
      history.operations.push_back(event(type, 5, "read", Value::list({Value(i)})));
      history.operations.push_back(event(type, 6, "txn", Value::list({Value::list({"r", i % 7, Value()})})));
    }
  }
  const Budget spent([] { return true; }, UINT64_MAX);
  for (const AggregateInfo& info : aggregate_checkers()) {
    INFO(info.name);
    const auto verdict = check_aggregate(info.name, history, Value(), spent);
    REQUIRE(verdict);
    CHECK(verdict->valid == Validity::unknown);
    CHECK(verdict->reason == "the time for this check ran out");
  }
}

TEST_CASE("of very many findings a few are kept and all are counted") {
  History history;
  for (int i = 0; i < 1'000; ++i) {
    history.operations.push_back(event(OpType::invoke, 0, "generate", Value()));
    history.operations.push_back(event(OpType::ok, 0, "generate", 7));
  }
  const Verdict verdict = check("unique-ids", history);
  CHECK(verdict.reason == "999 duplicate-id");
  CHECK(count_of(verdict, "duplicate-id") == 999);
  CHECK(verdict.anomalies.at("duplicate-id").size() == 16);
  CHECK(verdict.explanation.ends_with("  … and 995 more\n"));
}

TEST_CASE("corpus: the histories of bank, counter, set and set-full get their verdicts") {
  const std::filesystem::path corpus = corpus_folder();
  if (corpus.empty()) return;
  std::ifstream expected(corpus / "aggregate" / "expected.tsv");
  REQUIRE(expected);
  std::string line;
  std::getline(expected, line);
  int files = 0;
  while (std::getline(expected, line)) {
    std::istringstream fields(line);
    std::string file, checker, valid;
    REQUIRE((fields >> file >> checker >> valid));
    History history;
    HistoryBuilder builder(history);
    const auto read = read_history_file((corpus / "aggregate" / file).string(), {}, builder);
    if (!read) FAIL(read.error().message);
    const Verdict verdict = check(checker, history);
    INFO(file << ": " << verdict.reason);
    CHECK(verdict.valid == (valid == "true" ? Validity::valid : Validity::invalid));
    ++files;
  }
  CHECK(files >= 5);
}

}  // namespace
}  // namespace shaketable

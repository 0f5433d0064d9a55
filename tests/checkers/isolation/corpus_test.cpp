// Recorded histories whose verdicts others know (shared/corpus/README.md).

#include <map>
#include <set>

#include "tests/checkers/isolation/histories.h"

namespace shaketable::isolation {
namespace {

std::vector<std::string> strings(const Value* list) {
  std::vector<std::string> all;
  if (list && list->is_list()) {
    for (const Value& item : list->items()) all.emplace_back(item.text());
  }
  return all;
}

bool is_true(const Value& options, const char* name) {
  const Value* value = options.find(name);
  return value && value->kind() == Value::Kind::boolean && value->boolean();
}

struct Case {
  History history;
  IsolationOptions options;
  std::string name, valid;
  std::vector<std::string> not_models, also_not;
};

Case case_of(const Value& line) {
  Case result;
  for (const Value& op : line.find("history")->items()) {
    Operation operation;
    operation.type = op_type(op.find("type")->text());
    operation.process = op.find("process")->integer();
    operation.value = *op.find("value");
    result.history.operations.push_back(std::move(operation));
  }
  const Value& options = *line.find("opts");
  if (const Value* models = options.find("consistency-models")) result.options.consistency_models = strings(models);
  result.options.anomalies = strings(options.find("anomalies"));
  std::vector<VersionOrder> orders = {VersionOrder::initial_state};
  const Value* wfr = options.find("wfr-keys?");
  if (!wfr || wfr->boolean()) {
    orders.push_back(VersionOrder::assumed_initial);
    orders.push_back(VersionOrder::writes_follow_reads);
  }
  if (is_true(options, "sequential-keys?")) orders.push_back(VersionOrder::process);
  if (is_true(options, "linearizable-keys?")) orders.push_back(VersionOrder::realtime);
  if (const Value* order = options.find("transaction-order")) {
    orders.push_back(VersionOrder::transaction_order);
    for (std::size_t i = 0; i < order->size(); ++i)
      result.options.transaction_order.emplace(std::stoll(std::string(order->items()[2 * i].text())),
                                               order->items()[2 * i + 1].integer());
  }
  result.options.version_orders = std::move(orders);
  const Value& valid = *line.find("valid");
  result.valid = valid.kind() == Value::Kind::boolean ? (valid.boolean() ? "valid" : "INVALID")
                 : valid.is_nil()                     ? "throws"
                                                      : "unknown";
  result.not_models = strings(line.find("not"));
  result.also_not = strings(line.find("also-not"));
  result.name = to_json(*line.find("test")) + " " + to_json(*line.find("context")) + " id " + to_json(*line.find("id"));
  return result;
}

template <class Check>
void check_elle_tests(const std::filesystem::path& path, std::size_t expected, const Check& check) {
  std::ifstream in(path);
  std::size_t lines = 0;
  for (std::string line; std::getline(in, line);) {
    const Result<Value> parsed = parse_json(line);
    REQUIRE(parsed);
    const Case one = case_of(*parsed);
    ++lines;
    INFO(one.name);
    const Result<Verdict> verdict = check(one.history, one.options);
    REQUIRE(verdict);
    if (one.valid == "throws") continue;  // Elle mistrusts the test's own integer types there
    INFO(verdict->explanation);
    CHECK(std::string(to_string(verdict->valid)) == one.valid);
    CHECK(verdict->not_models == one.not_models);
    CHECK(verdict->also_not == one.also_not);
  }
  CHECK(lines == expected);
}

TEST_CASE("Elle's own list-append tests") {
  const auto folder = corpus();
  if (!folder) return;
  check_elle_tests(*folder / "elle-tests-list-append.jsonl", 35,
                   [](const History& h, const IsolationOptions& o) { return check_list_append(h, o); });
}

TEST_CASE("Elle's own rw-register tests") {
  const auto folder = corpus();
  if (!folder) return;
  check_elle_tests(*folder / "elle-tests-rw-register.jsonl", 20,
                   [](const History& h, const IsolationOptions& o) { return check_rw_register(h, o); });
}

TEST_CASE("simulated databases have Elle's verdict at every level") {
  const auto folder = corpus();
  if (!folder) return;
  std::ifstream in(*folder / "sim-verdicts.jsonl");
  std::map<std::string, History> histories;
  std::size_t lines = 0;
  for (std::string line; std::getline(in, line); ++lines) {
    const Result<Value> expected = parse_json(line);
    REQUIRE(expected);
    const std::string file(expected->find("file")->text());
    auto [found, added] = histories.try_emplace(file);
    if (added) found->second = read_corpus(*folder / file);
    INFO(line);
    const Result<Verdict> verdict = check_list_append(found->second, asking(expected->find("consistency")->text()));
    REQUIRE(verdict);
    CHECK((verdict->valid == Validity::valid) == expected->find("valid")->boolean());
    CHECK(verdict->valid != Validity::unknown);
    CHECK(verdict->not_models == strings(expected->find("not")));
  }
  CHECK(lines == 56);
}

TEST_CASE("the example of Elle's paper is not serializable") {
  const auto folder = corpus();
  if (!folder) return;
  const Result<Verdict> verdict = check_list_append(read_corpus(*folder / "paper-example.edn"), asking("serializable"));
  REQUIRE(verdict);
  CHECK(verdict->valid == Validity::invalid);
}

}  // namespace
}  // namespace shaketable::isolation

// What the workloads ask for, as clients and checkers expect it.

#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "workloads/workload.h"

using namespace shaketable;

namespace {

using Set = std::vector<std::pair<std::string, ParameterValue>>;

Result<Workload> make(const std::string& name, const Set& set = {}) {
  const WorkloadInfo* info = find_workload(name);
  REQUIRE(info);
  Parameters parameters(info->parameters);
  for (const auto& [key, value] : set) parameters.set(key, value);
  return info->make(parameters, 10);
}

std::vector<Invocation> draw(Generator& generator, int count) {
  Random random(1);
  std::vector<Invocation> drawn;
  for (int i = 0; i < count; ++i) {
    Context context{Nanos(0), static_cast<std::size_t>(i % 10), 10, 0, random};
    Turn turn = generator.next(context);
    if (turn.kind != Turn::Kind::operation) break;
    drawn.push_back(std::move(turn.invocation));
  }
  return drawn;
}

std::string problem(const std::string& name, const Set& set) {
  const auto made = make(name, set);
  return made ? "" : made.error().message;
}

}  // namespace

TEST_CASE("transactions have the asked lengths and write every value of a key once") {
  for (const char* name : {"list-append", "rw-register"}) {
    const Set set{
        {"shortest", std::int64_t{2}}, {"longest", std::int64_t{5}}, {"reads", 0.25}, {"keys", std::int64_t{3}}};
    const Workload workload = std::move(*make(name, set));
    std::map<Value, std::set<Value>> written;
    std::set<std::size_t> lengths;
    int reads = 0, all = 0;
    for (const Invocation& invocation : draw(*workload.main, 3000)) {
      REQUIRE(invocation.f == Name("txn"));
      lengths.insert(invocation.value.size());
      for (std::size_t i = 0; i < invocation.value.size(); ++i) {
        const Value& micro = invocation.value[i];
        REQUIRE(micro.size() == 3);
        ++all;
        reads += micro[0] == Value("r");
        if (micro[0] == Value("r")) {
          CHECK(micro[2].is_nil());
          continue;
        }
        CHECK(micro[0] == Value(name == std::string("list-append") ? "append" : "w"));
        CHECK(written[micro[1]].insert(micro[2]).second);
        if (name == std::string("rw-register")) {
          REQUIRE(i > 0);
          CHECK(invocation.value[i - 1] == Value::list({"r", micro[1], nullptr}));
        }
      }
    }
    CHECK(*lengths.begin() == 2);
    CHECK(*lengths.rbegin() <= 6);
    CHECK(written.size() > 50);
    const double share = static_cast<double>(reads) / all;
    CHECK(share == Approx(name == std::string("list-append") ? 0.25 : 0.57).margin(0.03));
    // The last reads are of every key.
    std::set<Value> read;
    for (const Invocation& invocation : draw(*workload.final, 1000))
      for (const Value& micro : invocation.value.items()) read.insert(micro[1]);
    for (const auto& [key, values] : written) CHECK(read.count(key) == 1);
  }
}

TEST_CASE("a long fork's keys are written once and read in whole groups") {
  const Workload workload = std::move(*make("long-fork", {{"group_keys", std::int64_t{3}}}));
  std::set<Value> written;
  std::map<Value, int> groups;
  for (const Invocation& invocation : draw(*workload.main, 2000)) {
    if (invocation.value[0][0] == Value("w")) {
      REQUIRE(invocation.value.size() == 1);
      CHECK(written.insert(invocation.value[0][1]).second);
      continue;
    }
    REQUIRE(invocation.value.size() == 3);
    std::vector<Value> keys;
    for (const Value& micro : invocation.value.items()) keys.push_back(micro[1]);
    ++groups[Value::set(keys)];
  }
  CHECK(groups.size() > 100);
  CHECK(groups.begin()->second == 10);
}

TEST_CASE("transfers are between two accounts and amounts are within bounds") {
  const Workload workload = std::move(*make("bank", {{"accounts", std::int64_t{4}}, {"largest", std::int64_t{3}}}));
  int transfers = 0;
  for (const Invocation& invocation : draw(*workload.main, 1000)) {
    if (invocation.f == Name("read")) continue;
    ++transfers;
    const auto number = [&](const char* name) { return invocation.value.find(name)->integer(); };
    CHECK(number("from") != number("to"));
    CHECK(std::max(number("from"), number("to")) < 4);
    CHECK(std::min(number("from"), number("to")) >= 0);
    CHECK((number("amount") >= 1 && number("amount") <= 3));
  }
  CHECK(transfers > 400);
  CHECK(workload.checks.at(0).options.at(0) == std::pair{std::string("total"), ParameterValue(std::int64_t{80})});
}

TEST_CASE("parameters that do not go together are refused") {
  CHECK(problem("bank", {{"accounts", std::int64_t{7}}}) ==
        "the workload bank: the total of 80 cannot be divided evenly among 7 accounts");
  CHECK(problem("list-append", {{"shortest", std::int64_t{5}}}) ==
        "the workload list-append: a transaction's \"shortest\" length must not be more than its \"longest\"");
}

TEST_CASE("a lock is acquired and held and released by each worker in turn") {
  const Workload workload = std::move(*make("lock", {{"hold", DurationRange{Nanos(100), Nanos(100)}}}));
  Random random(1);
  Context context{Nanos(1000), 0, 2, 0, random};
  const auto next = [&] { return workload.main->next(context); };
  const auto done = [&](const Turn& turn, OpType type, const Value& value) {
    workload.main->completed(context, turn.invocation, type, value);
  };
  Turn turn = next();
  CHECK(turn.invocation == Invocation{Name("acquire"), Value(0)});
  done(turn, OpType::fail, Value(0));
  turn = next();
  CHECK(turn.invocation.f == Name("acquire"));
  CHECK(turn.at == Nanos(1000) + Nanos(std::chrono::milliseconds(5)));
  done(turn, OpType::ok, Value(4));
  turn = next();
  CHECK(turn.kind == Turn::Kind::wait);
  CHECK(turn.at == Nanos(1100));
  context.now = Nanos(1100);
  turn = next();
  CHECK(turn.invocation == Invocation{Name("release"), Value(0)});
  CHECK(turn.at == Nanos(1100));
  done(turn, OpType::info, Value(0));
  CHECK(next().invocation.f == Name("acquire"));
}

TEST_CASE("a lock's token protects its uses and who is refused gives it up") {
  const Workload workload =
      std::move(*make("lease-fencing", {{"hold", DurationRange{Nanos(400), Nanos(400)}}, {"uses", std::int64_t{3}}}));
  Random random(1);
  Context context{Nanos(1000), 0, 2, 0, random};
  // What is done at its time, and how it ends.
  const auto step = [&](OpType type, const Value& answer) {
    Turn turn = workload.main->next(context);
    if (turn.kind == Turn::Kind::wait) {
      context.now = turn.at;
      turn = workload.main->next(context);
    }
    context.now = std::max(context.now, turn.at);
    const Value value = answer.is_nil() ? turn.invocation.value : answer;
    workload.main->completed(context, turn.invocation, type, value);
    return std::pair{std::string(turn.invocation.f.text()), turn.invocation.value};
  };
  const auto use = std::pair{std::string("use"), Value::list({0, 42})};
  const auto release = std::pair{std::string("release"), Value(0)};
  CHECK(step(OpType::ok, 42).first == "acquire");
  CHECK(step(OpType::ok, Value()) == use);
  CHECK(context.now == Nanos(1100));
  CHECK(step(OpType::ok, Value()) == use);
  CHECK(step(OpType::ok, Value()) == use);
  CHECK(step(OpType::ok, Value()) == release);
  CHECK(context.now == Nanos(1400));
  CHECK(step(OpType::ok, 42).first == "acquire");
  CHECK(step(OpType::fail, Value()) == use);
  CHECK(step(OpType::ok, Value()) == release);
  CHECK(step(OpType::ok, 42).first == "acquire");
  CHECK(step(OpType::info, Value()) == use);  // who held it is gone
  CHECK(step(OpType::ok, 42).first == "acquire");
}

TEST_CASE("a queue is emptied one by one before it is drained") {
  const Workload workload = std::move(*make("queue"));
  Random random(1);
  Context context{Nanos(0), 0, 1, 0, random};
  const auto step = [&](OpType type, const Value& value) {
    const Turn turn = workload.final->next(context);
    if (turn.kind != Turn::Kind::operation) return std::string("over");
    workload.final->completed(context, turn.invocation, type, value);
    return std::string(turn.invocation.f.text());
  };
  CHECK(step(OpType::ok, 7) == "dequeue");
  CHECK(step(OpType::fail, Value()) == "dequeue");
  for (int i = 0; i < 3; ++i) CHECK(step(OpType::ok, Value()) == "dequeue");
  CHECK(step(OpType::ok, Value::list({})) == "drain");
  CHECK(step(OpType::ok, Value()) == "over");
}

#include "workloads/builtin.h"

#include <catch2/catch.hpp>
#include <map>
#include <set>

using namespace shaketable;

namespace {

Workload make(const std::function<void(Parameters&)>& change = [](Parameters&) {}) {
  const WorkloadInfo* info = find_workload("register");
  REQUIRE(info);
  Parameters parameters(info->parameters);
  change(parameters);
  auto made = info->make(parameters, 10);
  REQUIRE(made);
  return std::move(*made);
}

std::vector<Invocation> draw(Generator& generator, int count, std::uint64_t seed = 1) {
  Random random(seed);
  std::vector<Invocation> drawn;
  for (int i = 0; i < count; ++i) {
    Context context{Nanos(0), static_cast<std::size_t>(i % 10), 10, 0, random};
    Turn turn = generator.next(context);
    if (turn.kind != Turn::Kind::operation) break;
    drawn.push_back(std::move(turn.invocation));
  }
  return drawn;
}

}  // namespace

TEST_CASE("operations have the shapes that clients and the checker expect") {
  const Workload workload = make();
  std::map<std::string, int> functions;
  for (const Invocation& invocation : draw(*workload.main, 4000)) {
    ++functions[std::string(invocation.f.text())];
    REQUIRE(invocation.value.size() == 2);
    REQUIRE(invocation.value[0].is_integer());
    const Value& argument = invocation.value[1];
    if (invocation.f == Name("read")) REQUIRE(argument.is_nil());
    if (invocation.f == Name("write")) REQUIRE(argument.is_integer());
    if (invocation.f == Name("cas")) {
      REQUIRE(argument.size() == 2);
      REQUIRE((argument[0].is_nil() || argument[0].is_integer()));
      REQUIRE(argument[1].is_integer());
    }
  }
  CHECK(functions.size() == 3);
  CHECK(functions["read"] > 1800);
  CHECK(functions["read"] < 2200);
  CHECK(functions["cas"] > 850);
  REQUIRE(workload.checks.size() == 1);
  CHECK(workload.checks[0].checker == "linearizable");
  CHECK_FALSE(
      workload.final->next(*std::make_unique<Context>(Context{Nanos(0), 0, 1, 0, *std::make_unique<Random>(1)})).kind ==
      Turn::Kind::exhausted);
}

TEST_CASE("with unique values nothing is written twice to a register, and a cas expects what may be there") {
  const Workload workload = make();
  std::map<std::int64_t, std::set<std::int64_t>> written;
  for (const Invocation& invocation : draw(*workload.main, 5000)) {
    std::set<std::int64_t>& values = written[invocation.value[0].integer()];
    const Value& argument = invocation.value[1];
    if (invocation.f == Name("write")) REQUIRE(values.insert(argument.integer()).second);
    if (invocation.f == Name("cas")) {
      if (!argument[0].is_nil()) REQUIRE(values.count(argument[0].integer()) == 1);
      REQUIRE(values.insert(argument[1].integer()).second);
    }
  }
  CHECK(written.size() > 25);
}

TEST_CASE("with few values only these are written") {
  const Workload workload = make([](Parameters& p) { p.set("values", std::int64_t{3}); });
  for (const Invocation& invocation : draw(*workload.main, 1000))
    if (invocation.f == Name("write")) {
      REQUIRE(invocation.value[1].integer() >= 0);
      REQUIRE(invocation.value[1].integer() < 3);
    }
}

TEST_CASE("the same seed draws the same operations") {
  const Workload a = make(), b = make(), c = make();
  const std::vector<Invocation> first = draw(*a.main, 500);
  CHECK(first == draw(*b.main, 500));
  CHECK_FALSE(first == draw(*c.main, 500, 2));
}

TEST_CASE("the final reads are of every register that was used") {
  const Workload workload = make([](Parameters& p) {
    p.set("keys", std::int64_t{2});
    p.set("ops_per_key", std::int64_t{5});
  });
  std::set<Value> used, read;
  for (const Invocation& invocation : draw(*workload.main, 200)) used.insert(invocation.value[0]);
  for (const Invocation& invocation : draw(*workload.final, 200)) {
    CHECK(invocation.f == Name("read"));
    CHECK(invocation.value[1].is_nil());
    CHECK(read.insert(invocation.value[0]).second);
  }
  CHECK(std::includes(read.begin(), read.end(), used.begin(), used.end()));
}

TEST_CASE("a mix of nothing is refused") {
  const WorkloadInfo info = register_workload();
  Parameters parameters(info.parameters);
  parameters.set("mix", Weights{{"read", 0}, {"write", 0}});
  const auto made = info.make(parameters, 10);
  REQUIRE_FALSE(made);
  CHECK(made.error().message == "the workload register: every weight of \"mix\" is 0: nothing would be done");
}

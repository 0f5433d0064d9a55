#include "checkers/linearizability/core.h"

#include <catch2/catch.hpp>
#include <set>

#include "tests/checkers/linearizability/brute_force.h"
#include "tests/checkers/linearizability/large_history.h"
#include "tests/checkers/linearizability/objects.h"
#include "tests/checkers/linearizability/recorded.h"

namespace shaketable {

namespace lin = linearizability;

namespace {

// The events of some operations, with their completions after the failure too; and which of them is `event`.
std::pair<History, std::size_t> part_of(const History& history, const lin::Problem& problem,
                                        const std::vector<std::uint32_t>& ops, std::uint32_t event) {
  std::set<std::uint32_t> kept;
  for (const std::uint32_t op : ops) {
    kept.insert(problem.ops[op].invoke);
    if (!problem.ops[op].crashed()) kept.insert(problem.ops[op].complete);
  }
  History part;
  std::size_t place = 0;
  for (const std::uint32_t i : kept) {
    if (i == event) place = part.operations.size();
    part.operations.push_back(history.operations[i]);
  }
  return {std::move(part), place};
}

void cores_fail(const brute::Object& object) {
  const Random seeds(5);
  int cores = 0, smaller = 0;
  for (int i = 0; i < 4000; ++i) {
    Random random = seeds.fork(object.options.model + std::to_string(i));
    const History history = brute::random_history(object, random);
    const auto first = brute::first_failure(history, object);
    if (!first) continue;
    Recorded recorded(history, object.options);
    const lin::Problem& problem = *recorded.problem;
    std::size_t failed = 0;
    while (!problem.events[failed].completion || problem.ops[problem.events[failed].op].complete != *first) ++failed;
    const lin::Interner& values = recorded.recorder->values();
    // Registers are decided as a whole only: by the prefix as a history of its own.
    lin::Problem prefix = problem;
    prefix.events.resize(failed + 1);
    if (recorded.model->decide(prefix, prefix.events.size(), values) != false) continue;
    const lin::Core core = lin::core_of(problem, *recorded.model, values, failed);
    const auto [part, place] = part_of(history, problem, core.op, static_cast<std::uint32_t>(*first));
    CAPTURE(i, brute::to_text(history), brute::to_text(part));
    REQUIRE(brute::first_failure(part, object) == place);
    ++cores;
    smaller += part.operations.size() < history.operations.size();
  }
  CHECK(cores > 200);
  CHECK(smaller > cores / 2);
}

}  // namespace

TEST_CASE("what a refutation is told with cannot be linearized at the same completion") {
  cores_fail(objects::unique_register());
  for (const char* model : {"fifo-queue", "unordered-queue", "stack", "priority-queue"})
    for (const bool filled : {false, true}) {
      INFO(model << (filled ? " filled" : ""));
      cores_fail(objects::queue(model, true, filled));
    }
}

TEST_CASE("a refutation in a large history is told with a few operations") {
  for (const large::Order order : {large::Order::first_in, large::Order::last_in, large::Order::smallest}) {
    const auto object = large::queue(order, large::Fault::disorder);
    const auto history = large::simulate(*object, {30'000, 10, 0, 3, true}).history;
    const auto verdict = check_linearizable(history, object->options(), Budget());
    REQUIRE(verdict);
    INFO(verdict->explanation);
    REQUIRE(verdict->valid == Validity::invalid);
    CHECK(verdict->details.find("window")->size() <= 12);
    CHECK(verdict->details.find("partial")->size() > 0);
  }
}

}  // namespace shaketable

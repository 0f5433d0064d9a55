// One fault planted in a large history that is linearizable by construction is always found, and nothing is found
// without it. SHAKETABLE_MUTATION_SEEDS sets how many histories of each kind.

#include <catch2/catch.hpp>
#include <cstdlib>
#include <functional>

#include "checkers/linearizability/linearizable.h"
#include "tests/checkers/linearizability/large_history.h"

namespace shaketable {

namespace {

using large::Fault;
using large::Order;
using Make = std::function<std::unique_ptr<large::Simulated>()>;

std::uint64_t seeds() {
  const char* text = std::getenv("SHAKETABLE_MUTATION_SEEDS");
  return text ? std::strtoull(text, nullptr, 10) : 2;
}

Verdict judge(const Make& make, const large::Load& load) {
  const auto object = make();
  const large::Simulation simulation = large::simulate(*object, load);
  REQUIRE(simulation.went_wrong == load.wrong);
  const auto verdict = check_linearizable(simulation.history, object->options(), Budget());
  if (!verdict) FAIL(verdict.error().message);
  return *verdict;
}

void found(const Make& make, large::Load load = {}) {
  for (load.seed = 1; load.seed <= seeds(); ++load.seed) {
    CAPTURE(load.seed);
    load.wrong = false;
    const Verdict right = judge(make, load);
    CAPTURE(right.reason);
    CHECK(right.valid == Validity::valid);
    load.wrong = true;
    const Verdict wrong = judge(make, load);
    REQUIRE(wrong.valid == Validity::invalid);
    CHECK(wrong.details.find("prefix"));
  }
}

// What crashes may or may not have happened; it must not hide the fault.
large::Load crashing() {
  large::Load load;
  load.crash = 0.01;
  return load;
}

}  // namespace

TEST_CASE("a stale read is found among 100000 operations") {
  found([] { return large::unique_register(Fault::stale); }, crashing());
}
TEST_CASE("a lost write is found among 100000 operations") {
  found([] { return large::unique_register(Fault::lost); });
}
TEST_CASE("a compare-and-set that succeeds twice is found among 100000 operations") {
  found(large::cas_register);
}
TEST_CASE("a lost append to a string is found among 20000 operations") {
  found(large::strings, {20'000, 5});
}
TEST_CASE("an element that was removed and is there again is found among 100000 operations on a set") {
  found([] { return large::set(Fault::stale); }, crashing());
}
TEST_CASE("an element that is removed twice is found among 100000 operations on a set") {
  found([] { return large::set(Fault::twice); });
}
TEST_CASE("a lost element is found among 100000 operations on a set") {
  found([] { return large::set(Fault::lost); });
}
TEST_CASE("a lost element is found among 100000 operations on a set that grows") {
  found(large::gset, {20'000, 10, 0.01});
}
TEST_CASE("a double dequeue is found among 100000 operations on a queue") {
  found([] { return large::queue(Order::first_in, Fault::twice); }, crashing());
}
TEST_CASE("a lost element is found among 100000 operations on a queue") {
  found([] { return large::queue(Order::first_in, Fault::lost); });
}
TEST_CASE("a dequeue out of order is found among 100000 operations on a queue") {
  found([] { return large::queue(Order::first_in, Fault::disorder); }, crashing());
}
TEST_CASE("a double dequeue is found among 100000 operations on an unordered queue") {
  found([] { return large::queue(Order::any, Fault::twice); }, crashing());
}
TEST_CASE("a lost element is found among 100000 operations on an unordered queue") {
  found([] { return large::queue(Order::any, Fault::lost); });
}
TEST_CASE("a double pop is found among 100000 operations on a stack") {
  found([] { return large::queue(Order::last_in, Fault::twice); }, crashing());
}
TEST_CASE("a lost push is found among 100000 operations on a stack") {
  found([] { return large::queue(Order::last_in, Fault::lost); });
}
TEST_CASE("a pop out of order is found among 100000 operations on a stack") {
  found([] { return large::queue(Order::last_in, Fault::disorder); }, crashing());
}
TEST_CASE("a double dequeue is found among 100000 operations on a priority queue") {
  found([] { return large::queue(Order::smallest, Fault::twice); }, crashing());
}
TEST_CASE("a lost element is found among 100000 operations on a priority queue") {
  found([] { return large::queue(Order::smallest, Fault::lost); });
}
TEST_CASE("a dequeue out of order is found among 100000 operations on a priority queue") {
  found([] { return large::queue(Order::smallest, Fault::disorder); }, crashing());
}
TEST_CASE("a fence given twice is found among 100000 operations on a fenced mutex") {
  found(large::fenced_mutex);
}
TEST_CASE("a lost add is found among 100000 operations on a counter") {
  found(large::counter);  // a crashed add would make up for it
}
TEST_CASE("a position given twice is found among 100000 operations on a log") {
  found(large::log, {20'000});
}

}  // namespace shaketable

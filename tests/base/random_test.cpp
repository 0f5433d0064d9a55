#include "base/random.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <numeric>
#include <set>

namespace shaketable {
namespace {

// The seed stands in failure messages and plans: what it gives must never change. The numbers were computed by a second
// implementation of xoshiro256** and splitmix64.
TEST_CASE("the same seed gives the same numbers for ever") {
  Random random(42);
  CHECK(random.next() == 1546998764402558742u);
  CHECK(random.next() == 6990951692964543102u);
  CHECK(random.below(1000) == 680u);
  CHECK(random.between(-5, 5) == 5);
  CHECK(random.uniform() == 0.9918039142821028);
  Random fork = Random(42).fork("nemesis");
  CHECK(fork.next() == 17985611060295842781u);
  std::vector<int> items{0, 1, 2, 3, 4, 5, 6, 7};
  random.shuffle(items);
  CHECK(items == std::vector<int>{1, 0, 4, 2, 3, 7, 5, 6});
}

TEST_CASE("a fork depends on seed and name, and not on what was drawn") {
  Random a(7), b(7);
  b.next();
  CHECK(a.fork("x").next() == b.fork("x").next());
  CHECK(a.fork("x").next() != a.fork("y").next());
  CHECK(a.fork("x").next() != Random(8).fork("x").next());
  CHECK(a.fork("x").fork("y").next() != a.fork("y").fork("x").next());
  CHECK(Random(7).next() == Random(7).next());
}

TEST_CASE("below and between reach every number and none beyond") {
  Random random(3);
  std::vector<int> counts(7);
  for (int i = 0; i < 70'000; ++i) ++counts[random.below(7)];
  // 10,000 expected, standard deviation 93: five of them on either side.
  for (int count : counts) CHECK(std::abs(count - 10'000) < 465);
  std::set<std::int64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random.between(-2, 2));
  CHECK(seen == std::set<std::int64_t>{-2, -1, 0, 1, 2});
  CHECK(random.between(5, 5) == 5);
  CHECK(random.below(1) == 0);
  bool negative = false, positive = false;
  for (int i = 0; i < 100; ++i) (random.between(INT64_MIN, INT64_MAX) < 0 ? negative : positive) = true;
  CHECK((negative && positive));
  // A bound near 2^64 must not favour small numbers: more than a half of the draws lie above a third of it.
  const std::uint64_t bound = (std::uint64_t{1} << 63) + (std::uint64_t{1} << 62);
  int above = 0;
  for (int i = 0; i < 10'000; ++i) above += random.below(bound) >= bound / 2;
  CHECK(std::abs(above - 5'000) < 250);
}

TEST_CASE("uniform, exponential and chance have their means") {
  Random random(5);
  double sum = 0, waits = 0;
  int hits = 0;
  for (int i = 0; i < 100'000; ++i) {
    const double u = random.uniform();
    REQUIRE((u >= 0 && u < 1));
    sum += u;
    const double wait = random.exponential(3);
    REQUIRE(wait >= 0);
    waits += wait;
    hits += random.chance(0.2);
  }
  CHECK(sum / 100'000 == Approx(0.5).margin(0.005));
  CHECK(waits / 100'000 == Approx(3).margin(0.05));
  CHECK(hits / 100'000.0 == Approx(0.2).margin(0.0065));
  CHECK_FALSE(random.chance(0));
  CHECK(random.chance(1));
}

TEST_CASE("shuffle gives every order, pick every item") {
  Random random(6);
  std::set<std::vector<int>> orders;
  for (int i = 0; i < 2'000; ++i) {
    std::vector<int> items{1, 2, 3, 4};
    random.shuffle(items);
    orders.insert(items);
  }
  CHECK(orders.size() == 24);
  std::vector<int> none;
  random.shuffle(none);
  const std::vector<int> items{1, 2, 3};
  std::set<int> picked;
  for (int i = 0; i < 100; ++i) picked.insert(random.pick(items));
  CHECK(picked.size() == 3);
}

TEST_CASE("a fresh seed is short enough to be typed") {
  std::set<std::uint64_t> seeds;
  for (int i = 0; i < 20; ++i) {
    seeds.insert(Random::fresh_seed());
    CHECK(*seeds.rbegin() < 1'000'000'000);
  }
  CHECK(seeds.size() > 10);
}

}  // namespace
}  // namespace shaketable

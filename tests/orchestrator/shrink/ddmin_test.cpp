// The algorithms alone, with oracles that are certain and with one that is not.

#include "orchestrator/shrink/ddmin.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <set>

#include "base/random.h"
#include "orchestrator/shrink/sequential.h"

namespace shaketable {
namespace {

using Set = std::vector<std::size_t>;

bool holds(const Set& kept, const Set& needed) {
  return std::includes(kept.begin(), kept.end(), needed.begin(), needed.end());
}

TEST_CASE("what is needed together is found and nothing else") {
  Random random(7);
  for (int round = 0; round < 200; ++round) {
    const std::size_t n = 1 + random.below(20);
    std::set<std::size_t> some;
    for (std::size_t i = random.below(std::min<std::size_t>(n, 4) + 1); i > 0; --i) some.insert(random.below(n));
    const Set needed(some.begin(), some.end());
    std::set<Set> asked;
    std::size_t questions = 0;
    const auto kept = ddmin(n, [&](const Set& subset) -> Result<bool> {
      ++questions;
      CHECK(asked.insert(subset).second);
      CHECK(std::is_sorted(subset.begin(), subset.end()));
      return holds(subset, needed);
    });
    REQUIRE(kept);
    CHECK(*kept == needed);
    CHECK(questions <= n * n + 3 * n);
  }
}

TEST_CASE("where one of two ways is enough one way is found and it is minimal") {
  // Shown by {1 and 6}, or by {3}; also by everything (ddmin's premise).
  const auto shows = [](const Set& kept) { return holds(kept, {1, 6}) || holds(kept, {3}); };
  const auto kept = ddmin(8, [&](const Set& subset) -> Result<bool> { return shows(subset); });
  REQUIRE(kept);
  CHECK(shows(*kept));
  for (std::size_t i = 0; i < kept->size(); ++i) {
    Set fewer = *kept;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
    CHECK_FALSE(shows(fewer));
  }
}

TEST_CASE("an error of the oracle ends the search") {
  CHECK_FALSE(ddmin(4, [](const Set&) -> Result<bool> { return infrastructure("gone"); }));
  CHECK_FALSE(smallest(1, 9, 0.1, [](std::int64_t) -> Result<bool> { return infrastructure("gone"); }));
  CHECK(ddmin(0, [](const Set&) -> Result<bool> { return infrastructure("gone"); })->empty());
}

TEST_CASE("the smallest number that shows it") {
  for (const std::int64_t border : {1, 2, 17, 50, 99, 100}) {
    int questions = 0;
    const auto found = smallest(1, 100, 0.0001, [&](std::int64_t value) -> Result<bool> {
      ++questions;
      return value >= border;
    });
    REQUIRE(found);
    CHECK(*found == border);
    CHECK(questions <= 8);
  }
  // Within a tenth of itself, and never below the border.
  const auto roughly = smallest(1, 1000, 0.1, [](std::int64_t value) -> Result<bool> { return value >= 500; });
  REQUIRE(roughly);
  CHECK(*roughly >= 500);
  CHECK(*roughly <= 560);
  CHECK(*smallest(5, 5, 0.1, [](std::int64_t) -> Result<bool> { return false; }) == 5);
}

TEST_CASE("a sequential test errs as seldom as it says and takes few trials") {
  const double often = 0.8, rarely = 0.2, error = 0.1;
  const int rounds = 4000;
  for (const double odds : {often, rarely}) {
    Random random(odds == often ? 3 : 4);
    int wrong = 0, trials = 0;
    for (int round = 0; round < rounds; ++round) {
      SequentialTest test(often, rarely, error);
      while (test.answer() == SequentialTest::Answer::open) test.add(random.uniform() < odds);
      wrong += (test.answer() == SequentialTest::Answer::often) != (odds == often);
      trials += test.trials();
    }
    // Three standard deviations above what is promised.
    CHECK(wrong < rounds * error + 3 * std::sqrt(rounds * error * (1 - error)));
    CHECK(trials < rounds * 5);
  }
  SequentialTest two(0.8, 0.2, 0.1);
  CHECK(two.add(true) == SequentialTest::Answer::open);
  CHECK(two.add(true) == SequentialTest::Answer::often);
  SequentialTest rare(0.3, 0.075, 0.1);
  int misses = 0;
  while (rare.add(false) == SequentialTest::Answer::open) ++misses;
  CHECK(misses + 1 == 8);  // ln 9 / ln (0.925 / 0.7), rounded up
}

TEST_CASE("with an oracle that plays dice the needed faults are found nearly always") {
  // Eight faults of which two together show it, seven times in ten; nothing shows it without them.
  const Set needed{2, 5};
  int right = 0, runs = 0;
  const int rounds = 200;
  for (int round = 0; round < rounds; ++round) {
    Random random(static_cast<std::uint64_t>(100 + round));
    const auto kept = ddmin(8, [&](const Set& subset) -> Result<bool> {
      SequentialTest test(0.7, 0.7 / 4, 0.1);
      while (test.answer() == SequentialTest::Answer::open) {
        ++runs;
        test.add(holds(subset, needed) && random.uniform() < 0.7);
      }
      return test.answer() == SequentialTest::Answer::often;
    });
    REQUIRE(kept);
    // A wrong "no" leaves something in that is not needed; what is needed is never lost, for a "yes" is seen.
    CHECK(holds(*kept, needed));
    right += *kept == needed;
  }
  INFO(right << " of " << rounds << " rounds, " << runs / rounds << " runs each");
  CHECK(right > rounds / 2);
}

}  // namespace
}  // namespace shaketable

#include "nemesis/grudge.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

using namespace shaketable;

namespace {

constexpr std::size_t kNodesMax = 11;
constexpr int kSeeds = 40;

// What holds of every grudge, whatever its shape.
void check_well_formed(const Grudge& grudge, std::size_t n) {
  REQUIRE(grudge.deaf_to.size() == n);
  for (std::size_t i = 0; i < n; ++i) {
    const auto& deaf = grudge.deaf_to[i];
    CHECK(std::is_sorted(deaf.begin(), deaf.end()));
    CHECK(std::adjacent_find(deaf.begin(), deaf.end()) == deaf.end());
    CHECK(std::all_of(deaf.begin(), deaf.end(), [&](std::size_t j) { return j < n; }));
    CHECK(grudge.hears(i, i));
  }
  CHECK(std::is_sorted(grudge.hit.begin(), grudge.hit.end()));
  CHECK_FALSE(grudge.cuts_nothing());
}

bool mutual(const Grudge& grudge) {
  for (std::size_t i = 0; i < grudge.deaf_to.size(); ++i)
    for (std::size_t j = 0; j < grudge.deaf_to.size(); ++j)
      if (grudge.hears(i, j) != grudge.hears(j, i)) return false;
  return true;
}

std::set<std::size_t> heard_by(const Grudge& grudge, std::size_t i) {
  std::set<std::size_t> out;
  for (std::size_t j = 0; j < grudge.deaf_to.size(); ++j)
    if (grudge.hears(i, j)) out.insert(j);
  return out;
}

template <class Body>
void for_sizes_and_seeds(Shape shape, Body body) {
  for (std::size_t n = nodes_needed(shape); n <= kNodesMax; ++n)
    for (int seed = 0; seed < kSeeds; ++seed) {
      INFO(n << " nodes, seed " << seed);
      Random random(static_cast<std::uint64_t>(seed));
      body(n, random);
    }
}

}  // namespace

TEST_CASE("halves: two groups that hear only themselves the first the smaller one") {
  for_sizes_and_seeds(Shape::halves, [](std::size_t n, Random& random) {
    const Grudge grudge = halves(n, random);
    check_well_formed(grudge, n);
    CHECK(mutual(grudge));
    CHECK(grudge.hit.size() == n / 2);
    std::set<std::set<std::size_t>> groups;
    for (std::size_t i = 0; i < n; ++i) groups.insert(heard_by(grudge, i));
    CHECK(groups.size() == 2);
    CHECK(groups.count(std::set<std::size_t>(grudge.hit.begin(), grudge.hit.end())) == 1);
  });
}

TEST_CASE("halves in one direction: only one of the two groups is deaf") {
  for_sizes_and_seeds(Shape::halves, [](std::size_t n, Random& random) {
    for (const Direction direction : {Direction::in, Direction::out}) {
      const Grudge grudge = halves(n, random, direction);
      check_well_formed(grudge, n);
      const std::set<std::size_t> first(grudge.hit.begin(), grudge.hit.end());
      for (std::size_t i = 0; i < n; ++i)
        CHECK(grudge.deaf_to[i].empty() == (first.count(i) != (direction == Direction::in ? 1u : 0u)));
    }
  });
}

TEST_CASE("isolate: the victims hear nobody and nobody hears them") {
  for (std::size_t n = 2; n <= kNodesMax; ++n)
    for (std::size_t victim = 0; victim < n; ++victim) {
      const Grudge grudge = isolate(n, {victim});
      check_well_formed(grudge, n);
      CHECK(mutual(grudge));
      CHECK(grudge.hit == std::vector<std::size_t>{victim});
      for (std::size_t i = 0; i < n; ++i) CHECK(heard_by(grudge, i).size() == (i == victim ? 1 : n - 1));
    }
}

TEST_CASE("isolate: several victims do not hear each other either") {
  const Grudge grudge = isolate(5, {1, 3});
  CHECK(heard_by(grudge, 1) == std::set<std::size_t>{1});
  CHECK(heard_by(grudge, 3) == std::set<std::size_t>{3});
  CHECK(heard_by(grudge, 0) == std::set<std::size_t>{0, 2, 4});
}

TEST_CASE("isolate in one direction") {
  const Grudge deaf = isolate(3, {1}, Direction::in);
  CHECK(deaf.deaf_to == std::vector<std::vector<std::size_t>>{{}, {0, 2}, {}});
  const Grudge mute = isolate(3, {1}, Direction::out);
  CHECK(mute.deaf_to == std::vector<std::vector<std::size_t>>{{1}, {}, {1}});
}

TEST_CASE("majorities-ring: every node hears a majority and no two the same one") {
  for_sizes_and_seeds(Shape::majorities_ring, [](std::size_t n, Random& random) {
    const Grudge grudge = majorities_ring(n, random);
    check_well_formed(grudge, n);
    CHECK(mutual(grudge));
    std::set<std::set<std::size_t>> majorities;
    const std::size_t majority = n / 2 + 1;
    const bool one_more = n == 7 || n == 11;
    for (std::size_t i = 0; i < n; ++i) {
      const auto heard = heard_by(grudge, i);
      majorities.insert(heard);
      if (n == 3)
        CHECK(heard.size() >= majority);
      else
        CHECK(heard.size() == majority + (one_more ? 1 : 0));
    }
    CHECK(majorities.size() == n);
  });
}

TEST_CASE("bridge: one node hears all and the others hear their half and it") {
  for_sizes_and_seeds(Shape::bridge, [](std::size_t n, Random& random) {
    const Grudge grudge = bridge(n, random);
    check_well_formed(grudge, n);
    CHECK(mutual(grudge));
    CHECK(grudge.hit.size() == n - 1);
    std::size_t bridges = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t heard = heard_by(grudge, i).size();
      if (heard == n)
        ++bridges;
      else
        CHECK((heard == (n - 1) / 2 + 1 || heard == n - 1 - (n - 1) / 2 + 1));
    }
    CHECK(bridges == 1);
  });
}

TEST_CASE("one-way: the deaf are heard by those they do not hear") {
  for_sizes_and_seeds(Shape::one_way, [](std::size_t n, Random& random) {
    const Grudge grudge = one_way(n, random);
    check_well_formed(grudge, n);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j : grudge.deaf_to[i]) CHECK(grudge.hears(j, i));
    CHECK((grudge.hit.size() == n / 2 || grudge.hit.size() == n - n / 2));
  });
}

TEST_CASE("majority-minority: two groups and the minority is the one that is hit") {
  for_sizes_and_seeds(Shape::majority_minority, [](std::size_t n, Random& random) {
    const Grudge grudge = majority_minority(n, random);
    check_well_formed(grudge, n);
    CHECK(grudge.hit.size() * 2 < n);
    for (std::size_t i = 0; i < n; ++i) {
      const bool minority = std::binary_search(grudge.hit.begin(), grudge.hit.end(), i);
      CHECK(heard_by(grudge, i).size() == (minority ? grudge.hit.size() : n - grudge.hit.size()));
    }
  });
}

TEST_CASE("apart: a group that is named hears itself") {
  const std::vector<std::string> names{"n1", "n2", "n3", "n4"};
  CHECK(describe(apart(4, {0, 3}), names) == "n1 n4 deaf to n2 n3; n2 n3 deaf to n1 n4");
  CHECK(describe(apart(4, {0, 3}, Direction::in), names) == "n1 n4 deaf to n2 n3");
  CHECK(apart(4, {0, 3}).hit == std::vector<std::size_t>{0, 3});
}

TEST_CASE("custom groups: who is in none hears all and who is in two hears both") {
  const std::vector<std::string> names{"n1", "n2", "n3", "n4", "n5"};
  const Grudge grudge = groups(5, {{0, 1}, {2, 3, 4}});
  CHECK(describe(grudge, names) == "n1 n2 deaf to n3 n4 n5; n3 n4 n5 deaf to n1 n2");
  CHECK(grudge.hit == std::vector<std::size_t>{0, 1});
  CHECK(describe(groups(5, {{0}, {1}}), names) == "n1 deaf to n2; n2 deaf to n1");
  CHECK(describe(groups(5, {{0, 1, 2}, {2, 3, 4}}), names) == "n1 n2 deaf to n4 n5; n4 n5 deaf to n1 n2");
  CHECK(groups(5, {{0, 1, 2, 3, 4}}).cuts_nothing());
}

TEST_CASE("the same seed makes the same grudge and seeds make different ones") {
  std::set<std::vector<std::size_t>> seen;
  for (int seed = 0; seed < kSeeds; ++seed) {
    Random a(seed), b(seed);
    const Grudge first = halves(5, a);
    CHECK(first.deaf_to == halves(5, b).deaf_to);
    seen.insert(first.hit);
  }
  CHECK(seen.size() == 10);  // all pairs of five nodes come up
}

TEST_CASE("a grudge in words") {
  const std::vector<std::string> names{"n1", "n2", "n3"};
  CHECK(describe(isolate(3, {1}), names) == "n1 n3 deaf to n2; n2 deaf to n1 n3");
  CHECK(describe(isolate(3, {1}, Direction::in), names) == "n2 deaf to n1 n3");
}

TEST_CASE("names of shapes go both ways") {
  for (const std::string& name : shape_names()) CHECK(to_string(shape_named(name)) == name);
  CHECK(shape_names().size() == 8);
}

#include "nemesis/targets.h"

#include <catch2/catch.hpp>
#include <set>

using namespace shaketable;

namespace {

Scene scene_of(std::size_t n) {
  Scene scene;
  for (std::size_t i = 1; i <= n; ++i) {
    NodeFacts facts;
    facts.name = "n" + std::to_string(i);
    scene.nodes.push_back(facts);
  }
  scene.primaries = []() -> Result<std::vector<std::string>> { return std::vector<std::string>{"n2"}; };
  return scene;
}

std::size_t count(const std::string& word, std::size_t n) {
  Random random(1);
  const auto nodes = resolve_target({word}, scene_of(n), random);
  REQUIRE(nodes.has_value());
  CHECK(std::set<std::size_t>(nodes->begin(), nodes->end()).size() == nodes->size());
  CHECK(nodes->back() < n);
  return nodes->size();
}

std::string problem(const std::vector<std::string>& target, std::size_t n) {
  const auto checked = check_target("kill", target, scene_of(n).names());
  return checked ? "" : checked.error().message;
}

}  // namespace

TEST_CASE("words that count nodes") {
  CHECK(count("one", 5) == 1);
  CHECK(count("random", 5) == 1);
  CHECK(count("random 3", 5) == 3);
  CHECK(count("all", 5) == 5);
  CHECK(count("minority", 5) == 2);
  CHECK(count("minority", 4) == 1);
  CHECK(count("minority", 3) == 1);
  CHECK(count("majority", 5) == 3);
  CHECK(count("majority", 4) == 3);
  CHECK(count("minority-third", 7) == 2);
  CHECK(count("minority-third", 6) == 1);
}

TEST_CASE("a minority and the others never are both without a majority") {
  for (std::size_t n = 3; n < 12; ++n) {
    CHECK(count("minority", n) * 2 < n);
    CHECK(count("majority", n) * 2 > n);
    CHECK(count("minority", n) + count("majority", n) >= n);
  }
}

TEST_CASE("every node comes up") {
  std::set<std::size_t> seen;
  Random random(7);
  for (int i = 0; i < 100; ++i) seen.insert(resolve_target({"one"}, scene_of(5), random)->front());
  CHECK(seen.size() == 5);
}

TEST_CASE("primaries and all but they and names") {
  Random random(1);
  CHECK(*resolve_target({"primaries"}, scene_of(3), random) == std::vector<std::size_t>{1});
  CHECK(*resolve_target({"not-primaries"}, scene_of(3), random) == std::vector<std::size_t>{0, 2});
  CHECK(*resolve_target({"n3", "n1"}, scene_of(3), random) == std::vector<std::size_t>{0, 2});
  Scene scene = scene_of(3);
  scene.primaries = []() -> Result<std::vector<std::string>> { return std::vector<std::string>(); };
  CHECK(resolve_target({"not-primaries"}, scene, random).error().message == "no node is primary now");
  scene.primaries = nullptr;
  CHECK(resolve_target({"primaries"}, scene, random).error().kind == ErrorKind::bad_input);
}

TEST_CASE("targets that cannot be are refused before the run") {
  CHECK(problem({}, 3) == "kill: target names nothing");
  CHECK(problem({"n7"}, 3) == "kill: target \"n7\" is not a node (n1, n2, n3); did you mean n1?");
  CHECK(problem({"n1", "majority"}, 3) == "kill: target majority stands alone, or names of nodes do");
  CHECK(problem({"minority"}, 2) == "kill: target minority is 0 of 2 nodes");
  CHECK(problem({"random 4"}, 3) == "kill: target random 4 is 4 of 3 nodes");
  CHECK(problem({"random 0"}, 3) == "kill: target random 0 is 0 of 3 nodes");
  CHECK(problem({"n1", "n2"}, 3).empty());
  CHECK(problem({"primaries"}, 3).empty());
}

TEST_CASE("by role: every node that has it") {
  Scene scene = scene_of(5);
  scene.nodes[1].role = scene.nodes[4].role = "witness";
  scene.nodes[0].role = "data";
  Random random(1);
  CHECK(resolve_target({"role witness"}, scene, random) == std::vector<std::size_t>{1, 4});
  CHECK(resolve_target({"role data"}, scene, random) == std::vector<std::size_t>{0});
  const auto none = resolve_target({"role arbiter"}, scene, random);
  REQUIRE_FALSE(none.has_value());
  CHECK(none.error().message == "no node has the role \"arbiter\"");
  CHECK(problem({"role witness"}, 5).empty());
  CHECK(problem({"role witness", "n1"}, 5) == "kill: target role witness stands alone, or names of nodes do");
}

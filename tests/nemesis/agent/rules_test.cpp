#include "nemesis/agent/rules.h"

#include <catch2/catch.hpp>

using namespace shaketable::agent;

TEST_CASE("rules are compared by what is missing and what was added") {
  const std::vector<std::string> before{"-P INPUT ACCEPT", "-N A", "-A INPUT -j A", "-A A -j DROP"};
  CHECK(compare_rules(before, before).missing.empty());
  CHECK(compare_rules(before, before).added.empty());
  const std::vector<std::string> added{"-P INPUT ACCEPT", "-N A", "-N B", "-A INPUT -j A", "-A A -j DROP"};
  CHECK(compare_rules(before, added).missing.empty());
  CHECK(compare_rules(before, added).added == "-N B");
  CHECK(compare_rules(added, before).missing == "-N B");
  const std::vector<std::string> swapped{"-P INPUT ACCEPT", "-N A", "-A A -j DROP", "-A INPUT -j A"};
  CHECK_FALSE(compare_rules(before, swapped).missing.empty());
  CHECK(compare_rules({}, before).missing.empty());
}

TEST_CASE("rules of ours are known by their chains") {
  CHECK(is_own_rule("-A INPUT -m comment --comment \"shaketable:r:1\" -j SHAKETABLE-IN-1", std::nullopt));
  CHECK(is_own_rule("-A INPUT -j SHAKETABLE-IN-1", 1));
  CHECK(is_own_rule("-N SHAKETABLE-OUT-1", 1));
  CHECK_FALSE(is_own_rule("-A INPUT -j SHAKETABLE-IN-11", 1));
  CHECK_FALSE(is_own_rule("-A INPUT -m comment --comment shaketable -j ACCEPT", std::nullopt));
  CHECK(foreign_rules({"# comment", "-P INPUT ACCEPT", "-N SHAKETABLE-IN-1", "-N THEIRS"}) ==
        std::vector<std::string>{"-P INPUT ACCEPT", "-N THEIRS"});
}

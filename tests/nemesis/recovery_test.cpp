// A nemesis that waits for the system between two faults, and one that repeats a run.
#include <catch2/catch.hpp>

#include "tests/nemesis/nemesis_fixture.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

namespace {

// Three of 2 s each, meant for 1 s, 5 s and 9 s: 2 s of quiet between.
std::vector<ScheduledFault> three_gated() {
  std::vector<ScheduledFault> out{partition(1, 1s, 2s, "isolate", {"n1"}), partition(2, 5s, 2s, "isolate", {"n2"}),
                                  partition(3, 9s, 2s, "isolate", {"n3"})};
  for (std::size_t i = 1; i < out.size(); ++i) {
    out[i].after_recovery = true;
    out[i].quiet = 2s;
  }
  return out;
}

}  // namespace

TEST_CASE("recovery: quiet is counted from when the system is healthy and later faults come later too") {
  Fixture f;
  std::vector<Nanos> takes{3s, 0s};
  std::vector<Nanos> asked;
  f.options.recovery_wait = 20s;
  f.options.wait_healthy = [&](Nanos bound, std::stop_token) -> Result<Nanos> {
    CHECK(bound == 20s);
    CHECK(f.nodes.faults_in_force() == 0);
    asked.push_back(f.clock.now());
    const Nanos took = takes.at(asked.size() - 1);
    f.clock.advance(took);
    return took;
  };
  REQUIRE(f.run(three_gated()).has_value());
  // The load began at 1 s. The first fault ends at 4 s, the system is healthy at 7 s.
  REQUIRE(asked == std::vector<Nanos>{4s, 11s});
  CHECK(f.log.of(1).intended_start == 2s);
  CHECK(f.log.of(2).intended_start == 9s);
  CHECK(f.log.of(2).intended_end == 11s);
  CHECK(f.log.of(3).intended_start == 13s);
  CHECK(f.log.of(1).notes == "the system was healthy 3s after it");
  CHECK_FALSE(f.nemesis->not_recovered());
}

TEST_CASE("recovery: a system that does not come back within the bound ends the schedule and is named") {
  Fixture f;
  f.options.recovery_wait = 20s;
  SECTION("it says so") {
    f.options.wait_healthy = [](Nanos, std::stop_token) -> Result<Nanos> { return infrastructure("n4 is sick"); };
    REQUIRE(f.run(three_gated()).has_value());
    CHECK(f.nemesis->not_recovered()->why == "n4 is sick");
  }
  SECTION("the look itself took too long") {
    f.options.wait_healthy = [](Nanos, std::stop_token) -> Result<Nanos> { return Nanos(21s); };
    REQUIRE(f.run(three_gated()).has_value());
    CHECK(f.nemesis->not_recovered()->why == "healthy only after 21s");
  }
  REQUIRE(f.nemesis->not_recovered());
  CHECK(f.nemesis->not_recovered()->text == "partition 1");
  CHECK(f.nodes.called("arm 2").empty());
  CHECK(f.nodes.called("arm 3").empty());
  CHECK(f.nodes.faults_in_force() == 0);
  CHECK(f.log.of(1).undone == Undone::verified);
}

TEST_CASE("recovery: a stop while the system is waited for is no finding") {
  Fixture f;
  std::stop_source stop;
  f.options.wait_healthy = [&](Nanos, std::stop_token asked) -> Result<Nanos> {
    stop.request_stop();
    CHECK(asked.stop_requested());
    return tl::unexpected(Error{ErrorKind::interrupted, "interrupted"});
  };
  REQUIRE(f.prepare(three_gated()).has_value());
  REQUIRE(f.nemesis->run(three_gated(), f.clock, 1s, f.log, stop.get_token()).has_value());
  CHECK_FALSE(f.nemesis->not_recovered());
  CHECK(f.nodes.called("arm 2").empty());
}

TEST_CASE("recovery: a fault that was passed over is not recovered from") {
  Fixture f;
  int asked = 0;
  f.options.wait_healthy = [&](Nanos, std::stop_token) -> Result<Nanos> {
    ++asked;
    return Nanos(0);
  };
  f.options.max_faulty = 1;
  std::vector<ScheduledFault> schedule = three_gated();
  schedule[0].options.set("target", std::vector<std::string>{"n1", "n2"});
  schedule[1].options.set("target", std::vector<std::string>{"n1", "n2"});
  REQUIRE(f.run(schedule).has_value());
  CHECK(asked == 0);
  CHECK(f.log.of(3).intended_start == 10s);
}

TEST_CASE("replay: the recorded primaries stand and the system is not asked") {
  Fixture f;
  f.options.primaries = []() -> Result<std::vector<std::string>> { return infrastructure("nobody may ask"); };
  ScheduledFault fault = partition(1, 0s, 1s, "primaries");
  fault.primaries = std::vector<std::string>{"n2", "n5"};
  REQUIRE(f.run({fault}).has_value());
  CHECK(f.log.of(1).targets == std::vector<std::string>{"n2", "n5"});
  CHECK(f.log.of(1).parameters.back() == std::pair<std::string, std::string>("primaries", "n2 n5"));
}

TEST_CASE("replay: the primaries that there were are recorded") {
  Fixture f;
  f.options.primaries = []() -> Result<std::vector<std::string>> { return std::vector<std::string>{"n3"}; };
  REQUIRE(f.run({partition(1, 0s, 1s, "primaries"), partition(2, 2s, 1s, "halves")}).has_value());
  CHECK(f.log.of(1).parameters.back() == std::pair<std::string, std::string>("primaries", "n3"));
  for (const auto& [name, value] : f.log.of(2).parameters) CHECK(name != "primaries");
}

TEST_CASE("keep_quorum: faults of different families and ends never take a majority together") {
  Fixture f;
  f.options.keep_quorum = true;
  // n1 and n2 overlap: two of five. n3 would be the third while both are down, and may when n1 is back.
  REQUIRE(f.run({partition(1, 0s, 4s, "isolate", {"n1"}), partition(2, 1s, 10s, "isolate", {"n2"}),
                 partition(3, 2s, 1s, "isolate", {"n3"}), partition(4, 5s, 1s, "isolate", {"n3"}),
                 partition(5, 5500ms, 100ms, "isolate", {"n2"})})
              .has_value());
  CHECK(f.log.of(1).actual_start);
  CHECK(f.log.of(2).actual_start);
  CHECK_FALSE(f.log.of(3).actual_start);
  CHECK(f.log.of(3).notes ==
        "not applied: 3 of 5 nodes would be faulty at once, and keep_quorum leaves a majority alone");
  CHECK(f.log.of(4).actual_start);
  CHECK(f.log.of(5).actual_start);
}

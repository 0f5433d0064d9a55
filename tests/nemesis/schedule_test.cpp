#include "nemesis/schedule.h"

#include <catch2/catch.hpp>
#include <map>
#include <set>

using namespace shaketable;
using namespace std::chrono_literals;

namespace {

ScheduleOptions random_options() {
  ScheduleOptions options;
  options.until = 10min;
  options.choices = {{"often", {}, 3, 0s, 0s}, {"seldom", {}, 1, 0s, 0s}, {"never", {}, 0, 0s, 0s}};
  return options;
}

}  // namespace

TEST_CASE("random: faults follow each other with quiet between and end in time") {
  const ScheduleOptions options = random_options();
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    INFO("seed " << seed);
    const auto schedule = make_schedule(options, seed);
    REQUIRE(schedule.size() > 30);
    CHECK(schedule.front().at == options.first_after);
    for (std::size_t i = 0; i < schedule.size(); ++i) {
      CHECK(schedule[i].id == static_cast<std::int64_t>(i + 1));
      CHECK(schedule[i].at + schedule[i].lasts <= options.until);
      CHECK(schedule[i].lasts <= options.lasts.high);
      if (i + 1 == schedule.size()) continue;
      CHECK(schedule[i].lasts >= options.lasts.low);
      const Nanos quiet = schedule[i + 1].at - schedule[i].at - schedule[i].lasts;
      CHECK(quiet >= options.quiet.low);
      CHECK(quiet <= options.quiet.high);
    }
  }
}

TEST_CASE("random: the same seed gives the same schedule another seed another one") {
  const auto one = make_schedule(random_options(), 7), again = make_schedule(random_options(), 7),
             other = make_schedule(random_options(), 8);
  REQUIRE(one.size() == again.size());
  std::set<std::uint64_t> seeds;
  for (std::size_t i = 0; i < one.size(); ++i) {
    CHECK(one[i].at == again[i].at);
    CHECK(one[i].lasts == again[i].lasts);
    CHECK(one[i].fault == again[i].fault);
    CHECK(one[i].seed == again[i].seed);
    seeds.insert(one[i].seed);
  }
  CHECK(seeds.size() == one.size());
  CHECK((one.size() != other.size() || one[1].at != other[1].at));
}

TEST_CASE("random: weights say how often") {
  std::map<std::string, int> drawn;
  for (std::uint64_t seed = 0; seed < 20; ++seed)
    for (const auto& fault : make_schedule(random_options(), seed)) ++drawn[fault.fault];
  CHECK(drawn["never"] == 0);
  const double share = static_cast<double>(drawn["often"]) / (drawn["often"] + drawn["seldom"]);
  CHECK(share > 0.68);
  CHECK(share < 0.82);
}

TEST_CASE("random: nothing to choose from or no time is an empty schedule") {
  ScheduleOptions options = random_options();
  options.choices = {{"never", {}, 0, 0s, 0s}};
  CHECK(make_schedule(options, 1).empty());
  options = random_options();
  options.until = options.first_after;
  CHECK(make_schedule(options, 1).empty());
}

TEST_CASE("random: ranges of nothing still end") {
  ScheduleOptions options = random_options();
  options.lasts = options.quiet = {0s, 0s};
  options.until = options.first_after + 20ms;
  CHECK(make_schedule(options, 1).size() == 20);
}

TEST_CASE("timeline: as written in the order of beginnings cut at the end") {
  ScheduleOptions options;
  options.timeline = true;
  options.until = 30s;
  options.choices = {
      {"b", {}, 1, 20s, 15s}, {"a", {}, 1, 5s, 10s}, {"late", {}, 1, 30s, 1s}, {"overlaps", {}, 1, 6s, 2s}};
  const auto schedule = make_schedule(options, 1);
  REQUIRE(schedule.size() == 3);
  CHECK(schedule[0].fault == "a");
  CHECK(schedule[1].fault == "overlaps");
  CHECK(schedule[2].fault == "b");
  CHECK(schedule[2].lasts == 10s);
  CHECK(schedule[2].id == 3);
}

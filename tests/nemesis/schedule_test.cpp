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

TEST_CASE("timeline: repeated as often as said") {
  ScheduleOptions options;
  options.timeline = true;
  options.until = 32s;
  options.repeat = 3;
  options.every = 10s;
  options.choices = {{"a", {}, 1, 1s, 4s}, {"b", {}, 1, 3s, 10s}};
  const auto schedule = make_schedule(options, 1);
  REQUIRE(schedule.size() == 6);
  const std::vector<Nanos> at{1s, 3s, 11s, 13s, 21s, 23s};
  std::set<std::uint64_t> seeds;
  for (std::size_t i = 0; i < schedule.size(); ++i) {
    CHECK(schedule[i].at == at[i]);
    CHECK(schedule[i].fault == (i % 2 == 0 ? "a" : "b"));
    CHECK(schedule[i].id == static_cast<std::int64_t>(i + 1));
    seeds.insert(schedule[i].seed);
  }
  CHECK(schedule[5].lasts == 9s);
  CHECK(seeds.size() == 6);
}

TEST_CASE("random: all but the first wait for the system where that is wanted and nothing else changes") {
  ScheduleOptions options = random_options();
  const auto without = make_schedule(options, 3);
  options.wait_for_recovery = true;
  const auto with = make_schedule(options, 3);
  REQUIRE(with.size() == without.size());
  for (std::size_t i = 0; i < with.size(); ++i) {
    CHECK_FALSE(without[i].after_recovery);
    CHECK(with[i].after_recovery == (i > 0));
    CHECK(with[i].at == without[i].at);
    CHECK(with[i].seed == without[i].seed);
    if (i > 0) CHECK(with[i].quiet == with[i].at - with[i - 1].at - with[i - 1].lasts);
  }
}

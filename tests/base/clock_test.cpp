#include "base/clock.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

namespace shaketable {
namespace {

using namespace std::chrono_literals;

TEST_CASE("a manual clock moves when it is moved, or when somebody sleeps on it") {
  ManualClock clock;
  CHECK(clock.now() == 0ns);
  clock.advance(5s);
  CHECK(clock.now() == 5s);
  CHECK(clock.sleep_until(1h, {}));
  CHECK(clock.now() == 1h);
  CHECK(clock.sleep_until(1s, {}));  // long past: time does not go back
  CHECK(clock.now() == 1h);
}

TEST_CASE("a stopped sleeper does not move the manual clock") {
  ManualClock clock;
  std::stop_source stop;
  stop.request_stop();
  CHECK_FALSE(clock.sleep_until(1h, stop.get_token()));
  CHECK(clock.now() == 0ns);
}

TEST_CASE("without auto advance a sleeper wakes when its time has come, and not before") {
  ManualClock clock(false);
  std::atomic<int> woken = 0;
  std::jthread sleeper([&](std::stop_token stop) {
    if (clock.sleep_until(10s, stop)) woken = 1;
  });
  clock.advance(4s);
  clock.advance(4s);
  CHECK(woken == 0);
  clock.advance(4s);
  sleeper.join();
  CHECK(woken == 1);
  CHECK(clock.now() == 12s);
}

TEST_CASE("without auto advance a stop request frees the sleeper") {
  ManualClock clock(false);
  bool reached = true;
  {
    std::jthread sleeper([&](std::stop_token stop) { reached = clock.sleep_until(10s, stop); });
  }
  CHECK_FALSE(reached);
}

TEST_CASE("the steady clock counts from its construction and sleeps no shorter than asked") {
  const SteadyClock outer;
  SteadyClock clock;
  CHECK(clock.now() >= 0ns);
  CHECK(clock.sleep_until(10ms, {}));
  CHECK(clock.now() >= 10ms);
  CHECK(outer.now() >= clock.now());
  CHECK(clock.sleep_until(1ms, {}));  // long past: at once
}

TEST_CASE("a stop request ends the steady clock's sleep, even one without end") {
  for (const Nanos deadline : {Nanos(1h), Nanos::max()}) {
    SteadyClock clock;
    bool reached = true;
    {
      std::jthread sleeper([&](std::stop_token stop) { reached = clock.sleep_until(deadline, stop); });
      std::this_thread::sleep_for(2ms);
    }
    CHECK_FALSE(reached);
  }
}

TEST_CASE("wall time is after 2026-01-01") {
  CHECK(wall_clock_ns() > 1'767'225'600'000'000'000);
}

}  // namespace
}  // namespace shaketable

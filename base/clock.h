#pragma once
// Time as the run sees it. Everything that waits takes a Clock, so that a whole run replays in a unit test on a
// ManualClock.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>

namespace shaketable {

using Nanos = std::chrono::nanoseconds;  // a duration, or a point in time counted from a Clock's own zero

class Clock {
 public:
  virtual ~Clock() = default;
  // Monotonic time since this clock's zero. Any thread.
  virtual Nanos now() const = 0;
  // Sleeps until now() >= deadline (Nanos::max(): until stopped); false if `stop` was requested first. Any thread.
  virtual bool sleep_until(Nanos deadline, std::stop_token stop) = 0;
};

// CLOCK_MONOTONIC, its zero being the moment of construction.
class SteadyClock final : public Clock {
 public:
  SteadyClock();
  Nanos now() const override;
  bool sleep_until(Nanos deadline, std::stop_token stop) override;

 private:
  std::chrono::steady_clock::time_point zero_;
};

// For tests: time stands still until somebody moves it. A sleeper moves it itself when auto_advance is set,
// so that single-threaded code under test runs through hours at once.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(bool auto_advance = true) : auto_advance_(auto_advance) {}
  Nanos now() const override;
  bool sleep_until(Nanos deadline, std::stop_token stop) override;
  void advance(Nanos by);

 private:
  mutable std::mutex mutex_;
  std::condition_variable_any moved_;
  Nanos now_{0};
  bool auto_advance_;
};

// Nanoseconds since 1970, for the one wall time a run stores.
std::int64_t wall_clock_ns();

}  // namespace shaketable

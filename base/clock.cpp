#include "base/clock.h"

namespace shaketable {

SteadyClock::SteadyClock() : zero_(std::chrono::steady_clock::now()) {}

Nanos SteadyClock::now() const {
  return std::chrono::duration_cast<Nanos>(std::chrono::steady_clock::now() - zero_);
}

bool SteadyClock::sleep_until(Nanos deadline, std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any woken;
  std::unique_lock lock(mutex);
  // A deadline beyond what time_point can say would wrap round into the past.
  const auto latest = std::chrono::steady_clock::time_point::max();
  const auto until = deadline > latest - zero_ ? latest : zero_ + deadline;
  woken.wait_until(lock, stop, until, [] { return false; });
  return !stop.stop_requested();
}

Nanos ManualClock::now() const {
  std::lock_guard lock(mutex_);
  return now_;
}

bool ManualClock::sleep_until(Nanos deadline, std::stop_token stop) {
  std::unique_lock lock(mutex_);
  if (auto_advance_) {
    if (stop.stop_requested()) return false;
    if (now_ < deadline) now_ = deadline;
    moved_.notify_all();
    return true;
  }
  return moved_.wait(lock, stop, [&] { return now_ >= deadline; });
}

void ManualClock::advance(Nanos by) {
  std::lock_guard lock(mutex_);
  now_ += by;
  moved_.notify_all();
}

std::int64_t wall_clock_ns() {
  return std::chrono::duration_cast<Nanos>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace shaketable

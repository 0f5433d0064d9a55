#pragma once

#include <algorithm>
#include <chrono>

#include "base/clock.h"

namespace shaketable {

// A moment on the machine's monotonic clock. Sockets do not wait on a Clock, so neither does this.
class Deadline {
 public:
  explicit Deadline(Nanos from_now) : at_(std::chrono::steady_clock::now() + from_now) {}
  Nanos left() const { return std::max(Nanos(0), Nanos(at_ - std::chrono::steady_clock::now())); }
  bool over() const { return left() == Nanos(0); }
  // For poll(2): rounded up, so that it does not spin through the last millisecond.
  int left_ms(int at_most = 1 << 30) const {
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left()).count();
    return static_cast<int>(std::min<long long>(ms, at_most));
  }

 private:
  std::chrono::steady_clock::time_point at_;
};

}  // namespace shaketable

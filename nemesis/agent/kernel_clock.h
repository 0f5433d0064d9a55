#pragma once
// The node's clock as its kernel keeps it: clock_settime(2) and adjtimex(2), in words of ours.

#include <cstdint>

#include "base/result.h"

namespace shaketable::agent {

bool may_set_the_clock();  // CAP_SYS_TIME
// Steps by what is read at the last moment, so that the step itself costs no accuracy.
Result<void> step_clock(std::int64_t by_ns);

struct Rate {
  long tick = 10'000;  // microseconds of a tick of 100 Hz; one more is 100 ppm
  long freq = 0;       // 65536 a ppm
  double ppm() const { return static_cast<double>(tick - 10'000) * 100.0 + static_cast<double>(freq) / 65536.0; }
  bool is(const Rate& other) const;
};
Result<Rate> read_rate();
Result<void> set_rate(const Rate& rate);

// What the kernel tells those who ask how good its clock is. A step makes it say that nobody looks after it.
struct Discipline {
  int status = 0;  // STA_… that may be set
  std::int64_t max_error_us = 0, error_us = 0;
  int tai_seconds = 0;
};
Result<Discipline> read_discipline();
Result<void> set_discipline(const Discipline& discipline);

}  // namespace shaketable::agent

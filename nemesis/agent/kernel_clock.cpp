#include "nemesis/agent/kernel_clock.h"

#include <linux/capability.h>
#include <sys/timex.h>
#include <time.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "nemesis/agent/system.h"

namespace shaketable::agent {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr int kSettable = STA_PLL | STA_PPSFREQ | STA_PPSTIME | STA_FLL | STA_INS | STA_DEL | STA_UNSYNC | STA_FREQHOLD;
constexpr unsigned kSetTai = 0x80;  // ADJ_TAI, which glibc's header lacks

}  // namespace

bool may_set_the_clock() {
  const auto status = read_file("/proc/self/status");
  if (!status) return false;
  const std::size_t at = status->find("CapEff:");
  if (at == std::string::npos) return false;
  return std::strtoull(status->c_str() + at + 7, nullptr, 16) >> CAP_SYS_TIME & 1;
}

Result<void> step_clock(std::int64_t by_ns) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  const std::int64_t to_ns = now.tv_sec * kSecond + now.tv_nsec + by_ns;
  const timespec to{to_ns / kSecond, to_ns % kSecond};
  if (clock_settime(CLOCK_REALTIME, &to) != 0) return failure("cannot set the clock", errno);
  return {};
}

// The kernel keeps the frequency in another unit: the last bit may be rounded.
bool Rate::is(const Rate& other) const {
  return tick == other.tick && std::abs(freq - other.freq) <= 1;
}

Result<Rate> read_rate() {
  timex state{};
  if (adjtimex(&state) < 0) return failure("cannot read the clock's rate", errno);
  return Rate{state.tick, state.freq};
}

Result<void> set_rate(const Rate& rate) {
  timex state{};
  state.modes = ADJ_TICK | ADJ_FREQUENCY;
  state.tick = rate.tick;
  state.freq = rate.freq;
  if (adjtimex(&state) < 0) return failure("cannot set the clock's rate", errno);
  return {};
}

Result<Discipline> read_discipline() {
  timex state{};
  if (adjtimex(&state) < 0) return failure("cannot read the clock's status", errno);
  return Discipline{state.status & kSettable, state.maxerror, state.esterror, state.tai};
}

Result<void> set_discipline(const Discipline& discipline) {
  timex state{};
  state.modes = ADJ_STATUS | ADJ_MAXERROR | ADJ_ESTERROR;
  state.status = discipline.status;
  state.maxerror = discipline.max_error_us;
  state.esterror = discipline.error_us;
  if (adjtimex(&state) < 0) return failure("cannot set the clock's status", errno);
  state = {};
  if (adjtimex(&state) < 0) return failure("cannot read the clock's status", errno);
  if (state.tai == discipline.tai_seconds) return {};
  state = {};
  state.modes = kSetTai;
  state.constant = discipline.tai_seconds;
  if (adjtimex(&state) < 0) return failure("cannot set the clock's distance to TAI", errno);
  return {};
}

}  // namespace shaketable::agent

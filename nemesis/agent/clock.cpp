#include "nemesis/agent/clock.h"

#include <linux/capability.h>
#include <signal.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <sstream>

#include "nemesis/agent/process.h"
#include "nemesis/agent/system.h"

namespace shaketable::agent {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr long kTick = 10'000;              // microseconds of a tick of 100 Hz; one more is 100 ppm
constexpr std::int64_t kPpmMost = 90'000;   // the kernel takes 10 % of tick; some room stays for the frequency found
constexpr std::int64_t kNear = 20'000'000;  // nanoseconds that an undone clock may be away
constexpr std::array kServices = {"chronyd", "ntpd", "systemd-timesyn", "ntpd-rs", "openntpd", "ptp4l", "phc2sys"};

std::int64_t nanoseconds(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

Result<void> set_real(std::int64_t nanoseconds_since_epoch) {
  const timespec to{nanoseconds_since_epoch / kSecond, nanoseconds_since_epoch % kSecond};
  if (clock_settime(CLOCK_REALTIME, &to) != 0) return failure("cannot set the clock", errno);
  return {};
}

// Steps by what is read at the last moment, so that the step itself costs no accuracy.
Result<void> step(std::int64_t by) {
  return set_real(nanoseconds(CLOCK_REALTIME) + by);
}

struct Rate {
  long tick = kTick, freq = 0;  // freq: 65536 a ppm
  double ppm() const { return static_cast<double>(tick - kTick) * 100.0 + static_cast<double>(freq) / 65536.0; }
  // The kernel keeps the frequency in another unit: the last bit may be rounded.
  bool is(const Rate& other) const { return tick == other.tick && std::abs(freq - other.freq) <= 1; }
};

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

bool may_set_the_clock() {
  const auto status = read_file("/proc/self/status");
  if (!status) return false;
  const std::size_t at = status->find("CapEff:");
  if (at == std::string::npos) return false;
  return std::strtoull(status->c_str() + at + 7, nullptr, 16) >> CAP_SYS_TIME & 1;
}

std::vector<ProcessName> time_services() {
  std::vector<ProcessName> out;
  for (const std::string& name : list_directory("/proc")) {
    const auto pid = to_number(name);
    if (!pid) continue;
    const auto state = look_at(static_cast<pid_t>(*pid));
    if (!state || state->state == 'Z' || state->state == 'T') continue;
    for (const char* service : kServices)
      if (state->command == service) out.push_back({static_cast<pid_t>(*pid), state->start});
  }
  return out;
}

std::int64_t number(const Entry& entry, std::string_view name) {
  return to_number(field(entry.fields, name)).value_or(0);
}
Rate rate_found(const Entry& entry) {
  return {static_cast<long>(number(entry, "tick")), static_cast<long>(number(entry, "freq"))};
}

// How far the time of day is from where it would be had nobody touched it.
std::int64_t away(const Entry& entry, const TimeOfDay& now) {
  const std::int64_t elapsed = now.raw_ns - number(entry, "raw");
  const auto bent = static_cast<std::int64_t>(static_cast<double>(elapsed) * rate_found(entry).ppm() / 1e6);
  return now.real_ns - (number(entry, "real") + elapsed + bent);
}

bool is_drift(const Entry& entry) {
  return has_field(entry.fields, "ppm");
}

class ArmedShift final : public Armed {
 public:
  explicit ArmedShift(const Entry& entry) : entry_(entry) {}
  Result<void> commit() override {
    for (const ProcessName& service : to_processes(field(entry_.fields, "services"))) signal_process(service, SIGSTOP);
    if (!is_drift(entry_)) return step(number(entry_, "offset"));
    const std::int64_t ppm = number(entry_, "ppm");
    Rate rate = rate_found(entry_);
    rate.tick += static_cast<long>(ppm / 100);
    rate.freq += static_cast<long>(ppm % 100) * 65536;
    return set_rate(rate);
  }

 private:
  const Entry entry_;
};

}  // namespace

Result<void> ClockShift::look(Entry& entry) const {
  if (is_drift(entry)) {
    const auto ppm = to_number(field(entry.fields, "ppm"));
    if (!ppm || *ppm == 0 || std::abs(*ppm) > kPpmMost)
      return infrastructure("a clock can be bent by 1 to " + std::to_string(kPpmMost) + " ppm");
  } else if (const auto offset = to_number(field(entry.fields, "offset")); !offset || *offset == 0) {
    return infrastructure("offset must be a number of nanoseconds other than 0");
  }
  if (!may_set_the_clock())
    return infrastructure(
        "this node shares its clock with others or may not set it (CAP_SYS_TIME is missing), so clock faults are "
        "refused; in the lab, nodes with kernels of their own have clocks of their own (--kernel uml)");
  if (field(entry.fields, "controller_boot") == boot_id())
    return infrastructure("this node runs under the controller's own kernel: its clock is the controller's");
  // What the second of two finds is the work of the first, and its undo would bring that back.
  const Journal journal;
  for (const std::string& key : journal.keys()) {
    const auto other = journal.is_directory(key) || key == entry.key ? std::nullopt : journal.load(key);
    if (other && other->kind == name() && other->state != EntryState::undone && other->boot == entry.boot)
      return infrastructure("another fault of the clock is in force: " + key);
  }
  const auto rate = read_rate();
  if (!rate) return Failure(rate.error());
  const TimeOfDay now = look_at_clocks();
  if (!is_drift(entry) && now.real_ns + number(entry, "offset") < 0)
    return infrastructure("the clock would be before 1970");
  set_field(entry.fields, "tick", std::to_string(rate->tick));
  set_field(entry.fields, "freq", std::to_string(rate->freq));
  set_field(entry.fields, "raw", std::to_string(now.raw_ns));
  set_field(entry.fields, "real", std::to_string(now.real_ns));
  set_field(entry.fields, "services", to_text(time_services()));
  return {};
}

Result<std::unique_ptr<Armed>> ClockShift::arm(Entry& entry) const {
  return std::make_unique<ArmedShift>(entry);
}

Fields ClockShift::prove(const Entry& entry) const {
  const TimeOfDay now = look_at_clocks();
  const std::int64_t offset = away(entry, now);
  std::int64_t wanted = number(entry, "offset");
  bool bit = std::abs(offset - wanted) < std::max<std::int64_t>(kNear, std::abs(wanted) / 20);
  Fields out{{"offset_ns", std::to_string(offset)}};
  if (is_drift(entry)) {
    // Counted from the look, a little before the change; a clock read in between costs some accuracy. Half of what was
    // asked, with the right sign, is no accident.
    const std::int64_t elapsed = now.raw_ns - number(entry, "raw");
    wanted = static_cast<std::int64_t>(static_cast<double>(elapsed) * static_cast<double>(number(entry, "ppm")) / 1e6);
    bit = wanted != 0 && (offset < 0) == (wanted < 0) && std::abs(offset) > std::abs(wanted) / 2;
    if (elapsed > 0)
      out.emplace_back("ppm", std::to_string(static_cast<std::int64_t>(static_cast<double>(offset) * 1e6 /
                                                                       static_cast<double>(elapsed))));
  }
  out.emplace_back("wanted_ns", std::to_string(wanted));
  std::size_t held = 0;
  for (const ProcessName& service : to_processes(field(entry.fields, "services")))
    if (const auto state = look_at(service.pid); state && state->start == service.start && state->state == 'T') ++held;
  out.emplace_back("services", std::to_string(held));
  out.emplace_back("bit", bit ? "yes" : "no");
  return out;
}

Result<Undone> ClockShift::undo(const Entry& entry) const {
  Undone undone;
  // Whatever the journal says of the state: an agent that died between the change and its record leaves "planned", and
  // a bent rate shows only later.
  auto rate = read_rate();
  if (!rate) return Failure(rate.error());
  if (!rate->is(rate_found(entry))) {
    if (auto set = set_rate(rate_found(entry)); !set) return Failure(set.error());
    rate = read_rate();
    if (!rate) return Failure(rate.error());
    if (!rate->is(rate_found(entry))) return infrastructure("the clock's rate is not what was found");
  }
  for (int attempt = 0; attempt < 3; ++attempt) {
    const std::int64_t off = away(entry, look_at_clocks());
    if (std::abs(off) < 1'000'000) break;
    if (auto stepped = step(-off); !stepped) return Failure(stepped.error());
  }
  if (const std::int64_t off = away(entry, look_at_clocks()); std::abs(off) > kNear)
    return infrastructure("the clock is " + std::to_string(off / 1'000'000) + " ms from where it should be");
  // Last: a service that goes on must find the clock as it left it.
  for (const ProcessName& service : to_processes(field(entry.fields, "services")))
    if (!signal_process(service, SIGCONT))
      undone.missing += "the time service of pid " + std::to_string(service.pid) + " has ended";
  return undone;
}

}  // namespace shaketable::agent

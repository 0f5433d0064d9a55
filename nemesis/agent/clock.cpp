#include "nemesis/agent/clock.h"

#include <sys/prctl.h>
#include <sys/timex.h>
#include <unistd.h>

#include <cstdlib>

#include "nemesis/agent/helper.h"
#include "nemesis/agent/journal.h"
#include "nemesis/agent/kernel_clock.h"
#include "nemesis/agent/leftovers.h"
#include "nemesis/agent/process.h"
#include "nemesis/agent/system.h"
#include "nemesis/agent/time_services.h"

namespace shaketable::agent {
namespace {

constexpr std::int64_t kPpmMost = 90'000;   // the kernel takes 10 % of tick; some room stays for the rate found
constexpr std::int64_t kNear = 20'000'000;  // nanoseconds that an undone clock may be away
constexpr std::int64_t kExact = 1'000'000;  // nanoseconds within which it is put
constexpr std::int64_t kShortestPeriod = 1'000'000;  // nanoseconds

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

// The clock is `wanted` nanoseconds from where it would be, within one millisecond if the machine lets it: whoever is
// preempted between reading and setting sets a moment that is over. The value: whether anything had to be set.
Result<bool> bring_to(const Entry& entry, std::int64_t wanted) {
  bool stepped = false;
  for (int attempt = 0; attempt < 20; ++attempt) {
    const std::int64_t off = wanted - away(entry, look_at_clocks());
    if (std::abs(off) < kExact) break;
    if (auto done = step_clock(off); !done) return Failure(done.error());
    stepped = true;
  }
  return stepped;
}

enum class Manner { step, drift, strobe, announce };
Manner manner_of(const Entry& entry) {
  return has_field(entry.fields, "ppm")        ? Manner::drift
         : has_field(entry.fields, "delta")    ? Manner::strobe
         : has_field(entry.fields, "announce") ? Manner::announce
                                               : Manner::step;
}
int announced_status(const Entry& entry) {
  return field(entry.fields, "announce") == "insert" ? STA_INS : STA_DEL;
}

// Each step goes to where the clock should be then: errors do not add up, and neither does what it takes to step.
void strobe(const Entry& entry) {
  const std::int64_t delta = number(entry, "delta");
  const Nanos period(number(entry, "period"));
  Nanos next = raw_now();
  for (std::uint64_t steps = 1;; ++steps) {
    const std::int64_t wanted = steps % 2 == 1 ? delta : 0;
    if (!bring_to(entry, wanted)) _exit(1);
    prctl(PR_SET_NAME, (std::string(kStrober) + std::to_string(steps)).c_str());
    next = std::max(next + period, raw_now() + Nanos(kShortestPeriod) / 2);
    sleep_until_raw(next);
  }
}

class ArmedShift final : public Armed {
 public:
  ArmedShift(const Entry& entry, std::unique_ptr<WaitingHelper> strober)
      : entry_(entry), strober_(std::move(strober)) {}
  Result<void> commit() override {
    stop(to_services(field(entry_.fields, "services")));
    switch (manner_of(entry_)) {
      case Manner::step:
        if (auto stepped = bring_to(entry_, number(entry_, "offset")); !stepped) return Failure(stepped.error());
        return {};
      case Manner::strobe:
        return strober_->go();
      case Manner::announce: {
        auto discipline = read_discipline();
        if (!discipline) return Failure(discipline.error());
        discipline->status = (discipline->status & ~(STA_INS | STA_DEL)) | announced_status(entry_);
        return set_discipline(*discipline);
      }
      case Manner::drift:
        break;
    }
    const std::int64_t ppm = number(entry_, "ppm");
    Rate rate = rate_found(entry_);
    rate.tick += static_cast<long>(ppm / 100);
    rate.freq += static_cast<long>(ppm % 100) * 65536;
    return set_rate(rate);
  }

 private:
  const Entry entry_;
  std::unique_ptr<WaitingHelper> strober_;
};

Result<void> check_asked(const Entry& entry) {
  const auto asked = [&](std::string_view name) { return to_number(field(entry.fields, name)).value_or(0); };
  switch (manner_of(entry)) {
    case Manner::drift:
      if (asked("ppm") == 0 || std::abs(asked("ppm")) > kPpmMost)
        return infrastructure("a clock can be bent by 1 to " + std::to_string(kPpmMost) + " ppm");
      return {};
    case Manner::step:
      if (asked("offset") == 0) return infrastructure("offset must be a number of nanoseconds other than 0");
      return {};
    case Manner::strobe:
      if (asked("delta") == 0 || asked("period") < kShortestPeriod)
        return infrastructure("a strobe needs a delta other than 0 and a period of 1 ms or more");
      return {};
    case Manner::announce:
      if (const auto which = field(entry.fields, "announce"); which != "insert" && which != "delete")
        return infrastructure("announce must be insert or delete");
      return {};
  }
  return {};
}

void keep_discipline(Entry& entry, const Discipline& found) {
  set_field(entry.fields, "status", std::to_string(found.status));
  set_field(entry.fields, "maxerror", std::to_string(found.max_error_us));
  set_field(entry.fields, "esterror", std::to_string(found.error_us));
  set_field(entry.fields, "tai", std::to_string(found.tai_seconds));
}

// As found, but for the error that the clock may have gathered since: 500 ppm, as the kernel itself counts it, and a
// millisecond for our own hands.
Result<void> give_back_discipline(const Entry& entry) {
  if (!has_field(entry.fields, "status")) return {};
  const std::int64_t elapsed_us = (raw_now().count() - number(entry, "raw")) / 1000;
  Discipline wanted;
  wanted.status = static_cast<int>(number(entry, "status"));
  wanted.max_error_us = std::min<std::int64_t>(number(entry, "maxerror") + elapsed_us / 2000 + 1000, 16'000'000);
  wanted.error_us = number(entry, "esterror");
  wanted.tai_seconds = static_cast<int>(number(entry, "tai"));
  if (auto set = set_discipline(wanted); !set) return set;
  const auto now = read_discipline();
  if (!now) return Failure(now.error());
  if (now->status != wanted.status || now->tai_seconds != wanted.tai_seconds)
    return infrastructure("what the kernel says of its clock (adjtimex) is not what was found: status " +
                          std::to_string(now->status) + ", found " + std::to_string(wanted.status));
  return {};
}

}  // namespace

Result<void> ClockShift::look(Entry& entry) const {
  if (auto sensible = check_asked(entry); !sensible) return sensible;
  if (!may_set_the_clock())
    return infrastructure(
        "this node shares its clock with others or may not set it (CAP_SYS_TIME is missing), so clock faults are "
        "refused; in the lab, nodes with kernels of their own have clocks of their own (--kernel uml)");
  if (field(entry.fields, "controller_boot") == boot_id())
    return infrastructure("this node runs under the controller's own kernel: its clock is the controller's");
  // What the second of two finds is the work of the first, and its undo would bring that back.
  if (const auto other = Journal().beside(entry, {name()}))
    return infrastructure("another fault of the clock is in force: " + *other);
  const auto rate = read_rate();
  if (!rate) return Failure(rate.error());
  const auto discipline = read_discipline();
  if (!discipline) return Failure(discipline.error());
  const TimeOfDay now = look_at_clocks();
  if (now.real_ns + number(entry, "offset") + number(entry, "delta") < 0)
    return infrastructure("the clock would be before 1970");
  set_field(entry.fields, "tick", std::to_string(rate->tick));
  set_field(entry.fields, "freq", std::to_string(rate->freq));
  keep_discipline(entry, *discipline);
  set_field(entry.fields, "raw", std::to_string(now.raw_ns));
  set_field(entry.fields, "real", std::to_string(now.real_ns));
  set_field(entry.fields, "services", to_text(running_time_services()));
  return {};
}

Result<std::unique_ptr<Armed>> ClockShift::arm(Entry& entry) const {
  std::unique_ptr<WaitingHelper> strober;
  if (manner_of(entry) == Manner::strobe) {
    auto helper = WaitingHelper::start(std::string(kStrober) + "0", [entry] { strobe(entry); });
    if (!helper) return Failure(helper.error());
    strober = std::move(*helper);
    set_field(entry.fields, "strober", to_text(strober->name()));
  }
  return std::make_unique<ArmedShift>(entry, std::move(strober));
}

Fields ClockShift::prove(const Entry& entry) const {
  const TimeOfDay now = look_at_clocks();
  const std::int64_t offset = away(entry, now);
  std::int64_t wanted = number(entry, "offset");
  bool bit = std::abs(offset - wanted) < std::max<std::int64_t>(kNear, std::abs(wanted) / 20);
  Fields out{{"offset_ns", std::to_string(offset)}};
  switch (manner_of(entry)) {
    case Manner::step:
      break;
    case Manner::drift: {
      // Counted from the look, a little before the change; a clock read in between costs some accuracy. Half of what
      // was asked, with the right sign, is no accident.
      const std::int64_t elapsed = now.raw_ns - number(entry, "raw");
      wanted =
          static_cast<std::int64_t>(static_cast<double>(elapsed) * static_cast<double>(number(entry, "ppm")) / 1e6);
      bit = wanted != 0 && (offset < 0) == (wanted < 0) && std::abs(offset) > std::abs(wanted) / 2;
      if (elapsed > 0)
        out.emplace_back("ppm", std::to_string(static_cast<std::int64_t>(static_cast<double>(offset) * 1e6 /
                                                                         static_cast<double>(elapsed))));
      break;
    }
    case Manner::strobe: {
      wanted = number(entry, "delta");
      std::int64_t steps = 0;
      if (const auto strober = to_process(field(entry.fields, "strober")); strober && alive(*strober))
        if (const auto state = look_at(strober->pid); state && state->command.starts_with(kStrober))
          steps = to_number(state->command.substr(std::string_view(kStrober).size())).value_or(0);
      out.emplace_back("steps", std::to_string(steps));
      bit = steps > 0;
      break;
    }
    case Manner::announce: {
      const auto discipline = read_discipline();
      const bool announced = discipline && (discipline->status & announced_status(entry)) != 0;
      out.emplace_back("announced", announced ? "yes" : "no");
      wanted = 0;  // until the day ends
      bit = announced;
      break;
    }
  }
  out.emplace_back("wanted_ns", std::to_string(wanted));
  out.emplace_back("services", std::to_string(standing_still(to_services(field(entry.fields, "services")))));
  out.emplace_back("bit", bit ? "yes" : "no");
  return out;
}

Result<Undone> ClockShift::undo(const Entry& entry) const {
  Undone undone;
  if (const auto strober = to_process(field(entry.fields, "strober"))) {
    const auto there = end_helpers({*strober});
    if (!there) return Failure(there.error());
    if (!*there && entry.state == EntryState::applied)
      undone.note = "what set the clock to and fro had ended by itself";
  }
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
  // Before the step, which must be the last that moves the clock: a leap second that is announced might.
  if (auto given_back = give_back_discipline(entry); !given_back) return Failure(given_back.error());
  const auto stepped = bring_to(entry, 0);
  if (!stepped) return Failure(stepped.error());
  if (*stepped)
    if (auto given_back = give_back_discipline(entry); !given_back) return Failure(given_back.error());
  if (const std::int64_t off = away(entry, look_at_clocks()); std::abs(off) > kNear)
    return infrastructure("the clock is " + std::to_string(off / 1'000'000) + " ms from where it should be");
  // Last: a service that goes on must find the clock as it left it.
  put_back(to_services(field(entry.fields, "services")), undone);
  return undone;
}

}  // namespace shaketable::agent

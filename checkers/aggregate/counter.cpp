// A counter that is added to, upwards and downwards. What a read gives must be possible at some moment while it ran:
// all that was added by operations completed before that moment, and any part of what is under way. Operations: add n
// (n may be negative), inc, dec (without a value: by 1); read -> ok n.

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "checkers/aggregate/input.h"

namespace shaketable::aggregate {
namespace {

// What a call adds if it happens; nothing for other functions. Amounts are cut to 2^62, far from overflow for real
// counters.
std::optional<std::int64_t> amount(const Call& call) {
  const std::string_view f = call.f.text();
  const bool down = f == "dec" || f == "decrement" || f == "subtract";
  if (!down && f != "add" && f != "inc" && f != "increment") return std::nullopt;
  const Value& value = call.asked();
  if (!value.is_integer() && !(value.is_nil() && f != "add")) return std::nullopt;
  constexpr std::int64_t kLargest = std::int64_t{1} << 62;
  const std::int64_t by = value.is_nil() ? 1 : std::clamp(value.integer(), -kLargest, kLargest);
  return down ? -by : by;
}

struct Event {
  std::int64_t at;
  bool ends;
  const Call* call;
};

struct OpenRead {
  const Call* call;
  __int128 lowest, highest;
};

std::int64_t narrow(__int128 number) {
  return static_cast<std::int64_t>(std::clamp<__int128>(number, INT64_MIN, INT64_MAX));
}

}  // namespace

Verdict check_counter(const Input& input) {
  const std::vector<Call> calls = calls_of(input);
  const auto operations = static_cast<std::int64_t>(calls.size());
  // A failed operation did not happen. It is known in hindsight, so it is left out from the beginning.
  std::vector<Event> events;
  std::int64_t unreadable = 0;
  __int128 low = input.options.integer("initial"), high = low;
  for (const Call& call : calls) {
    const bool reads = call.f.text() == "read" && call.ok() && call.answer().is_integer();
    const auto by = amount(call);
    unreadable += call.f.text() == "read" && call.ok() && !reads;
    if (!reads && (!by || call.failed())) continue;
    events.push_back({call.start, false, &call});
    if (call.end != kNever) events.push_back({call.end, true, &call});
  }
  std::stable_sort(events.begin(), events.end(), [](const Event& a, const Event& b) { return a.at < b.at; });

  Findings findings;
  std::int64_t reads = 0;
  std::vector<OpenRead> open;
  std::size_t steps = 0;
  for (const Event& event : events) {
    if (++steps % 1024 == 0 && input.budget.time_spent()) return out_of_time("counter", operations);
    const auto by = amount(*event.call);
    if (by) {
      // Under way, an addition may or may not have happened: it widens the bounds. Once completed it moves the other
      // one after.
      if ((*by > 0) != event.ends)
        high += *by;
      else
        low += *by;
      for (OpenRead& read : open) {
        read.lowest = std::min(read.lowest, low);
        read.highest = std::max(read.highest, high);
      }
      continue;
    }
    if (!event.ends) {
      open.push_back({event.call, low, high});
      continue;
    }
    const auto at =
        std::find_if(open.begin(), open.end(), [&](const OpenRead& read) { return read.call == event.call; });
    const std::int64_t got = event.call->answer().integer();
    ++reads;
    if (got < at->lowest || got > at->highest)
      findings.add("impossible-read",
                   fmt::format("{} read {}, but the counter lay between {} and {} while it ran", name_of(*event.call),
                               got, narrow(at->lowest), narrow(at->highest)),
                   details({{"operation", place(event.call->place())},
                            {"read", got},
                            {"lowest", narrow(at->lowest)},
                            {"highest", narrow(at->highest)}}));
    open.erase(at);
  }
  findings.note("reads", reads);
  findings.note("lowest-at-end", narrow(low));
  findings.note("highest-at-end", narrow(high));
  // Without a read nothing can be wrong, which the field calls valid; without any operation there is nothing to judge.
  Verdict verdict = std::move(findings).verdict("counter", operations,
                                                events.empty()                 ? "nothing was ever added or read"
                                                : reads == 0 && unreadable > 0 ? "no read gave a whole number"
                                                                               : std::string());
  if (reads == 0 && verdict.valid == Validity::valid) verdict.explanation = "the counter was never read\n";
  return verdict;
}

}  // namespace shaketable::aggregate

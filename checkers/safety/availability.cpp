// Liveness, of any workload with times: stalls, recovery after each fault, goodput before and after.

#include <fmt/format.h>

#include <algorithm>

#include "base/duration.h"
#include "checkers/safety/promise.h"

namespace shaketable::safety {

using namespace aggregate;

namespace {

struct Window {
  std::int64_t from, to;
};

// Successes per second in [from, to), nullopt if that is less than a second.
std::optional<double> goodput(const std::vector<std::int64_t>& successes, std::int64_t from, std::int64_t to) {
  if (to - from < 1'000'000'000) return std::nullopt;
  const auto count = std::lower_bound(successes.begin(), successes.end(), to) -
                     std::lower_bound(successes.begin(), successes.end(), from);
  return static_cast<double>(count) * 1e9 / static_cast<double>(to - from);
}

std::string seconds(std::int64_t ns) {
  return format_duration(Nanos(ns));
}

}  // namespace

Verdict check_availability(const Input& input) {
  const auto operations = static_cast<std::int64_t>(input.calls.size());
  Findings findings;
  std::vector<std::int64_t> successes, attempts;
  std::vector<std::pair<std::int64_t, std::int64_t>> good;  // (start, end) of what succeeded
  std::vector<Window> trying;                               // when somebody waited for an answer
  std::int64_t end = 0, failed = 0, unknown = 0;
  for (const Call& call : input.calls) {
    if (start_ns(call)) end = std::max(end, *start_ns(call));
    if (end_ns(call)) end = std::max(end, *end_ns(call));
  }
  for (const Call& call : input.calls) {
    const auto start = start_ns(call), over = end_ns(call);
    if (!start) continue;
    attempts.push_back(*start);
    trying.push_back({*start, over ? *over : end});
    if (call.ok() && over) {
      successes.push_back(*over);
      good.emplace_back(*start, *over);
    } else {
      ++(call.failed() ? failed : unknown);
    }
  }
  if (attempts.empty()) return std::move(findings).verdict("availability", operations, "no operation has a time");
  std::sort(successes.begin(), successes.end());
  std::sort(attempts.begin(), attempts.end());
  std::sort(good.begin(), good.end());
  std::sort(trying.begin(), trying.end(), [](const Window& a, const Window& b) { return a.from < b.from; });

  // Gaps between successes. Of each only the time since somebody first tried counts: idle clients are no outage.
  std::vector<Window> stalls;
  std::int64_t before = attempts.front();
  std::size_t next = 0;
  std::int64_t waiting_until = INT64_MIN;  // the latest end of what was tried so far
  const auto gap = [&](std::int64_t until) {
    while (next < trying.size() && trying[next].from <= before)
      waiting_until = std::max(waiting_until, trying[next++].to);
    std::int64_t from = before;
    if (waiting_until <= before) from = next < trying.size() ? trying[next].from : until;
    if (from < until) stalls.push_back({from, until});
    before = until;
  };
  for (const std::int64_t success : successes) {
    if (success > before) gap(success);
  }
  gap(std::max(before, end));
  Window longest{0, 0};
  for (const Window& stall : stalls) {
    if (stall.to - stall.from > longest.to - longest.from) longest = stall;
  }
  const std::int64_t max_stall = input.options.duration("max-stall").count();
  std::int64_t down = 0;
  std::vector<Value> windows;
  for (const Window& stall : stalls) {
    const std::int64_t length = stall.to - stall.from;
    if (length >= 1'000'000'000) {
      down += length;
      if (windows.size() < 64) windows.push_back(Value::list({milliseconds(stall.from), milliseconds(stall.to)}));
    }
    if (max_stall > 0 && length > max_stall)
      findings.add("stall",
                   fmt::format("no success for {}, from {} to {}, though clients tried", seconds(length),
                               seconds(stall.from), seconds(stall.to)),
                   details({{"from-ms", milliseconds(stall.from)}, {"to-ms", milliseconds(stall.to)}}));
  }

  const std::int64_t recover_within = input.options.duration("recover-within").count();
  std::vector<Value> recoveries;
  std::int64_t first_fault = INT64_MAX, last_heal = INT64_MIN;
  for (const FaultWindow& fault : input.faults) {
    first_fault = std::min(first_fault, fault.start_ns);
    if (fault.end_ns == INT64_MAX) continue;
    last_heal = std::max(last_heal, fault.end_ns);
    // Under another fault there is nothing to recover to.
    const bool healed = std::none_of(input.faults.begin(), input.faults.end(), [&](const FaultWindow& other) {
      return &other != &fault && other.start_ns <= fault.end_ns && other.end_ns > fault.end_ns;
    });
    if (!healed) continue;
    std::int64_t until = INT64_MAX;  // the next fault
    for (const FaultWindow& other : input.faults) {
      if (other.start_ns > fault.end_ns) until = std::min(until, other.start_ns);
    }
    std::int64_t recovered = INT64_MAX;
    for (auto one = std::lower_bound(good.begin(), good.end(), std::pair(fault.end_ns, INT64_MIN));
         one != good.end() && one->first < recovered; ++one)
      recovered = std::min(recovered, one->second);
    const bool known = recovered < until;
    recoveries.push_back(details({{"fault", Value(fault.fault)},
                                  {"healed-ms", milliseconds(fault.end_ns)},
                                  {"recovery-ms", known ? milliseconds(recovered - fault.end_ns) : Value()}}));
    if (recover_within <= 0) continue;
    const std::int64_t limit = fault.end_ns + recover_within;
    const bool tried = std::lower_bound(attempts.begin(), attempts.end(), fault.end_ns) != attempts.end();
    // A run, or a next fault, that leaves less time than the bound shows nothing.
    if (tried && recovered > limit && std::min(end, until) >= limit)
      findings.add(known ? "slow-recovery" : "no-recovery",
                   known ? fmt::format("{} after the end of {} at {} an operation succeeded again",
                                       seconds(recovered - fault.end_ns), fault.fault, seconds(fault.end_ns))
                         : fmt::format("nothing that began after the end of {} at {} succeeded", fault.fault,
                                       seconds(fault.end_ns)),
                   details({{"fault", Value(fault.fault)}, {"healed-ms", milliseconds(fault.end_ns)}}));
  }

  // A cascade: load stays, goodput does not come back. Measured over the last half of what follows the last fault.
  const auto base = input.faults.empty() ? std::nullopt : goodput(successes, attempts.front(), first_fault);
  const auto after = last_heal == INT64_MIN
                         ? std::nullopt
                         : goodput(successes, last_heal + (attempts.back() - last_heal) / 2, attempts.back());
  const double back = input.options.number("goodput-back");
  std::string doubt;
  if (back > 0) {
    if (!base || !after) {
      doubt = "goodput before the first fault and after the last one needs a second of each at least";
    } else if (*after < back * *base) {
      findings.add("goodput-lost",
                   fmt::format("{:.1f} successes a second before the first fault, {:.1f} after the last had long ended",
                               *base, *after),
                   details({{"before", Value(*base)}, {"after", Value(*after)}}));
    }
  }
  const auto optional_number = [](std::optional<double> number) { return number ? Value(*number) : Value(); };
  findings.note("ok", Value(static_cast<std::int64_t>(successes.size())));
  findings.note("failed", Value(failed));
  findings.note("unknown", Value(unknown));
  findings.note("longest-stall-ms", milliseconds(longest.to - longest.from));
  findings.note("longest-stall-at-ms", milliseconds(longest.from));
  findings.note("stalls-of-a-second-ms", Value::list(std::move(windows)));
  findings.note("available", Value(end > attempts.front()
                                       ? 1.0 - static_cast<double>(down) / static_cast<double>(end - attempts.front())
                                       : 1.0));
  findings.note("recoveries", Value::list(std::move(recoveries)));
  findings.note("goodput-before", optional_number(base));
  findings.note("goodput-after", optional_number(after));
  findings.note("timeouts", timeout_costs(input.calls));
  if (successes.empty() && findings.empty()) doubt = "no operation succeeded";
  return std::move(findings).verdict("availability", operations, std::move(doubt));
}

}  // namespace shaketable::safety

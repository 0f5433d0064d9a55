// External consistency (Corbett et al., "Spanner", OSDI 2012, section 4.1): of two that do not overlap in real time,
// the later has the larger timestamp. With intervals of confidence, the later one's may not end before the earlier
// one's begins. Operations, by any f: an ok answer n, [low high], or {"ts" n} or {"low" n "high" n}.

#include <fmt/format.h>

#include <algorithm>

#include "checkers/safety/promise.h"

namespace shaketable::safety {

using namespace aggregate;

Verdict check_timestamps(const Input& input) {
  const auto operations = static_cast<std::int64_t>(input.calls.size());
  struct Stamp {
    std::int64_t low, high;
    const Call* call;
  };
  Findings findings;
  std::vector<Stamp> stamps;
  for (const Call& call : input.calls) {
    if (!call.ok()) continue;
    const Value& answer = call.answer();
    const Value* low = entry(answer, "low");
    const Value* high = entry(answer, "high");
    if (const Value* ts = entry(answer, "ts")) low = high = ts;
    if (answer.is_integer()) low = high = &answer;
    if (answer.is_list() && answer.size() == 2) {
      low = &answer[0];
      high = &answer[1];
    }
    if (!low || !high || !low->is_integer() || !high->is_integer()) continue;
    if (low->integer() > high->integer()) {
      findings.add("empty-interval",
                   fmt::format("{} got an interval from {} to {}", name_of(call), low->integer(), high->integer()),
                   details({{"op", place(call.place())}}));
      continue;
    }
    stamps.push_back({low->integer(), high->integer(), &call});
  }
  const bool strict = input.options.boolean("strict");
  std::vector<Stamp> by_end = stamps;
  std::sort(stamps.begin(), stamps.end(), [](const Stamp& a, const Stamp& b) { return a.call->start < b.call->start; });
  std::sort(by_end.begin(), by_end.end(), [](const Stamp& a, const Stamp& b) { return a.call->end < b.call->end; });
  const Stamp* largest = nullptr;
  std::size_t over = 0;
  for (const Stamp& stamp : stamps) {
    for (; over < by_end.size() && by_end[over].call->end < stamp.call->start; ++over) {
      if (!largest || by_end[over].low > largest->low) largest = &by_end[over];
    }
    if (!largest || (strict ? stamp.high > largest->low : stamp.high >= largest->low)) continue;
    findings.add("timestamp-order",
                 fmt::format("{} got {} after {} had got {}", name_of(*stamp.call), shown(stamp.call->answer()),
                             name_of(*largest->call), shown(largest->call->answer())),
                 details({{"first", place(largest->call->place())},
                          {"second", place(stamp.call->place())},
                          {"back-by", Value(largest->low - stamp.high)}}));
  }
  findings.note("timestamps", Value(static_cast<std::int64_t>(stamps.size())));
  return std::move(findings).verdict("timestamps", operations,
                                     stamps.size() < 2 ? "fewer than two timestamps were given" : std::string());
}

}  // namespace shaketable::safety

// Watches of a store whose changes are numbered, as etcd promises them ("etcd API guarantees"): ordered, unique,
// complete, and none older than asked for.
// Operations: write V -> ok REVISION; watch REVISION, or nil for the beginning -> ok [[REVISION V] …], the changes
// after it that were told of until the watch ended.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "checkers/safety/promise.h"

namespace shaketable::safety {
namespace {

using namespace aggregate;

struct Event {
  std::int64_t revision;
  const Value* value;
};

std::vector<Event> events_of(const Call& watch) {
  std::vector<Event> events;
  if (!watch.answer().is_list()) return events;
  for (const Value& event : watch.answer().items())
    if (event.is_list() && event.size() == 2 && event[0].is_integer())
      events.push_back({event[0].integer(), &event[1]});
  return events;
}

}  // namespace

Verdict check_watch(const Input& input) {
  const auto operations = static_cast<std::int64_t>(input.calls.size());
  std::map<std::int64_t, const Call*> writes;  // acknowledged, by revision
  for (const Call& call : input.calls)
    if (call.f.text() == "write" && call.ok() && call.invocation && call.answer().is_integer())
      writes.emplace(call.answer().integer(), &call);
  Findings findings;
  std::int64_t watches = 0, told = 0;
  for (const Call& call : input.calls) {
    if (call.f.text() != "watch" || !call.ok() || !call.invocation) continue;
    if (++watches % 256 == 0 && input.budget.time_spent()) return out_of_time("watch", operations);
    const std::int64_t after = call.asked().is_integer() ? call.asked().integer() : 0;
    const std::vector<Event> events = events_of(call);
    told += static_cast<std::int64_t>(events.size());
    std::int64_t before = after;
    std::vector<std::int64_t> seen;
    for (const Event& event : events) {
      if (event.revision <= before)
        findings.add("back-in-time",
                     before == after
                         ? fmt::format("{} watched what follows revision {} and was told of {}", name_of(call), after,
                                       event.revision)
                         : fmt::format("{} was told of revision {} after {}", name_of(call), event.revision, before),
                     details({{"op", place(call.place())}, {"after", after}, {"revision", event.revision}}));
      before = std::max(before, event.revision);
      seen.push_back(event.revision);
      const auto write = writes.find(event.revision);
      if (write != writes.end() && !(write->second->asked() == *event.value))
        findings.add(
            "wrong-value",
            fmt::format("{} was told of {} at revision {}, where {} wrote {}", name_of(call), shown(*event.value),
                        event.revision, name_of(*write->second), shown(write->second->asked())),
            details({{"op", place(call.place())}, {"revision", event.revision}}));
    }
    // What lies between the revision asked for and the newest told of should have been told.
    std::sort(seen.begin(), seen.end());
    for (auto write = writes.upper_bound(after); write != writes.end() && write->first < before; ++write)
      if (!std::binary_search(seen.begin(), seen.end(), write->first))
        findings.add(
            "missed",
            fmt::format("{} watched what follows revision {} and was told of {}, but not of {}, which {} wrote",
                        name_of(call), after, before, write->first, name_of(*write->second)),
            details({{"op", place(call.place())},
                     {"after", after},
                     {"revision", write->first},
                     {"write", place(write->second->place())}}));
  }
  findings.note("watches", Value(watches));
  findings.note("told", Value(told));
  return std::move(findings).verdict("watch", operations, told == 0 ? "no watch told of anything" : std::string());
}

}  // namespace shaketable::safety

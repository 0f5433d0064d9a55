// A lock and its fencing tokens (Kleppmann, "How to do distributed locking", 2016).
// Operations: acquire LOCK -> ok TOKEN (an integer, or nothing); release LOCK; use TOKEN or [LOCK TOKEN] -> ok if the
// resource took it, fail if it refused.

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

#include "base/duration.h"
#include "checkers/safety/promise.h"

namespace shaketable::safety {
namespace {

using aggregate::details;
using aggregate::kBeforeAll;
using aggregate::kNever;
using aggregate::name_of;
using aggregate::place;

// From the grant to where it may have ended: what lies between is held for certain. In places of the history.
struct Hold {
  const Call* call;
  std::int64_t from, to;
};

struct Lock {
  std::vector<const Call*> grants, uses;
  std::vector<Hold> holds;
};

std::optional<std::int64_t> token_of(const Call& use) {
  const Value& asked = use.asked();
  if (asked.is_integer()) return asked.integer();
  if (asked.is_list() && asked.size() == 2 && asked[1].is_integer()) return asked[1].integer();
  return std::nullopt;
}

Value lock_of(const Call& call) {
  const Value& asked = call.asked();
  if (call.f.text() == "use") return asked.is_list() && asked.size() == 2 ? asked[0] : Value();
  // An acquire recorded by its completion alone shows its token, not its lock.
  return call.invocation ? asked : Value();
}

void judge_holds(const std::vector<Hold>& given, Findings& findings) {
  std::vector<Hold> holds = given;
  std::sort(holds.begin(), holds.end(), [](const Hold& a, const Hold& b) { return a.from < b.from; });
  const Hold* longest = nullptr;
  for (const Hold& hold : holds) {
    if (longest && hold.from < longest->to && hold.call->process != longest->call->process)
      findings.add(
          "two-holders",
          fmt::format("{} was granted the lock while {} surely held it", name_of(*hold.call), name_of(*longest->call)),
          details({{"first", place(longest->call->place())}, {"second", place(hold.call->place())}}));
    if (!longest || hold.to > longest->to) longest = &hold;
  }
}

// The largest token among calls that were over before each call began: what a later one must exceed or be refused for.
template <class Token, class Judge>
void against_earlier(const std::vector<const Call*>& calls, const Token& token, const Judge& judge) {
  std::vector<const Call*> by_start = calls, by_end = calls;
  std::sort(by_start.begin(), by_start.end(), [](const Call* a, const Call* b) { return a->start < b->start; });
  std::sort(by_end.begin(), by_end.end(), [](const Call* a, const Call* b) { return a->end < b->end; });
  const Call* largest = nullptr;
  std::size_t over = 0;
  for (const Call* call : by_start) {
    for (; over < by_end.size() && by_end[over]->end < call->start; ++over) {
      if (!largest || token(*by_end[over]) > token(*largest)) largest = by_end[over];
    }
    if (largest) judge(*largest, *call);
  }
}

}  // namespace

Verdict check_lock(const Input& input) {
  const auto operations = static_cast<std::int64_t>(input.calls.size());
  const Nanos lease = input.options.duration("lease"), grant_within = input.options.duration("grant-within");
  Findings findings;
  std::map<Value, Lock> locks;
  std::map<std::int64_t, std::int64_t> last_sign;               // process -> place of the last thing it did
  std::map<std::pair<std::int64_t, Value>, Hold*> held;         // (process, lock) -> what it holds now
  std::map<Value, std::vector<std::unique_ptr<Hold>>> storage;  // holds must not move while they are open
  std::int64_t grants = 0, uses = 0, refused = 0;
  for (const Call& call : input.calls) {
    const std::int64_t last = call.end != kNever ? call.end : call.start;
    last_sign[call.process] = std::max(last_sign[call.process], last);
  }
  // Grants in the order of their completions, releases in the order of their invocations.
  struct Event {
    std::int64_t at;
    const Call* call;
  };
  std::vector<Event> events;
  std::int64_t history_end = 0;  // ns
  for (const Call& call : input.calls)
    history_end = std::max({history_end, start_ns(call).value_or(0), end_ns(call).value_or(0)});
  for (const Call& call : input.calls) {
    const std::string_view f = call.f.text();
    if (f == "acquire" && call.ok()) {
      events.push_back({call.end, &call});
      ++grants;
    } else if (f == "release") {
      events.push_back({call.place(), &call});
    } else if (f == "use" && token_of(call)) {
      ++uses;
      refused += call.failed();
      if (call.ok()) locks[lock_of(call)].uses.push_back(&call);
    }
    if (f != "acquire" || grant_within <= Nanos(0) || !start_ns(call)) continue;
    // Who never got an answer waited until the history ended, at least.
    const std::int64_t waited = end_ns(call).value_or(history_end) - *start_ns(call);
    if (waited > grant_within.count())
      findings.add("late-grant",
                   fmt::format("{} waited {} for the lock{}", name_of(call), format_duration(Nanos(waited)),
                               call.ok() ? "" : ", and was not granted it"),
                   details({{"op", place(call.place())}, {"waited-ms", milliseconds(waited)}}));
  }
  std::sort(events.begin(), events.end(), [](const Event& a, const Event& b) { return a.at < b.at; });
  for (const Event& event : events) {
    const Value name = lock_of(*event.call);
    const auto key = std::pair(event.call->process, name);
    if (event.call->f.text() == "release") {
      if (const auto found = held.find(key); found != held.end()) {
        found->second->to = std::min(found->second->to, event.at);
        held.erase(found);
      }
      continue;
    }
    Lock& lock = locks[name];
    if (event.call->completion->value.is_integer()) lock.grants.push_back(event.call);
    // Who was never heard of again may have lost it since.
    storage[name].push_back(std::make_unique<Hold>(Hold{event.call, event.at, last_sign[event.call->process]}));
    held.insert_or_assign(key, storage[name].back().get());
  }
  // Places and times of all events, the latest time so far.
  std::vector<std::pair<std::int64_t, std::int64_t>> clock;
  for (const Call& call : input.calls) {
    if (start_ns(call)) clock.emplace_back(call.start, *start_ns(call));
    if (end_ns(call) && call.end != kNever) clock.emplace_back(call.end, *end_ns(call));
  }
  std::sort(clock.begin(), clock.end());
  for (std::size_t i = 1; i < clock.size(); ++i) clock[i].second = std::max(clock[i].second, clock[i - 1].second);
  for (auto& [name, holds] : storage) {
    for (const auto& hold : holds) {
      Hold one = *hold;
      if (lease > Nanos(0)) {
        // Certain is only what lies before the lease's end: up to the last operation that is known to be earlier.
        const auto begun = start_ns(*one.call);
        if (!begun) continue;
        const auto after = std::partition_point(
            clock.begin(), clock.end(), [&](const auto& event) { return event.second <= *begun + lease.count(); });
        const std::int64_t to = after == clock.begin() ? one.from : std::max(one.from, (after - 1)->first);
        one.to = std::min(one.to, to + 1);
      }
      locks[name].holds.push_back(one);
    }
  }
  for (const auto& [name, lock] : locks) {
    if (input.budget.time_spent()) return aggregate::out_of_time("lock", operations);
    if (input.options.boolean("exclusive")) judge_holds(lock.holds, findings);
    std::map<std::int64_t, const Call*> first;
    for (const Call* grant : lock.grants) {
      const auto [at, added] = first.try_emplace(grant->completion->value.integer(), grant);
      if (!added)
        findings.add("duplicate-token",
                     fmt::format("{} and {} both got token {}", name_of(*at->second), name_of(*grant), at->first),
                     details({{"first", place(at->second->place())},
                              {"second", place(grant->place())},
                              {"token", Value(at->first)}}));
    }
    const auto granted = [](const Call& call) { return call.completion->value.integer(); };
    against_earlier(lock.grants, granted, [&](const Call& earlier, const Call& later) {
      if (granted(later) < granted(earlier))
        findings.add("token-order",
                     fmt::format("{} got token {} after {} had got {}", name_of(later), granted(later),
                                 name_of(earlier), granted(earlier)),
                     details({{"first", place(earlier.place())}, {"second", place(later.place())}}));
    });
    const auto used = [](const Call& call) { return *token_of(call); };
    against_earlier(lock.uses, used, [&](const Call& earlier, const Call& later) {
      if (used(later) < used(earlier))
        findings.add("stale-token-accepted",
                     fmt::format("{} was accepted with token {} after {} had been with {}", name_of(later), used(later),
                                 name_of(earlier), used(earlier)),
                     details({{"first", place(earlier.place())}, {"second", place(later.place())}}));
    });
  }
  findings.note("grants", Value(grants));
  findings.note("uses", Value(uses));
  findings.note("refused", Value(refused));
  return std::move(findings).verdict("lock", operations,
                                     grants + uses == 0 ? "the lock was never granted" : std::string());
}

}  // namespace shaketable::safety

// Every element that comes out of a queue must have gone in, and no element may come out more often than it went in.
// Operations: enqueue x; dequeue -> ok x, or nil from an empty queue; drain -> ok a list. Order is not looked at, nor
// what stays inside: the models fifo-queue and unordered-queue (linearizable) and total-queue do that.

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "checkers/aggregate/input.h"
#include "checkers/aggregate/queue_calls.h"

namespace shaketable::aggregate {

Verdict check_queue(const Input& input) {
  const std::vector<Call> calls = calls_of(input);
  const auto operations = static_cast<std::int64_t>(calls.size());
  struct Event {
    std::int64_t at;
    const Call* enqueue;
    const Call* dequeue;
    Value value;
  };
  std::vector<Event> events;
  std::unordered_map<Value, const Call*, ValueHash> failed;
  for (const Call& call : calls) {
    if (is_enqueue(call)) {
      if (call.failed())
        failed.insert_or_assign(call.asked(), &call);
      else
        events.push_back({call.start, &call, nullptr, call.asked()});
    }
    for (Value& value : taken_by(call)) events.push_back({call.end, nullptr, &call, std::move(value)});
  }
  std::stable_sort(events.begin(), events.end(), [](const Event& a, const Event& b) { return a.at < b.at; });
  if (input.budget.time_spent()) return out_of_time("queue", operations);

  Findings findings;
  std::int64_t dequeued = 0;
  struct Stock {
    std::int64_t entered = 0, left = 0;
  };
  std::unordered_map<Value, Stock, ValueHash> stocks;
  for (const Event& event : events) {
    Stock& stock = stocks[event.value];
    if (event.enqueue) {
      ++stock.entered;
      continue;
    }
    ++dequeued;
    if (++stock.left <= stock.entered) continue;
    stock.left = stock.entered;
    const auto failure = failed.find(event.value);
    const Value data = details({{"element", event.value}, {"operation", place(event.dequeue->place())}});
    if (stock.entered > 0)
      findings.add(
          "duplicated",
          fmt::format("{} took {} out, which had gone in {} and had come out as often", name_of(*event.dequeue),
                      shown(event.value), counted(static_cast<std::size_t>(stock.entered), "time", "times")),
          data);
    else if (failure != failed.end())
      findings.add("unexpected",
                   fmt::format("{} took {} out, but {}, which put it in, had failed", name_of(*event.dequeue),
                               shown(event.value), name_of(*failure->second)),
                   data);
    else
      findings.add(
          "unexpected",
          fmt::format("{} took {} out, which nobody had put in by then", name_of(*event.dequeue), shown(event.value)),
          data);
  }
  findings.note("dequeued", dequeued);
  return std::move(findings).verdict("queue", operations, dequeued == 0 ? "nothing was ever dequeued" : std::string());
}

}  // namespace shaketable::aggregate

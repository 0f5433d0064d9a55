// What goes into a queue must come out, and once the queue was drained nothing may be missing.
// Operations: enqueue x; dequeue -> ok x, or nil from an empty queue; drain -> ok a list: everything until the queue
// was empty.

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "checkers/aggregate/input.h"
#include "checkers/aggregate/queue_calls.h"

namespace shaketable::aggregate {
namespace {

struct Element {
  std::int64_t attempted = 0;  // enqueues that did not fail
  std::int64_t settled = 0;    // acknowledged before the last drain began
  std::int64_t acknowledged = 0;
  std::int64_t taken = 0;
  const Call* enqueue = nullptr;  // the first that was settled
  const Call* failed = nullptr;
  const Call* last_taker = nullptr;
};

}  // namespace

Verdict check_total_queue(const Input& input) {
  const std::vector<Call> calls = calls_of(input);
  const auto operations = static_cast<std::int64_t>(calls.size());
  std::int64_t drained = kBeforeAll;  // the last drain that succeeded began here
  std::int64_t crashed_dequeues = 0, crashed_drains = 0;
  for (const Call& call : calls) {
    if (is_drain(call) && call.ok()) drained = std::max(drained, call.start);
    // A crashed dequeue may have taken one element with it, a crashed drain any number.
    crashed_dequeues += is_dequeue(call) && call.outcome == OpType::info;
    crashed_drains += is_drain(call) && call.outcome == OpType::info;
  }
  std::vector<Value> order;  // elements as they first appear
  std::unordered_map<Value, Element, ValueHash> elements;
  const auto element_of = [&](const Value& value) -> Element& {
    const auto [at, added] = elements.try_emplace(value);
    if (added) order.push_back(value);
    return at->second;
  };
  for (const Call& call : calls) {
    if (is_enqueue(call)) {
      Element& element = element_of(call.asked());
      if (call.failed()) {
        element.failed = &call;
        continue;
      }
      ++element.attempted;
      element.acknowledged += call.ok();
      if (call.ok() && call.end < drained) {
        ++element.settled;
        if (!element.enqueue) element.enqueue = &call;
      }
    }
    for (const Value& value : taken_by(call)) {
      Element& element = element_of(value);
      ++element.taken;
      element.last_taker = &call;
    }
  }
  if (input.budget.time_spent()) return out_of_time("total-queue", operations);

  Findings findings;
  const bool duplicates_count = input.options.boolean("duplicates-invalidate");
  std::int64_t attempts = 0, acknowledged = 0, taken = 0, recovered = 0, duplicated = 0, undelivered = 0;
  struct Lost {
    Value value;
    const Element* element;
    std::int64_t count;
  };
  std::vector<Lost> lost;
  std::int64_t lost_count = 0;
  for (const Value& value : order) {
    const Element& element = elements[value];
    attempts += element.attempted;
    acknowledged += element.acknowledged;
    taken += element.taken;
    undelivered += std::max<std::int64_t>(0, element.acknowledged - element.taken);
    recovered +=
        std::clamp<std::int64_t>(element.taken - element.acknowledged, 0, element.attempted - element.acknowledged);
    if (element.taken > 0 && element.attempted == 0) {
      findings.add("unexpected",
                   element.failed
                       ? fmt::format("{} took {} out, but {}, which put it in, had failed",
                                     name_of(*element.last_taker), shown(value), name_of(*element.failed))
                       : fmt::format("{} took {} out, which nobody put in", name_of(*element.last_taker), shown(value)),
                   details({{"element", value}, {"operation", place(element.last_taker->place())}}));
    } else if (element.taken > element.attempted) {
      duplicated += element.taken - element.attempted;
      if (duplicates_count)
        findings.add("duplicated",
                     fmt::format("{} went in {} and came out {}, the last time by {}", shown(value),
                                 counted(static_cast<std::size_t>(element.attempted), "time", "times"),
                                 counted(static_cast<std::size_t>(element.taken), "time", "times"),
                                 name_of(*element.last_taker)),
                     details({{"element", value}, {"enqueued", element.attempted}, {"dequeued", element.taken}}));
    }
    if (element.taken < element.settled) {
      lost.push_back({value, &element, element.settled - element.taken});
      lost_count += element.settled - element.taken;
    }
  }
  findings.note("attempts", attempts);
  findings.note("acknowledged", acknowledged);
  findings.note("dequeued", taken);
  findings.note("recovered", recovered);
  findings.note("duplicated", duplicated);
  std::string why_unknown;
  const bool explained = crashed_drains > 0 || lost_count <= crashed_dequeues;
  if (lost_count > 0 && explained) {
    why_unknown =
        fmt::format("{} missing, which {} may have taken out",
                    counted(static_cast<std::size_t>(lost_count), "element is", "elements are"),
                    crashed_drains > 0
                        ? counted(static_cast<std::size_t>(crashed_drains), "crashed drain", "crashed drains")
                        : counted(static_cast<std::size_t>(crashed_dequeues), "crashed dequeue", "crashed dequeues"));
  } else {
    for (const Lost& one : lost)
      findings.add(
          "lost",
          fmt::format("{} went in by {} and never came out, though the queue was drained from operation {} on",
                      shown(one.value), name_of(*one.element->enqueue), drained),
          details({{"element", one.value}, {"enqueue", place(one.element->enqueue->place())}, {"times", one.count}}));
    if (drained == kBeforeAll && undelivered > 0)
      why_unknown = fmt::format("{} never came out, and the queue was never drained",
                                counted(static_cast<std::size_t>(undelivered), "element", "elements"));
    else if (attempts == 0 && taken == 0)
      why_unknown = "nothing was ever enqueued or dequeued";
  }
  return std::move(findings).verdict("total-queue", operations, std::move(why_unknown));
}

}  // namespace shaketable::aggregate

// Elements are added one by one, and a read at the end must show every one that was acknowledged.
// Operations: add x; read -> ok a list or set of elements. The last read that succeeded counts.

#include <fmt/format.h>

#include <unordered_map>

#include "checkers/aggregate/input.h"

namespace shaketable::aggregate {
namespace {

struct Element {
  const Call* acknowledged = nullptr;  // the earliest add that was
  bool attempted = false;              // by an add that did not fail
  const Call* failed = nullptr;
  std::size_t read = 0;
};

}  // namespace

Verdict check_set(const Input& input) {
  const std::vector<Call> calls = calls_of(input);
  const auto operations = static_cast<std::int64_t>(calls.size());
  std::unordered_map<Value, Element, ValueHash> elements;
  const Call* last = nullptr;
  for (const Call& call : calls) {
    if (call.f.text() == "add") {
      Element& element = elements[call.asked()];
      if (call.failed()) {
        element.failed = &call;
        continue;
      }
      element.attempted = true;
      if (call.ok() && (!element.acknowledged || call.end < element.acknowledged->end)) element.acknowledged = &call;
    } else if (call.f.text() == "read" && call.ok() && call.answer().kind() >= Value::Kind::list &&
               call.answer().kind() != Value::Kind::map) {
      if (!last || call.end > last->end) last = &call;
    }
  }
  if (input.budget.time_spent()) return out_of_time("set", operations);
  Findings findings;
  if (!last) return std::move(findings).verdict("set", operations, "the set was never read");
  for (const Value& value : last->answer().items()) ++elements[value].read;

  std::int64_t acknowledged = 0, attempted = 0, recovered = 0, repeated = 0;
  std::vector<Value> lost, unexpected;
  for (const Call& call : calls) {  // in the order of the history, so that the findings are
    if (call.f.text() != "add") continue;
    const Element& element = elements[call.asked()];
    attempted += !call.failed();
    if (element.acknowledged != &call) continue;
    ++acknowledged;
    // An add that was acknowledged only while the last read was under way may rightly be missing from it.
    if (element.read == 0 && call.end < last->start) lost.push_back(call.asked());
  }
  for (const Value& value : last->answer().items()) {
    Element& element = elements[value];
    if (element.read == 0) continue;  // a repetition, dealt with
    if (!element.attempted) unexpected.push_back(value);
    recovered += element.attempted && !element.acknowledged;
    repeated += element.read > 1;
    element.read = 0;
  }
  for (const Value& value : lost) {
    const Call& add = *elements[value].acknowledged;
    findings.add(
        "lost",
        fmt::format("{} was acknowledged by {}, and {} did not see it", shown(value), name_of(add), name_of(*last)),
        details({{"element", value}, {"add", place(add.place())}, {"read", place(last->place())}}));
  }
  for (const Value& value : unexpected) {
    const Call* failed = elements[value].failed;
    findings.add("unexpected",
                 failed ? fmt::format("{} was read by {}, but {}, which added it, had failed", shown(value),
                                      name_of(*last), name_of(*failed))
                        : fmt::format("{} was read by {}, but nobody added it", shown(value), name_of(*last)),
                 details({{"element", value},
                          {"read", place(last->place())},
                          {"failed-add", failed ? place(failed->place()) : Value()}}));
  }
  findings.note("attempted", attempted);
  findings.note("acknowledged", acknowledged);
  findings.note("recovered", recovered);
  findings.note("repeated", repeated);
  return std::move(findings).verdict("set", operations);
}

}  // namespace shaketable::aggregate

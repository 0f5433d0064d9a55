// A set that is read again and again: for every element, from when on was it there, and did it stay?
// Operations: add x; read -> ok a list or set of elements.
//
// An element is known from the moment its add was acknowledged or a read that saw it completed, whichever is first. It
// is lost if a read invoked after that did not see it and no read invoked later did; stale if such a read did not see
// it, but a later one did. This is the rule of jepsen.checker/set-full; its duplicates, which it finds and never
// reports, count.

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "checkers/aggregate/input.h"

namespace shaketable::aggregate {
namespace {

struct Element {
  Value value;
  const Call* add = nullptr;     // the first that did not fail
  const Call* failed = nullptr;  // an add that did
  std::int64_t known = kNever;   // place of the completion that made it known
  const Call* known_by = nullptr;
  const Call* last_present = nullptr;  // reads, by invocation
  const Call* last_absent = nullptr;
  std::size_t seen_in = SIZE_MAX;  // number of the read that was looked at last and held it
};

}  // namespace

Verdict check_set_full(const Input& input) {
  const std::vector<Call> calls = calls_of(input);
  const auto operations = static_cast<std::int64_t>(calls.size());
  std::vector<Element> elements;
  std::unordered_map<Value, std::size_t, ValueHash> numbers;
  const auto element_of = [&](const Value& value) -> Element& {
    const auto [at, added] = numbers.try_emplace(value, elements.size());
    if (added) elements.emplace_back().value = value;
    return elements[at->second];
  };
  std::vector<const Call*> reads;  // calls_of() gives them by invocation
  for (const Call& call : calls) {
    if (call.f.text() == "add") {
      Element& element = element_of(call.asked());
      if (call.failed()) {
        element.failed = &call;
        continue;
      }
      if (!element.add) element.add = &call;
      if (call.ok() && call.end < element.known) {
        element.known = call.end;
        element.known_by = &call;
      }
    } else if (call.f.text() == "read" && call.ok() && call.answer().kind() >= Value::Kind::list &&
               call.answer().kind() != Value::Kind::map) {
      reads.push_back(&call);
    }
  }
  std::stable_sort(reads.begin(), reads.end(), [](const Call* a, const Call* b) { return a->start < b->start; });

  Findings findings;
  const auto repeat = [&](const Call& read, const Element& element) {
    findings.add("duplicate", fmt::format("{} saw {} more than once", name_of(read), shown(element.value)),
                 details({{"element", element.value}, {"read", place(read.place())}}));
  };
  for (std::size_t r = 0; r < reads.size(); ++r) {
    if (input.budget.time_spent()) return out_of_time("set-full", operations);
    for (const Value& value : reads[r]->answer().items()) {
      Element& element = element_of(value);
      if (element.seen_in == r) {
        repeat(*reads[r], element);
        continue;
      }
      element.seen_in = r;
      element.last_present = reads[r];
      if (reads[r]->end < element.known) {
        element.known = reads[r]->end;
        element.known_by = reads[r];
      }
    }
  }
  // Backwards: each element is looked for only until the first read without it, so this costs no more than the reads'
  // lengths.
  for (Element& element : elements) element.seen_in = SIZE_MAX;
  std::vector<std::size_t> unresolved(elements.size());
  for (std::size_t i = 0; i < unresolved.size(); ++i) unresolved[i] = i;
  for (std::size_t r = reads.size(); r-- > 0 && !unresolved.empty();) {
    if (input.budget.time_spent()) return out_of_time("set-full", operations);
    for (const Value& value : reads[r]->answer().items()) elements[numbers.at(value)].seen_in = r;
    std::erase_if(unresolved, [&](std::size_t i) {
      if (elements[i].seen_in == r) return false;
      elements[i].last_absent = reads[r];
      return true;
    });
  }

  const bool linearizable = input.options.boolean("linearizable");
  std::int64_t stable = 0, stale = 0, never_read = 0, worst_stale = 0;
  for (const Element& element : elements) {
    if (!element.add) {
      if (!element.last_present) continue;  // a failed add that nobody saw
      findings.add("unexpected",
                   element.failed
                       ? fmt::format("{} was read by {}, but {}, which added it, had failed", shown(element.value),
                                     name_of(*element.last_present), name_of(*element.failed))
                       : fmt::format("{} was read by {}, but nobody added it", shown(element.value),
                                     name_of(*element.last_present)),
                   details({{"element", element.value}, {"read", place(element.last_present->place())}}));
      continue;
    }
    const bool absent_after = element.last_absent && element.known < element.last_absent->start;
    const std::int64_t present = element.last_present ? element.last_present->start : kBeforeAll;
    const bool gone = absent_after && (!element.last_present || present < element.last_absent->start);
    if (gone) {
      findings.add("lost",
                   fmt::format("{} was known since {} completed, and {} did not see it, nor did any later read",
                               shown(element.value), name_of(*element.known_by), name_of(*element.last_absent)),
                   details({{"element", element.value},
                            {"known-by", place(element.known_by->place())},
                            {"absent-from", place(element.last_absent->place())}}));
      continue;
    }
    if (!element.last_present) {
      ++never_read;
      continue;
    }
    ++stable;
    if (!absent_after) continue;
    ++stale;
    const Operation& since = *element.known_by->completion;
    const Operation& until = *element.last_absent->invocation;
    const std::int64_t late_ns =
        since.time_ns < 0 || until.time_ns < 0 ? -1 : std::max<std::int64_t>(0, until.time_ns - since.time_ns);
    worst_stale = std::max(worst_stale, late_ns);
    if (linearizable)
      findings.add("stale",
                   fmt::format("{} was known since {} completed, but {} did not see it (a later read did)",
                               shown(element.value), name_of(*element.known_by), name_of(*element.last_absent)),
                   details({{"element", element.value},
                            {"known-by", place(element.known_by->place())},
                            {"absent-from", place(element.last_absent->place())},
                            {"late-ns", late_ns < 0 ? Value() : Value(late_ns)}}));
  }
  findings.note("elements", static_cast<std::int64_t>(elements.size()));
  findings.note("reads", static_cast<std::int64_t>(reads.size()));
  findings.note("stable", stable);
  findings.note("stale", stale);
  findings.note("never-read", never_read);
  if (worst_stale > 0) findings.note("worst-stale-ns", worst_stale);
  return std::move(findings).verdict("set-full", operations,
                                     reads.empty() ? "the set was never read"
                                     : stable == 0 ? "no element that was added was ever read"
                                                   : std::string());
}

}  // namespace shaketable::aggregate

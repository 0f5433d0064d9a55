// A write that was acknowledged before another began must be visible wherever the other is: strict serializability has
// this, serializability alone does not (a reader may see the later one without the earlier).
// Operations: write x (or insert, add), each value once; read -> ok a list or set of values.

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "checkers/aggregate/input.h"

namespace shaketable::aggregate {
namespace {

struct Write {
  std::int64_t start = kNever;  // the earliest of those that did not fail
  const Call* earliest = nullptr;
  const Call* acknowledged = nullptr;  // the earliest to complete
};

bool is_write(const Call& call) {
  const std::string_view f = call.f.text();
  return f == "write" || f == "insert" || f == "add";
}

}  // namespace

Verdict check_causal_reverse(const Input& input) {
  const std::vector<Call> calls = calls_of(input);
  const auto operations = static_cast<std::int64_t>(calls.size());
  std::unordered_map<Value, Write, ValueHash> writes;
  std::vector<const Call*> reads;
  for (const Call& call : calls) {
    if (is_write(call)) {
      if (call.failed()) continue;
      Write& write = writes[call.asked()];
      if (!write.earliest || call.start < write.start) {
        write.start = call.start;
        write.earliest = &call;
      }
      if (call.ok() && (!write.acknowledged || call.end < write.acknowledged->end)) write.acknowledged = &call;
    } else if (call.f.text() == "read" && call.ok() && call.answer().kind() >= Value::Kind::list &&
               call.answer().kind() != Value::Kind::map) {
      reads.push_back(&call);
    }
  }
  std::vector<std::pair<std::int64_t, const Value*>> acknowledged;  // by completion
  for (const auto& [value, write] : writes)
    if (write.acknowledged) acknowledged.emplace_back(write.acknowledged->end, &value);
  std::sort(acknowledged.begin(), acknowledged.end());

  Findings findings;
  for (const Call* read : reads) {
    if (input.budget.time_spent()) return out_of_time("causal-reverse", operations);
    std::unordered_set<Value, ValueHash> seen;
    const Call* latest = nullptr;  // the write that began last, of those seen
    std::vector<std::int64_t> ends;
    for (const Value& value : read->answer().items()) {
      const auto at = writes.find(value);
      if (at == writes.end()) {
        findings.add("unexpected", fmt::format("{} saw {}, which nobody wrote", name_of(*read), shown(value)),
                     details({{"read", place(read->place())}, {"value", value}}));
        continue;
      }
      if (!seen.insert(value).second) continue;
      if (!latest || at->second.start > latest->start) latest = at->second.earliest;
      if (at->second.acknowledged) ends.push_back(at->second.acknowledged->end);
    }
    if (!latest) continue;
    const auto due = static_cast<std::size_t>(
        std::lower_bound(acknowledged.begin(), acknowledged.end(), latest->start,
                         [](const auto& entry, std::int64_t start) { return entry.first < start; }) -
        acknowledged.begin());
    const auto there = static_cast<std::size_t>(
        std::count_if(ends.begin(), ends.end(), [&](std::int64_t end) { return end < latest->start; }));
    if (there == due) continue;
    std::vector<Value> missing;
    for (std::size_t i = 0; i < due; ++i)
      if (!seen.count(*acknowledged[i].second)) missing.push_back(*acknowledged[i].second);
    const Call& first = *writes.at(missing.front()).acknowledged;
    const std::string text = fmt::format(
        "{} saw {} but not {}, whose write, {}, was acknowledged before that of {}, {}, began", name_of(*read),
        shown(latest->asked()), shown_list(missing), name_of(first), shown(latest->asked()), name_of(*latest));
    findings.add(
        "causal-reverse", text,
        details(
            {{"read", place(read->place())}, {"seen", latest->asked()}, {"missing", Value::list(std::move(missing))}}));
  }
  findings.note("reads", static_cast<std::int64_t>(reads.size()));
  findings.note("writes", static_cast<std::int64_t>(writes.size()));
  return std::move(findings).verdict("causal-reverse", operations,
                                     reads.empty() ? "nothing was ever read" : std::string());
}

}  // namespace shaketable::aggregate

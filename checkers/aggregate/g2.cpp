// Two transactions each look, by a predicate, whether anything is there for a key, and insert something if not. At most
// one of them may succeed; if both do, each missed the other's insert: an anti-dependency cycle by predicate (Adya's
// G2). Operations: insert [key [id-a id-b]], one of the ids nil, as in jepsen.tests.adya; or, with `keyed`, insert
// [id-a id-b].

#include <fmt/format.h>

#include <unordered_map>

#include "checkers/aggregate/input.h"

namespace shaketable::aggregate {

Verdict check_g2(const Input& input) {
  const std::vector<Call> calls = calls_of(input);
  const auto operations = static_cast<std::int64_t>(calls.size());
  Findings findings;
  std::unordered_map<Value, const Call*, ValueHash> first;
  std::int64_t inserts = 0;
  for (const Call& call : calls) {
    if (call.f.text() != "insert" || !call.ok()) continue;
    if (++inserts % 1024 == 0 && input.budget.time_spent()) return out_of_time("g2", operations);
    const Value& asked = call.asked();
    const bool has_key = asked.is_list() && asked.size() == 2 && asked[1].is_list();
    const Value key = has_key ? asked[0] : Value();
    const auto [at, added] = first.try_emplace(key, &call);
    if (added) continue;
    findings.add("G2",
                 fmt::format("{} and {} both inserted{}, though each had looked and found nothing",
                             name_of(*at->second), name_of(call), has_key ? " for key " + shown(key) : ""),
                 details({{"key", key}, {"inserts", Value::list({place(at->second->place()), place(call.place())})}}));
  }
  findings.note("inserts", inserts);
  findings.note("keys", static_cast<std::int64_t>(first.size()));
  return std::move(findings).verdict("g2", operations, inserts == 0 ? "no insert succeeded" : std::string());
}

}  // namespace shaketable::aggregate

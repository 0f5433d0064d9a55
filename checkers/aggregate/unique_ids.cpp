// Identifiers that a system generates must differ from one another.
// Operations: generate -> ok an identifier (any value).

#include <fmt/format.h>

#include <unordered_map>

#include "checkers/aggregate/input.h"

namespace shaketable::aggregate {

Verdict check_unique_ids(const Input& input) {
  const std::vector<Call> calls = calls_of(input);
  const auto operations = static_cast<std::int64_t>(calls.size());
  const std::string& f = input.options.text("f");
  Findings findings;
  std::unordered_map<Value, const Call*, ValueHash> first;
  std::int64_t attempted = 0, generated = 0;
  const Value *lowest = nullptr, *highest = nullptr;
  for (const Call& call : calls) {
    if (call.f.text() != f) continue;
    ++attempted;
    if (!call.ok() || call.answer().is_nil()) continue;
    ++generated;
    if (generated % 1024 == 0 && input.budget.time_spent()) return out_of_time("unique-ids", operations);
    const Value& id = call.answer();
    if (!lowest || id < *lowest) lowest = &id;
    if (!highest || *highest < id) highest = &id;
    const auto [at, added] = first.try_emplace(id, &call);
    if (!added)
      findings.add("duplicate-id", fmt::format("{} and {} both got {}", name_of(*at->second), name_of(call), shown(id)),
                   details({{"id", id}, {"first", place(at->second->place())}, {"again", place(call.place())}}));
  }
  findings.note("attempted", attempted);
  findings.note("generated", generated);
  if (lowest) {
    findings.note("lowest", *lowest);
    findings.note("highest", *highest);
  }
  return std::move(findings).verdict("unique-ids", operations,
                                     generated == 0 ? "no identifier was ever generated" : std::string());
}

}  // namespace shaketable::aggregate

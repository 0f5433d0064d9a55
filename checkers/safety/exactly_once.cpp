// Effects under retry. Operations: apply ID (any number of times, by any process); read -> the effects as a list, one
// entry an effect, or as {ID count}.

#include <fmt/format.h>

#include <map>

#include "checkers/safety/promise.h"

namespace shaketable::safety {

using namespace aggregate;

Verdict check_exactly_once(const Input& input) {
  const auto operations = static_cast<std::int64_t>(input.calls.size());
  Findings findings;
  struct Attempts {
    std::int64_t first_start = kNever, first_ok = kNever;  // of attempts that did not fail; of acknowledged ones
    std::int64_t count = 0;
    const Call* acknowledged = nullptr;
  };
  std::map<Value, Attempts> attempts;
  for (const Call& call : input.calls) {
    if (call.f.text() != "apply") continue;
    Attempts& of_id = attempts[call.asked()];
    ++of_id.count;
    if (call.failed()) continue;
    of_id.first_start = std::min(of_id.first_start, call.start);
    if (call.ok() && call.end < of_id.first_ok) {
      of_id.first_ok = call.end;
      of_id.acknowledged = &call;
    }
  }
  std::int64_t reads = 0, retried = 0;
  for (const auto& [_, of_id] : attempts) retried += of_id.count > 1;
  for (const Call& read : input.calls) {
    if (read.f.text() != "read" || !read.ok()) continue;
    if (input.budget.time_spent()) return out_of_time("exactly-once", operations);
    const Value& answer = read.answer();
    std::map<Value, std::int64_t> effects;
    if (answer.kind() == Value::Kind::map) {
      for (std::size_t i = 0; i < answer.items().size(); i += 2)
        effects[answer.items()[i]] += answer.items()[i + 1].is_integer() ? answer.items()[i + 1].integer() : 0;
    } else if (answer.is_list() || answer.kind() == Value::Kind::set) {
      for (const Value& id : answer.items()) ++effects[id];
    } else {
      continue;
    }
    ++reads;
    for (const auto& [id, count] : effects) {
      const auto found = attempts.find(id);
      if (count > 1)
        findings.add("repeated-effect",
                     fmt::format("{} shows {} {} times; it was attempted {} times", name_of(read), shown(id), count,
                                 found == attempts.end() ? 0 : found->second.count),
                     details({{"id", id}, {"count", Value(count)}, {"read", place(read.place())}}));
      if (count > 0 && (found == attempts.end() || found->second.first_start > read.end))
        findings.add("phantom-effect",
                     fmt::format("{} shows {}, which nobody had applied but in vain", name_of(read), shown(id)),
                     details({{"id", id}, {"read", place(read.place())}}));
    }
    for (const auto& [id, of_id] : attempts) {
      const auto found = effects.find(id);
      if (of_id.first_ok < read.start && (found == effects.end() || found->second < 1))
        findings.add(
            "lost-effect",
            fmt::format("{} does not show {}, which {} had acknowledged", name_of(read), shown(id),
                        name_of(*of_id.acknowledged)),
            details({{"id", id}, {"acknowledged", place(of_id.acknowledged->place())}, {"read", place(read.place())}}));
    }
  }
  findings.note("retried", Value(retried));
  return std::move(findings).verdict("exactly-once", operations,
                                     reads == 0 ? "the effects were never read" : std::string());
}

}  // namespace shaketable::safety

// Election safety (Ongaro & Ousterhout, 2014, figure 3): at most one leader is elected in a term.
// Operations, by any f: an ok answer {"term" n "leader" x} (and "node", who says so), or [n x].

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "checkers/safety/promise.h"

namespace shaketable::safety {

using namespace aggregate;

Verdict check_leader(const Input& input) {
  const auto operations = static_cast<std::int64_t>(input.calls.size());
  Findings findings;
  struct Seen {
    Value leader;
    const Call* call;
  };
  std::map<std::int64_t, Seen> leaders;
  struct Sight {
    std::int64_t term;
    const Call* call;
  };
  std::map<Value, std::vector<Sight>> sights;  // by who says so
  std::int64_t seen = 0;
  for (const Call& call : input.calls) {
    if (!call.ok()) continue;
    const Value& answer = call.answer();
    const bool list = answer.is_list() && answer.size() == 2;
    const Value* term = list ? &answer[0] : entry(answer, "term");
    const Value* leader = list ? &answer[1] : entry(answer, "leader");
    if (!term || !term->is_integer()) continue;
    ++seen;
    const Value* node = entry(answer, "node");
    sights[node ? *node : Value(call.process)].push_back({term->integer(), &call});
    if (!leader || leader->is_nil()) continue;
    const auto [at, added] = leaders.try_emplace(term->integer(), Seen{*leader, &call});
    if (!added && !(at->second.leader == *leader))
      findings.add("two-leaders",
                   fmt::format("term {} was led by {} ({}) and by {} ({})", at->first, shown(at->second.leader),
                               name_of(*at->second.call), shown(*leader), name_of(call)),
                   details({{"term", Value(at->first)},
                            {"leaders", Value::list({at->second.leader, *leader})},
                            {"first", place(at->second.call->place())},
                            {"second", place(call.place())}}));
  }
  for (auto& [who, all] : sights) {
    std::vector<Sight> by_end = all;
    std::sort(all.begin(), all.end(), [](const Sight& a, const Sight& b) { return a.call->start < b.call->start; });
    std::sort(by_end.begin(), by_end.end(), [](const Sight& a, const Sight& b) { return a.call->end < b.call->end; });
    const Sight* highest = nullptr;
    std::size_t over = 0;
    for (const Sight& sight : all) {
      for (; over < by_end.size() && by_end[over].call->end < sight.call->start; ++over) {
        if (!highest || by_end[over].term > highest->term) highest = &by_end[over];
      }
      if (highest && sight.term < highest->term)
        findings.add(
            "term-regress",
            fmt::format("{} saw term {} at {} after term {} at {}", shown(who), sight.term, name_of(*sight.call),
                        highest->term, name_of(*highest->call)),
            details(
                {{"observer", who}, {"first", place(highest->call->place())}, {"second", place(sight.call->place())}}));
    }
  }
  findings.note("terms", Value(static_cast<std::int64_t>(leaders.size())));
  return std::move(findings).verdict("leader", operations, seen == 0 ? "nobody saw a term" : std::string());
}

}  // namespace shaketable::safety

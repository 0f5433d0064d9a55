// Numbers that only ever grow must be seen growing: by each process, in real time, and across keys (of two reads of the
// same keys, one must be at least as new as the other in every key).
// Operations: inc (not looked at, but for an answer that is a map); read -> ok a number, or a map from keys to numbers.

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "checkers/aggregate/input.h"

namespace shaketable::aggregate {
namespace {

// Keys and numbers in turn, sorted by key; empty if the call saw none. A plain number has the key nil.
Value observed(const Call& call) {
  const Value& answer = call.answer();
  if (answer.is_integer() && call.f.text() == "read") return Value::map({{Value(), answer}});
  if (answer.kind() != Value::Kind::map) return Value::map({});
  std::vector<std::pair<Value, Value>> numbers;
  for (std::size_t i = 0; i < answer.items().size(); i += 2)
    if (answer.items()[i + 1].is_integer()) numbers.emplace_back(answer.items()[i], answer.items()[i + 1]);
  return Value::map(std::move(numbers));
}

struct Seen {
  std::int64_t number;
  const Call* call;
};

struct Read {
  const Call* call;
  Value numbers;
  __int128 sum = 0;
};

std::string of_key(const Value& key) {
  return key.is_nil() ? "" : " of " + shown(key);
}

}  // namespace

Verdict check_monotonic(const Input& input) {
  const std::vector<Call> calls = calls_of(input);
  const auto operations = static_cast<std::int64_t>(calls.size());
  const bool realtime = input.options.boolean("realtime"), snapshots = input.options.boolean("snapshots");
  std::vector<Read> reads;
  for (const Call& call : calls) {
    if (!call.ok()) continue;
    Read read{&call, observed(call), 0};
    if (read.numbers.size() == 0) continue;
    for (std::size_t i = 1; i < read.numbers.items().size(); i += 2) read.sum += read.numbers.items()[i].integer();
    reads.push_back(std::move(read));
  }
  std::stable_sort(reads.begin(), reads.end(), [](const Read& a, const Read& b) { return a.call->end < b.call->end; });

  Findings findings;
  const auto report = [&](std::string_view anomaly, const Value& key, std::int64_t got, const Call& call,
                          const Seen& before, std::string_view when) {
    findings.add(anomaly,
                 fmt::format("{} saw {}{}, but {}, {}, had seen {}", name_of(call), got, of_key(key),
                             name_of(*before.call), when, before.number),
                 details({{"operation", place(call.place())},
                          {"key", key},
                          {"number", got},
                          {"before", before.number},
                          {"before-by", place(before.call->place())}}));
  };
  std::unordered_map<std::int64_t, std::unordered_map<Value, Seen, ValueHash>> by_process;
  struct Highest {
    std::int64_t end;
    Seen seen;
  };
  std::unordered_map<Value, std::vector<Highest>, ValueHash> highest;  // of each key, growing, by completion
  std::size_t steps = 0;
  for (const Read& read : reads) {
    if (++steps % 1024 == 0 && input.budget.time_spent()) return out_of_time("monotonic", operations);
    auto& mine = by_process[read.call->process];
    for (std::size_t i = 0; i < read.numbers.items().size(); i += 2) {
      const Value& key = read.numbers.items()[i];
      const std::int64_t number = read.numbers.items()[i + 1].integer();
      const auto [last, first_time] = mine.try_emplace(key, Seen{number, read.call});
      bool reported = false;
      if (!first_time && number < last->second.number) {
        report("nonmonotonic-process", key, number, *read.call, last->second, "of the same process");
        reported = true;
      } else {
        last->second = {number, read.call};
      }
      auto& record = highest[key];
      if (realtime && !reported) {
        const auto after = std::partition_point(record.begin(), record.end(),
                                                [&](const Highest& h) { return h.end < read.call->start; });
        if (after != record.begin() && std::prev(after)->seen.number > number)
          report("nonmonotonic-realtime", key, number, *read.call, std::prev(after)->seen, "completed before it began");
      }
      if (record.empty() || record.back().seen.number < number) record.push_back({read.call->end, {number, read.call}});
    }
  }
  if (snapshots) {
    std::map<Value, std::vector<const Read*>> groups;  // by their keys
    for (const Read& read : reads) {
      if (read.numbers.size() < 2) continue;
      std::vector<Value> keys;
      for (std::size_t i = 0; i < read.numbers.items().size(); i += 2) keys.push_back(read.numbers.items()[i]);
      groups[Value::list(std::move(keys))].push_back(&read);
    }
    for (auto& [keys, group] : groups) {
      if (input.budget.time_spent()) return out_of_time("monotonic", operations);
      // By the sum of all numbers: they form a chain exactly if each is nowhere below the one before it.
      std::stable_sort(group.begin(), group.end(), [](const Read* a, const Read* b) { return a->sum < b->sum; });
      for (std::size_t i = 1; i < group.size(); ++i) {
        const auto a = group[i - 1]->numbers.items(), b = group[i]->numbers.items();
        std::size_t above = a.size(), below = a.size();
        for (std::size_t k = 0; k < a.size(); k += 2) {
          if (a[k + 1].integer() > b[k + 1].integer() && above == a.size()) above = k;
          if (a[k + 1].integer() < b[k + 1].integer() && below == a.size()) below = k;
        }
        if (above == a.size()) continue;
        const Call &first = *group[i - 1]->call, &second = *group[i]->call;
        findings.add("crossed-reads",
                     fmt::format("{} saw {} newer ({} against {}), and {} saw {} newer ({} against {})", name_of(first),
                                 shown(a[above]), a[above + 1].integer(), b[above + 1].integer(), name_of(second),
                                 shown(a[below]), b[below + 1].integer(), a[below + 1].integer()),
                     details({{"reads", Value::list({place(first.place()), place(second.place())})},
                              {"keys", Value::list({a[above], a[below]})}}));
      }
    }
  }
  findings.note("reads", static_cast<std::int64_t>(reads.size()));
  return std::move(findings).verdict("monotonic", operations,
                                     reads.empty() ? "no number was ever read" : std::string());
}

}  // namespace shaketable::aggregate

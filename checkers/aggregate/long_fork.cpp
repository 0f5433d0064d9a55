// Under snapshot isolation two readers may not see two independent writes in different orders (a long fork, as parallel
// snapshot isolation allows it). Every key is written once, so reads of the same keys must form a chain: of any two,
// one saw all that the other did. Operations: transactions; values are lists of ["w" k v] and ["r" k v]. Those that
// only read count as reads.

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "checkers/aggregate/input.h"

namespace shaketable::aggregate {
namespace {

struct Read {
  const Call* call;
  std::vector<bool> saw;  // in the order of the group's keys
  std::size_t seen = 0;
};

bool is_write(std::string_view f) {
  return f == "w" || f == "write";
}
bool is_read(std::string_view f) {
  return f == "r" || f == "read";
}

// Key of the first place where `a` saw something that `b` did not.
const Value* only_in(const std::vector<bool>& a, const std::vector<bool>& b, const Value& keys) {
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a[i] && !b[i]) return &keys[i];
  return nullptr;
}

}  // namespace

Verdict check_long_fork(const Input& input) {
  const std::vector<Call> calls = calls_of(input);
  const auto operations = static_cast<std::int64_t>(calls.size());
  std::unordered_map<Value, Value, ValueHash> written;  // by key
  std::string twice;
  for (const Call& call : calls) {
    if (call.failed() || !call.asked().is_list()) continue;
    for (const Value& micro : call.asked().items()) {
      if (!micro.is_list() || micro.size() < 3 || !is_write(word(micro[0]))) continue;
      const auto [at, added] = written.try_emplace(micro[1], micro[2]);
      if (!added && twice.empty())
        twice = fmt::format(
            "key {} was written more than once ({}): every key must be written once for reads to be comparable",
            shown(micro[1]), name_of(call));
    }
  }
  Findings findings;
  std::map<Value, std::vector<Read>> groups;  // by the sorted list of their keys
  std::int64_t reads = 0;
  for (const Call& call : calls) {
    if (!call.ok() || !call.answer().is_list()) continue;
    std::vector<std::pair<Value, Value>> pairs;
    bool only_reads = true;
    for (const Value& micro : call.answer().items()) {
      if (!micro.is_list() || micro.size() < 3 || !is_read(word(micro[0]))) {
        only_reads = false;
        break;
      }
      pairs.emplace_back(micro[1], micro[2]);
    }
    if (!only_reads || pairs.empty()) continue;
    if (++reads % 256 == 0 && input.budget.time_spent()) return out_of_time("long-fork", operations);
    const Value map = Value::map(std::move(pairs));
    std::vector<Value> keys;
    Read read{&call, {}, 0};
    for (std::size_t i = 0; i < map.items().size(); i += 2) {
      const Value &key = map.items()[i], &value = map.items()[i + 1];
      const auto at = written.find(key);
      if (!value.is_nil() && twice.empty() && (at == written.end() || !(at->second == value)))
        findings.add(
            "unexpected",
            fmt::format("{} read {} from key {}, which nobody wrote there", name_of(call), shown(value), shown(key)),
            details({{"operation", place(call.place())}, {"key", key}, {"value", value}}));
      keys.push_back(key);
      read.saw.push_back(!value.is_nil());
      read.seen += !value.is_nil();
    }
    groups[Value::list(std::move(keys))].push_back(std::move(read));
  }
  if (!twice.empty()) return std::move(findings).verdict("long-fork", operations, std::move(twice));
  for (auto& [keys, group] : groups) {
    // By how much they saw. Then the group is a chain exactly if each saw all that the one before it did.
    std::stable_sort(group.begin(), group.end(), [](const Read& a, const Read& b) { return a.seen < b.seen; });
    for (std::size_t i = 1; i < group.size(); ++i) {
      if (i % 1024 == 0 && input.budget.time_spent()) return out_of_time("long-fork", operations);
      const Read &a = group[i - 1], &b = group[i];
      const Value* first = only_in(a.saw, b.saw, keys);
      if (!first) continue;
      const Value* second = only_in(b.saw, a.saw, keys);
      findings.add("long-fork",
                   fmt::format("{} saw the write of key {} but not that of {}, and {} saw it the other way round",
                               name_of(*a.call), shown(*first), shown(*second), name_of(*b.call)),
                   details({{"reads", Value::list({place(a.call->place()), place(b.call->place())})},
                            {"keys", Value::list({*first, *second})}}));
    }
  }
  findings.note("reads", reads);
  findings.note("groups", static_cast<std::int64_t>(groups.size()));
  return std::move(findings).verdict("long-fork", operations,
                                     reads == 0 ? "no transaction that only reads succeeded" : std::string());
}

}  // namespace shaketable::aggregate

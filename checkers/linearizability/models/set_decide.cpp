#include <algorithm>
#include <unordered_map>
#include <vector>

#include "checkers/linearizability/models/set.h"

namespace shaketable::linearizability {

namespace {

constexpr std::int64_t kForEver = INT64_MAX;

struct Adds {
  std::int64_t first_invoked = kForEver;
  std::int64_t first_completed = kForEver;  // of those that complete
  bool seen = false;                        // by a read, or there at first
};

struct Read {
  std::int64_t invoked, completed;
  Id set;
};

}  // namespace

std::optional<bool> growing_set_linearizable(const Problem& problem, std::size_t end, const Interner& values) {
  std::unordered_map<Id, Adds> adds;
  std::vector<Read> reads;
  std::vector<std::int64_t> invoked(problem.ops.size(), -1);
  for (const Op& op : problem.ops)
    if (!op.dropped && (op.call.f == SetCall::kRemove || op.call.f == SetCall::kContains ||
                        (op.call.f == SetCall::kAdd && op.call.b >= 0)))
      return std::nullopt;
  for (std::size_t e = 0; e < end; ++e) {
    const Event event = problem.events[e];
    const Call& call = problem.ops[event.op].call;
    const auto now = static_cast<std::int64_t>(e);
    if (!event.completion) invoked[event.op] = now;
    if (call.f == SetCall::kAdd) {
      Adds& a = adds[call.a];
      if (event.completion)
        a.first_completed = std::min(a.first_completed, now);
      else
        a.first_invoked = std::min(a.first_invoked, now);
    } else if (event.completion) {
      if (call.a < 0) return false;
      reads.push_back({invoked[event.op], now, call.a});
    }
  }
  std::sort(reads.begin(), reads.end(), [&](const Read& a, const Read& b) {
    const std::size_t x = values[a.set].size(), y = values[b.set].size();
    return x != y ? x < y : a.set < b.set;
  });
  std::vector<Value> before;
  for (const Id id : problem.initial) {
    before.emplace_back(std::int64_t{id});
    adds[id].seen = true;
  }
  std::sort(before.begin(), before.end());
  std::int64_t moment = -1;  // everything so far is linearized right after this event
  for (std::size_t i = 0; i < reads.size();) {
    const auto now = values[reads[i].set].items();
    if (!std::includes(now.begin(), now.end(), before.begin(), before.end())) return false;
    const std::int64_t stage = moment;
    for (const Value& item : now) {
      Adds& a = adds[static_cast<Id>(item.integer())];
      if (a.seen) continue;
      a.seen = true;
      if (a.first_invoked == kForEver || a.first_completed < stage) return false;
      moment = std::max(moment, a.first_invoked);
    }
    const std::int64_t added = moment;
    const Id set = reads[i].set;
    for (; i < reads.size() && reads[i].set == set; ++i) {
      const std::int64_t at = std::max(added, reads[i].invoked);
      if (reads[i].completed < at) return false;
      moment = std::max(moment, at);
    }
    before.assign(now.begin(), now.end());
  }
  for (const auto& [value, a] : adds)
    if (!a.seen && a.first_completed < moment) return false;
  return true;
}

}  // namespace shaketable::linearizability

#include "checkers/linearizability/models/put_take_decide.h"

#include <algorithm>
#include <unordered_map>
#include <vector>

#include "checkers/linearizability/models/collections.h"

namespace shaketable::linearizability {

namespace {

constexpr std::int64_t kForEver = INT64_MAX;

struct Span {
  std::int64_t invoked = kForEver, completed = kForEver;
  bool there() const { return invoked != kForEver; }
};

struct Item {
  Span put, take;
  bool taken_for_sure = false;  // the take has completed
};

// Overlapping spans made one.
std::vector<std::pair<std::int64_t, std::int64_t>> merged(std::vector<std::pair<std::int64_t, std::int64_t>> spans) {
  std::sort(spans.begin(), spans.end());
  std::size_t kept = 0;
  for (const auto& span : spans) {
    if (kept > 0 && span.first < spans[kept - 1].second)
      spans[kept - 1].second = std::max(spans[kept - 1].second, span.second);
    else
      spans[kept++] = span;
  }
  spans.resize(kept);
  return spans;
}

}  // namespace

std::optional<bool> queue_linearizable(const Problem& problem, std::span<const Id> initial, std::size_t end,
                                       bool fifo) {
  std::vector<Item> items;
  std::unordered_map<Id, std::size_t> index;
  auto item = [&](Id value) -> Item& {
    const auto [entry, fresh] = index.emplace(value, items.size());
    if (fresh) items.emplace_back();
    return items[entry->second];
  };
  std::int64_t before = -2 * static_cast<std::int64_t>(initial.size());
  for (const Id value : initial) {
    Item& i = item(value);
    if (i.put.there()) return std::nullopt;
    i.put = {before, before + 1};
    before += 2;
  }
  std::vector<std::int64_t> invoked(problem.ops.size(), -1);
  std::vector<Span> empty;
  bool crashed_takes = false, wrong = false;
  for (std::size_t e = 0; e < problem.events.size(); ++e) {
    const Event event = problem.events[e];
    const Op& op = problem.ops[event.op];
    const auto now = static_cast<std::int64_t>(e);
    const bool within = e < end;
    if (op.call.f == PutTake::kTakeAny) {
      if (!op.crashed()) return std::nullopt;
      crashed_takes |= within;
      continue;
    }
    if (!event.completion) {
      invoked[event.op] = now;
      if (op.call.f == PutTake::kPut) {
        Item& i = item(op.call.a);
        if (i.put.there()) return std::nullopt;
        // What comes after the end counts only for this: that no value is put twice.
        i.put.invoked = within ? now : kForEver - 1;
      }
      continue;
    }
    if (!within) continue;
    if (op.call.f == PutTake::kTakeNone) {
      empty.push_back({invoked[event.op], now});
    } else if (op.call.f == PutTake::kPut) {
      item(op.call.a).put.completed = now;
    } else {
      Item& i = item(op.call.a);
      wrong |= i.taken_for_sure || i.put.invoked > now;
      i.taken_for_sure = true;
      i.take = {invoked[event.op], now};
    }
  }
  // Takes that are open at the end will take their value: that they have is never worse, if it is there to be taken.
  for (std::uint32_t k = 0; k < problem.ops.size(); ++k) {
    const Op& op = problem.ops[k];
    if (op.dropped || op.call.f != PutTake::kTake || invoked[k] < 0 || invoked[k] >= static_cast<std::int64_t>(end))
      continue;
    Item& i = item(op.call.a);
    if (i.taken_for_sure || i.put.invoked >= static_cast<std::int64_t>(end)) continue;
    i.take.invoked = std::min(i.take.invoked, invoked[k]);
  }

  std::vector<const Item*> put;  // that certainly took effect
  for (const Item& i : items)
    if (i.put.invoked < static_cast<std::int64_t>(end) && (i.put.completed != kForEver || i.taken_for_sure))
      put.push_back(&i);
  if (fifo && !wrong) {
    // For each value b: among the values a whose put completed before b's was invoked, the latest invocation of a take.
    std::vector<const Item*> by_completion = put, by_invocation = put;
    std::sort(by_completion.begin(), by_completion.end(),
              [](const Item* a, const Item* b) { return a->put.completed < b->put.completed; });
    std::sort(by_invocation.begin(), by_invocation.end(),
              [](const Item* a, const Item* b) { return a->put.invoked < b->put.invoked; });
    std::size_t k = 0;
    std::int64_t latest_take = -1;
    for (const Item* b : by_invocation) {
      while (k < by_completion.size() && by_completion[k]->put.completed < b->put.invoked)
        latest_take = std::max(latest_take, by_completion[k++]->take.invoked);
      wrong |= b->take.completed < latest_take;
    }
  }
  if (!wrong && !empty.empty()) {
    std::vector<std::pair<std::int64_t, std::int64_t>> spans;
    for (const Item* i : put)
      if (i->put.completed < i->take.invoked) spans.emplace_back(i->put.completed, i->take.invoked);
    spans = merged(std::move(spans));
    for (const Span& e : empty) {
      auto after = std::upper_bound(spans.begin(), spans.end(), std::pair(e.invoked, kForEver));
      wrong |= after != spans.begin() && std::prev(after)->second > e.completed;
    }
  }
  if (wrong && crashed_takes) return std::nullopt;
  return !wrong;
}

}  // namespace shaketable::linearizability

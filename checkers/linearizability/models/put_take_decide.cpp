#include "checkers/linearizability/models/put_take_decide.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "checkers/linearizability/models/collections.h"

namespace shaketable::linearizability {

namespace {

constexpr std::int64_t kForEver = Span::kForEver;

struct Collected {
  PutTakeHistory history;
  std::vector<std::int64_t> crashed_takes;  // their invocations, ascending
  bool impossible = false;                  // something was taken that had not been put, or was taken twice
};

std::optional<Collected> collect(const Problem& problem, std::span<const Id> initial, std::size_t end) {
  const auto end_at = static_cast<std::int64_t>(end);
  std::vector<Item> items;
  std::vector<bool> taken;  // by item: a take has completed
  std::unordered_map<Id, std::size_t> index;
  auto number = [&](Id value) {
    const auto [entry, fresh] = index.emplace(value, items.size());
    if (fresh) {
      items.push_back({value, {}, {}});
      taken.push_back(false);
    }
    return entry->second;
  };
  std::int64_t before = -2 * static_cast<std::int64_t>(initial.size());
  for (const Id value : initial) {
    Item& i = items[number(value)];
    if (i.put.there()) return std::nullopt;
    i.put = {before, before + 1};
    before += 2;
  }
  Collected c;
  std::vector<std::int64_t> invoked(problem.ops.size(), -1);
  for (std::size_t e = 0; e < problem.events.size(); ++e) {
    const Event event = problem.events[e];
    const Op& op = problem.ops[event.op];
    const auto now = static_cast<std::int64_t>(e);
    const bool within = e < end;
    if (op.call.f == PutTake::kTakeAny) {
      if (!op.crashed()) return std::nullopt;
      if (within) c.crashed_takes.push_back(now);
      continue;
    }
    if (!event.completion) {
      invoked[event.op] = now;
      if (op.call.f == PutTake::kPut) {
        Item& i = items[number(op.call.a)];
        if (i.put.there()) return std::nullopt;
        // What comes after the end counts only for this: that no value is put twice.
        i.put.invoked = within ? now : kForEver - 1;
      }
      continue;
    }
    if (!within) continue;
    if (op.call.f == PutTake::kTakeNone) {
      c.history.empty.push_back({invoked[event.op], now});
    } else if (op.call.f == PutTake::kPut) {
      items[number(op.call.a)].put.completed = now;
    } else {
      const std::size_t i = number(op.call.a);
      c.impossible |= taken[i] || items[i].put.invoked > now;
      taken[i] = true;
      items[i].take = {invoked[event.op], now};
    }
  }
  // Takes that are open at the end will take their value: that they may have is never worse, if it is there.
  for (std::uint32_t k = 0; k < problem.ops.size(); ++k) {
    const Op& op = problem.ops[k];
    if (op.dropped || op.call.f != PutTake::kTake || invoked[k] < 0 || invoked[k] >= end_at) continue;
    const std::size_t i = number(op.call.a);
    if (!taken[i] && items[i].put.invoked < end_at) items[i].take.invoked = std::min(items[i].take.invoked, invoked[k]);
  }
  for (std::size_t i = 0; i < items.size(); ++i)
    if (items[i].put.invoked < end_at && (items[i].put.completed != kForEver || taken[i]))
      c.history.items.push_back(items[i]);
  return c;
}

}  // namespace

std::optional<bool> decide_put_take(const Problem& problem, std::span<const Id> initial, std::size_t end,
                                    const PutTakeRules& rules) {
  std::optional<Collected> collected = collect(problem, initial, end);
  if (!collected) return std::nullopt;
  if (collected->impossible) return false;
  PutTakeHistory& history = collected->history;
  const std::vector<std::int64_t>& crashed = collected->crashed_takes;
  if (crashed.empty()) return rules.linearizable(history);

  const std::vector<std::int64_t> gone = rules.must_be_gone(history);
  std::vector<std::size_t> untaken;
  for (std::size_t i = 0; i < history.items.size(); ++i)
    if (!history.items[i].take.there() && gone[i] != kForEver) untaken.push_back(i);
  std::sort(untaken.begin(), untaken.end(), [&](std::size_t a, std::size_t b) { return gone[a] < gone[b]; });
  if (untaken.size() > crashed.size()) return false;
  for (std::size_t k = 0; k < untaken.size(); ++k) {
    if (crashed[k] > gone[untaken[k]]) return false;
    history.items[untaken[k]].take.invoked = crashed[k];
  }
  if (rules.linearizable(history)) return true;
  // The most that crashed takes could ever do: each untaken value has the first one for itself.
  for (Item& i : history.items)
    if (i.take.completed == kForEver) i.take.invoked = std::min(i.take.invoked, crashed[0]);
  if (!rules.linearizable(history)) return false;
  return std::nullopt;
}

bool empty_moments(const PutTakeHistory& history) {
  if (history.empty.empty()) return true;
  std::vector<std::pair<std::int64_t, std::int64_t>> spans;
  for (const Item& i : history.items)
    if (i.there_for_certain()) spans.emplace_back(i.put.completed, i.take.invoked);
  std::sort(spans.begin(), spans.end());
  std::size_t kept = 0;
  for (const auto& span : spans) {
    if (kept > 0 && span.first < spans[kept - 1].second)
      spans[kept - 1].second = std::max(spans[kept - 1].second, span.second);
    else
      spans[kept++] = span;
  }
  spans.resize(kept);
  for (const Span& e : history.empty) {
    const auto after = std::upper_bound(spans.begin(), spans.end(), std::pair(e.invoked, kForEver));
    if (after != spans.begin() && std::prev(after)->second > e.completed) return false;
  }
  return true;
}

std::vector<std::int64_t> gone_before_empty(const PutTakeHistory& history) {
  std::vector<Span> empty = history.empty;
  std::sort(empty.begin(), empty.end(), [](const Span& a, const Span& b) { return a.invoked > b.invoked; });
  for (std::size_t i = 1; i < empty.size(); ++i)
    empty[i].completed = std::min(empty[i].completed, empty[i - 1].completed);
  std::vector<std::int64_t> gone;
  for (const Item& i : history.items) {
    const auto end =
        std::partition_point(empty.begin(), empty.end(), [&](const Span& e) { return e.invoked > i.put.completed; });
    gone.push_back(end == empty.begin() ? kForEver : std::prev(end)->completed);
  }
  return gone;
}

FirstTake::FirstTake(const std::vector<Item>& items) {
  for (const Item& i : items) invoked_.push_back(i.take.invoked);
  std::sort(invoked_.begin(), invoked_.end());
  first_.assign(invoked_.size() + 1, kForEver);
}

void FirstTake::add(const Span& take) {
  const auto place = std::lower_bound(invoked_.begin(), invoked_.end(), take.invoked);
  for (auto i = static_cast<std::size_t>(invoked_.end() - place); i < first_.size(); i += i & -i)
    first_[i] = std::min(first_[i], take.completed);
}

std::int64_t FirstTake::completed_of_those_after(std::int64_t moment) const {
  const auto place = std::upper_bound(invoked_.begin(), invoked_.end(), moment);
  std::int64_t first = kForEver;
  for (auto i = static_cast<std::size_t>(invoked_.end() - place); i > 0; i &= i - 1) first = std::min(first, first_[i]);
  return first;
}

}  // namespace shaketable::linearizability

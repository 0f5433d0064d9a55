// Stacks whose values are pushed at most once, in O(n log n).
//
// A value whose pop was invoked before its push completed can be pushed and popped in one moment, which hinders nobody:
// it is left out. The others have a span in which they are there for certain.
//
// Outside all spans the stack can be empty: of what is there in some linearization, what can be popped by then is
// popped then, from the top, and what can still be pushed later is pushed right after, in the same order. What has been
// popped hinders nobody, and what lay above what is pushed later lies there all the same. So each stretch that the
// spans cover without a gap can be judged by itself. In it the stack is never empty, so one value is at the bottom all
// the time: its push was invoked before every other completed, and its pop completed after every other was invoked.
// Any value with this property will do: without it the rest is linearizable if the whole was, and it can be put below
// any linearization of the rest. What remains falls into stretches again.
//
// A value that is never popped is popped at the end of time, like all others of its kind; a pop that may happen or not
// has until then.

#include <algorithm>
#include <bit>
#include <queue>
#include <vector>

#include "checkers/linearizability/models/put_take_decide.h"

namespace shaketable::linearizability {

namespace {

// How many spans cover each gap between two moments that follow one another.
class Cover {
 public:
  explicit Cover(std::size_t gaps) : leaves_(std::bit_ceil(gaps + 1)), least_(2 * leaves_), added_(2 * leaves_) {}

  void add(std::size_t low, std::size_t high, int n) { add(1, 0, leaves_, low, high, n); }
  // The first gap in [low, high) that nothing covers; `high` when there is none.
  std::size_t first_bare(std::size_t low, std::size_t high) const { return find(1, 0, leaves_, low, high, 0); }

 private:
  void add(std::size_t node, std::size_t from, std::size_t to, std::size_t low, std::size_t high, int n) {
    if (high <= from || to <= low) return;
    if (low <= from && to <= high) {
      least_[node] += n;
      added_[node] += n;
      return;
    }
    const std::size_t middle = (from + to) / 2;
    add(2 * node, from, middle, low, high, n);
    add(2 * node + 1, middle, to, low, high, n);
    least_[node] = std::min(least_[2 * node], least_[2 * node + 1]) + added_[node];
  }
  std::size_t find(std::size_t node, std::size_t from, std::size_t to, std::size_t low, std::size_t high,
                   int above) const {
    if (high <= from || to <= low || least_[node] + above > 0) return high;
    if (to - from == 1) return from;
    const std::size_t middle = (from + to) / 2;
    const std::size_t left = find(2 * node, from, middle, low, high, above + added_[node]);
    return left < high ? left : find(2 * node + 1, middle, to, low, high, above + added_[node]);
  }

  std::size_t leaves_;
  std::vector<int> least_, added_;
};

// Maximum over a range, with changes; and where it is.
class Latest {
 public:
  explicit Latest(std::size_t size) : leaves_(std::bit_ceil(std::max<std::size_t>(size, 1))), nodes_(2 * leaves_, -1) {}
  void set(std::size_t i, std::int64_t value) {
    i += leaves_;
    nodes_[i] = value;
    for (i /= 2; i > 0; i /= 2) nodes_[i] = std::max(nodes_[2 * i], nodes_[2 * i + 1]);
  }
  std::int64_t at(std::size_t i) const { return nodes_[i + leaves_]; }
  std::size_t largest(std::size_t low, std::size_t high) const {
    std::size_t best = 0;  // a node
    for (low += leaves_, high += leaves_; low < high; low /= 2, high /= 2) {
      if (low & 1) best = better(best, low++);
      if (high & 1) best = better(best, --high);
    }
    while (best < leaves_) best = nodes_[2 * best] == nodes_[best] ? 2 * best : 2 * best + 1;
    return best - leaves_;
  }

 private:
  std::size_t better(std::size_t a, std::size_t b) const { return a == 0 || nodes_[b] > nodes_[a] ? b : a; }
  std::size_t leaves_;
  std::vector<std::int64_t> nodes_;
};

bool nested(const PutTakeHistory& history) {
  std::vector<Item> items;
  std::vector<std::int64_t> moments;
  for (const Item& i : history.items) {
    if (!i.there_for_certain()) continue;
    items.push_back(i);
    moments.push_back(i.put.completed);
    moments.push_back(i.take.invoked);
  }
  std::sort(moments.begin(), moments.end());
  moments.erase(std::unique(moments.begin(), moments.end()), moments.end());
  auto rank = [&](std::int64_t moment) {
    return static_cast<std::size_t>(std::lower_bound(moments.begin(), moments.end(), moment) - moments.begin());
  };
  std::sort(items.begin(), items.end(), [](const Item& a, const Item& b) { return a.put.completed < b.put.completed; });
  auto first_put_from = [&](std::int64_t moment) {
    return static_cast<std::size_t>(
        std::partition_point(items.begin(), items.end(), [&](const Item& i) { return i.put.completed < moment; }) -
        items.begin());
  };

  Cover cover(moments.size());
  for (const Item& i : items) cover.add(rank(i.put.completed), rank(i.take.invoked), 1);
  // Stretches, the earliest first, so that values become candidates for the bottom in the order of their invocations.
  using Stretch = std::pair<std::size_t, std::size_t>;  // of gaps
  std::priority_queue<Stretch, std::vector<Stretch>, std::greater<>> stretches;
  auto split = [&](std::size_t low, std::size_t high) {
    while (low < high) {
      const std::size_t bare = cover.first_bare(low, high);
      if (bare > low) stretches.emplace(low, bare);
      low = bare + 1;
    }
  };
  if (!moments.empty()) split(0, moments.size() - 1);

  std::vector<std::size_t> by_invocation(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) by_invocation[i] = i;
  std::sort(by_invocation.begin(), by_invocation.end(),
            [&](std::size_t a, std::size_t b) { return items[a].put.invoked < items[b].put.invoked; });
  Latest candidates(items.size());  // by item: the completion of the pop
  std::size_t invoked = 0;
  while (!stretches.empty()) {
    const auto [low, high] = stretches.top();
    stretches.pop();
    const std::int64_t first_completion = moments[low], last_invocation = moments[high];
    while (invoked < items.size() && items[by_invocation[invoked]].put.invoked < first_completion) {
      candidates.set(by_invocation[invoked], items[by_invocation[invoked]].take.completed);
      ++invoked;
    }
    const std::size_t bottom = candidates.largest(first_put_from(first_completion), first_put_from(last_invocation));
    if (candidates.at(bottom) < last_invocation) return false;
    candidates.set(bottom, -1);
    cover.add(rank(items[bottom].put.completed), rank(items[bottom].take.invoked), -1);
    split(low, high);
  }
  return true;
}

// What lies above a value that is popped after it was pushed must be gone by then.
std::vector<std::int64_t> gone_before_lower(const PutTakeHistory& history) {
  const std::vector<Item>& items = history.items;
  std::vector<std::size_t> by_invocation(items.size()), by_completion;
  for (std::size_t i = 0; i < items.size(); ++i) by_invocation[i] = i;
  by_completion = by_invocation;
  std::sort(by_invocation.begin(), by_invocation.end(),
            [&](std::size_t a, std::size_t b) { return items[a].put.invoked < items[b].put.invoked; });
  std::sort(by_completion.begin(), by_completion.end(),
            [&](std::size_t a, std::size_t b) { return items[a].put.completed < items[b].put.completed; });
  FirstTake lower(items);
  std::vector<std::int64_t> gone = gone_before_empty(history);
  std::size_t k = 0;
  for (const std::size_t i : by_invocation) {
    for (; k < items.size() && items[by_completion[k]].put.completed < items[i].put.invoked; ++k)
      lower.add(items[by_completion[k]].take);
    gone[i] = std::min(gone[i], lower.completed_of_those_after(items[i].put.completed));
  }
  return gone;
}

}  // namespace

PutTakeRules stack_rules() {
  return {[](const PutTakeHistory& history) { return nested(history) && empty_moments(history); }, gone_before_lower};
}

}  // namespace shaketable::linearizability

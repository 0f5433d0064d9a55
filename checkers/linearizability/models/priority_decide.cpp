#include <algorithm>
#include <map>
#include <vector>

#include "checkers/linearizability/models/put_take_decide.h"

namespace shaketable::linearizability {

namespace {

using Less = std::function<bool(Id, Id)>;

std::vector<std::size_t> by_value(const std::vector<Item>& items, const Less& smaller) {
  std::vector<std::size_t> order(items.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return smaller(items[a].value, items[b].value); });
  return order;
}

// Moments that are taken up, as spans that do not overlap.
class Taken {
 public:
  void add(std::int64_t from, std::int64_t to) {
    auto next = spans_.upper_bound(from);
    if (next != spans_.begin() && std::prev(next)->second >= from) {
      --next;
      from = next->first;
    }
    while (next != spans_.end() && next->first <= to) {
      to = std::max(to, next->second);
      next = spans_.erase(next);
    }
    spans_.emplace(from, to);
  }
  bool all_of(std::int64_t from, std::int64_t to) const {
    const auto next = spans_.upper_bound(from);
    return next != spans_.begin() && std::prev(next)->second >= to;
  }

 private:
  std::map<std::int64_t, std::int64_t> spans_;
};

bool smallest_first(const PutTakeHistory& history, const Less& smaller) {
  Taken taken;
  for (const std::size_t k : by_value(history.items, smaller)) {
    const Item& i = history.items[k];
    if (i.take.completed != Span::kForEver && taken.all_of(std::max(i.take.invoked, i.put.invoked), i.take.completed))
      return false;
    if (i.there_for_certain()) taken.add(i.put.completed, i.take.invoked);
  }
  return true;
}

// What is smaller than a value that is taken after it was put must be gone by then.
std::vector<std::int64_t> gone_before_larger(const PutTakeHistory& history, const Less& smaller) {
  std::vector<std::size_t> order = by_value(history.items, smaller);
  std::reverse(order.begin(), order.end());
  FirstTake larger(history.items);
  std::vector<std::int64_t> gone = gone_before_empty(history);
  for (const std::size_t k : order) {
    gone[k] = std::min(gone[k], larger.completed_of_those_after(history.items[k].put.completed));
    larger.add(history.items[k].take);
  }
  return gone;
}

}  // namespace

PutTakeRules priority_rules(Less smaller) {
  return {
      [smaller](const PutTakeHistory& history) { return smallest_first(history, smaller) && empty_moments(history); },
      [smaller](const PutTakeHistory& history) { return gone_before_larger(history, smaller); }};
}

}  // namespace shaketable::linearizability

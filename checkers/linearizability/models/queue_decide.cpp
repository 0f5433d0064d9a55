#include <algorithm>
#include <vector>

#include "checkers/linearizability/models/put_take_decide.h"

namespace shaketable::linearizability {

namespace {

std::vector<const Item*> sorted(const std::vector<Item>& items, std::int64_t Span::*moment) {
  std::vector<const Item*> all;
  for (const Item& i : items) all.push_back(&i);
  std::sort(all.begin(), all.end(), [&](const Item* a, const Item* b) { return a->put.*moment < b->put.*moment; });
  return all;
}

bool taken_in_order(const PutTakeHistory& history) {
  const auto by_completion = sorted(history.items, &Span::completed);
  const auto by_invocation = sorted(history.items, &Span::invoked);
  // For each value b: among the values a whose put completed before b's was invoked, the latest invocation of a take.
  std::size_t k = 0;
  std::int64_t latest_take = -1;
  for (const Item* b : by_invocation) {
    while (k < by_completion.size() && by_completion[k]->put.completed < b->put.invoked)
      latest_take = std::max(latest_take, by_completion[k++]->take.invoked);
    if (b->take.completed < latest_take) return false;
  }
  return true;
}

std::vector<std::int64_t> gone_before_next(const PutTakeHistory& history) {
  auto by_invocation = sorted(history.items, &Span::invoked);
  std::vector<std::int64_t> first_take(by_invocation.size() + 1, Span::kForEver);  // of those from here on
  for (std::size_t k = by_invocation.size(); k-- > 0;)
    first_take[k] = std::min(first_take[k + 1], by_invocation[k]->take.completed);
  std::vector<std::int64_t> gone = gone_before_empty(history);
  for (std::size_t i = 0; i < gone.size(); ++i) {
    const auto next = std::partition_point(by_invocation.begin(), by_invocation.end(), [&](const Item* b) {
      return b->put.invoked < history.items[i].put.completed;
    });
    gone[i] = std::min(gone[i], first_take[static_cast<std::size_t>(next - by_invocation.begin())]);
  }
  return gone;
}

}  // namespace

PutTakeRules bag_rules() {
  return {empty_moments, gone_before_empty};
}

PutTakeRules fifo_rules() {
  return {[](const PutTakeHistory& history) { return taken_in_order(history) && empty_moments(history); },
          gone_before_next};
}

}  // namespace shaketable::linearizability

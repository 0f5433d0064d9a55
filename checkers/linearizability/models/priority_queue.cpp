#include "checkers/linearizability/models/collections.h"
#include "checkers/linearizability/models/models.h"
#include "checkers/linearizability/models/put_take_decide.h"

namespace shaketable::linearizability {

namespace {

// The state is sorted, the largest first, so that the next to be taken is at the end.
class PriorityQueue final : public PutTakeModel {
 public:
  using PutTakeModel::PutTakeModel;

  std::optional<bool> decide(const Problem& problem, std::size_t end, const Interner& values) const override {
    const auto smaller = [&values](Id a, Id b) { return values[a] < values[b]; };
    return decide_put_take(problem, problem.initial, end, priority_rules(smaller));
  }

  Result<State> initial(const std::optional<Value>& initial, Interner& values) const override {
    auto state = initial_items(initial, values);
    if (state) std::sort(state->begin(), state->end(), [&](Id a, Id b) { return values[b] < values[a]; });
    return state;
  }

  bool step(const State& before, const Call& call, const Interner& values, State& after) const override {
    after = before;
    switch (call.f) {
      case PutTake::kPut: {
        const auto larger = [&](Id a, Id b) { return values[b] < values[a]; };
        after.insert(std::upper_bound(after.begin(), after.end(), call.a, larger), call.a);
        return true;
      }
      case PutTake::kTakeNone:
        return before.empty();
      case PutTake::kTake:
        if (before.empty() || before.back() != call.a) return false;
        after.pop_back();
        return true;
      default:
        if (!before.empty()) after.pop_back();
        return true;
    }
  }
};

}  // namespace

std::unique_ptr<const Model> make_priority_queue(const LinearizableOptions& options) {
  return std::make_unique<PriorityQueue>("priority-queue", "enqueue", "dequeue",
                                         options.nil_read == LinearizableOptions::any);
}

}  // namespace shaketable::linearizability

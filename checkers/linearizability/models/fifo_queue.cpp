#include "checkers/linearizability/models/collections.h"
#include "checkers/linearizability/models/models.h"
#include "checkers/linearizability/models/put_take_decide.h"

namespace shaketable::linearizability {

namespace {

class FifoQueue final : public PutTakeModel {
 public:
  using PutTakeModel::PutTakeModel;

  std::optional<bool> decide(const Problem& problem, std::size_t end, const Interner&) const override {
    return decide_put_take(problem, problem.initial, end, fifo_rules());
  }

  bool step(const State& before, const Call& call, const Interner&, State& after) const override {
    switch (call.f) {
      case PutTake::kPut:
        after = before;
        after.push_back(call.a);
        return true;
      case PutTake::kTakeNone:
        after.clear();
        return before.empty();
      case PutTake::kTake:
        if (before.empty() || before.front() != call.a) return false;
        break;
      default:
        if (before.empty()) return after.clear(), true;
    }
    after.assign(before.begin() + 1, before.end());
    return true;
  }
};

}  // namespace

std::unique_ptr<const Model> make_fifo_queue(const LinearizableOptions& options) {
  return std::make_unique<FifoQueue>("fifo-queue", "enqueue", "dequeue", options.nil_read == LinearizableOptions::any);
}

}  // namespace shaketable::linearizability

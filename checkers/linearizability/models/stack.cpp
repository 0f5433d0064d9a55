#include "checkers/linearizability/models/collections.h"
#include "checkers/linearizability/models/models.h"
#include "checkers/linearizability/models/put_take_decide.h"

namespace shaketable::linearizability {

namespace {

class Stack final : public PutTakeModel {
 public:
  using PutTakeModel::PutTakeModel;

  std::optional<bool> decide(const Problem& problem, std::size_t end, const Interner&) const override {
    return decide_put_take(problem, problem.initial, end, stack_rules());
  }

  bool step(const State& before, const Call& call, const Interner&, State& after) const override {
    after = before;
    switch (call.f) {
      case PutTake::kPut:
        after.push_back(call.a);
        return true;
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

std::unique_ptr<const Model> make_stack(const LinearizableOptions& options) {
  return std::make_unique<Stack>("stack", "push", "pop", options.nil_read == LinearizableOptions::any);
}

}  // namespace shaketable::linearizability

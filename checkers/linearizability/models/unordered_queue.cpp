#include <set>

#include "checkers/linearizability/models/collections.h"
#include "checkers/linearizability/models/models.h"
#include "checkers/linearizability/models/put_take_decide.h"

namespace shaketable::linearizability {

namespace {

// What a crashed dequeue took is not known, so the object is a set of possible bags (the power set construction: it can
// do what any of them can). Encoded as the sorted bags one after the other, each behind its size.
class UnorderedQueue final : public PutTakeModel {
 public:
  using PutTakeModel::PutTakeModel;

  std::optional<bool> decide(const Problem& problem, std::size_t end, const Interner&) const override {
    const std::span<const Id> one_bag(problem.initial);
    return decide_put_take(problem, one_bag.subspan(1), end, bag_rules());
  }

  Result<State> initial(const std::optional<Value>& initial, Interner& values) const override {
    auto items = initial_items(initial, values);
    if (!items) return items;
    std::sort(items->begin(), items->end());
    return encode_bags({*items});
  }

  bool step(const State& before, const Call& call, const Interner&, State& after) const override {
    std::set<State> bags;
    for (std::size_t i = 0; i < before.size(); i += static_cast<std::size_t>(before[i]) + 1) {
      const auto first = before.begin() + static_cast<std::ptrdiff_t>(i) + 1;
      State bag(first, first + before[i]);
      const auto place = std::lower_bound(bag.begin(), bag.end(), call.a);
      switch (call.f) {
        case PutTake::kPut:
          bag.insert(place, call.a);
          break;
        case PutTake::kTakeNone:
          if (!bag.empty()) continue;
          break;
        case PutTake::kTake:
          if (place == bag.end() || *place != call.a) continue;
          bag.erase(place);
          break;
        default:
          for (std::size_t k = 0; k < bag.size(); ++k) {
            State without = bag;
            without.erase(without.begin() + static_cast<std::ptrdiff_t>(k));
            bags.insert(std::move(without));
          }
          if (!bag.empty()) continue;
      }
      bags.insert(std::move(bag));
    }
    after = encode_bags(bags);
    return !bags.empty();
  }

  // Finding the queue empty tells which of the bags it was: the state may change.
  bool pure(const Call&) const override { return false; }

  std::string describe(const State& state, const Interner& values) const override {
    std::string text;
    for (std::size_t i = 0; i < state.size(); i += static_cast<std::size_t>(state[i]) + 1) {
      if (text.size() > 400) return "the unordered-queue holds one of " + text + " …";
      const auto first = state.begin() + static_cast<std::ptrdiff_t>(i) + 1;
      text += (i ? " or " : "") + describe_items(State(first, first + state[i]), values);
    }
    return "the unordered-queue holds " + text;
  }
  using PutTakeModel::describe;

 private:
  static State encode_bags(const std::set<State>& bags) {
    State state;
    for (const State& bag : bags) {
      state.push_back(static_cast<std::int32_t>(bag.size()));
      state.insert(state.end(), bag.begin(), bag.end());
    }
    return state;
  }
};

}  // namespace

std::unique_ptr<const Model> make_unordered_queue(const LinearizableOptions& options) {
  return std::make_unique<UnorderedQueue>("unordered-queue", "enqueue", "dequeue",
                                          options.nil_read == LinearizableOptions::any);
}

}  // namespace shaketable::linearizability

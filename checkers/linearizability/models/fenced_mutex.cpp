#include <fmt/format.h>

#include "checkers/linearizability/models/locks.h"
#include "checkers/linearizability/models/models.h"
#include "history/text.h"

namespace shaketable::linearizability {

namespace {

constexpr std::uint8_t kAcquire = 0;  // a: who, b: the fence, -1: not known
constexpr std::uint8_t kRelease = 1;  // a: who

// The state is {holder or -1, the last fence}. An acquire whose fence is not known got one above the last; that it was
// the next one leaves most room for what follows.
class FencedMutex final : public Model {
 public:
  Result<std::optional<Call>> encode(const Invocation& op, Interner& values) const override {
    if (op.f.text() == "release") return Call{holder(op, values), -1, kRelease};
    if (op.f.text() != "acquire")
      return bad_input(
          fmt::format("'{}' is not a function of a fenced-mutex, which takes acquire and release", op.f.text()));
    Call call{holder(op, values), -1, kAcquire};
    if (!op.result) return call;
    const Value* fence = op.result;
    if (fence->kind() == Value::Kind::map) {
      const Value* entry = fence->find("fence");
      if (!entry) entry = fence->find(Value::keyword("fence"));
      if (!entry) return bad_input(fmt::format("acquire answers its fence, not {}", to_edn(*fence)));
      fence = entry;
    }
    if (fence->is_nil()) return call;
    if (!fence->is_integer() || fence->integer() < 0 || fence->integer() > INT32_MAX / 2)
      return bad_input(fmt::format("acquire answers its fence, a number from 0 to 2^30, not {}", to_edn(*fence)));
    call.b = static_cast<Id>(fence->integer());
    return call;
  }
  Result<State> initial(const std::optional<Value>& initial, Interner&) const override {
    if (!initial || initial->is_nil()) return State{-1, -1};
    if (!initial->is_integer() || initial->integer() < 0 || initial->integer() > INT32_MAX / 2)
      return bad_input(fmt::format("expected the last fence, a number from 0 to 2^30, not {}", to_edn(*initial)));
    return State{-1, static_cast<Id>(initial->integer())};
  }
  bool step(const State& before, const Call& call, const Interner&, State& after) const override {
    if (call.f == kRelease) {
      after = {-1, before[1]};
      return before[0] == call.a;
    }
    after = {call.a, call.b < 0 ? before[1] + 1 : call.b};
    return before[0] < 0 && (call.b < 0 || call.b > before[1]);
  }
  std::string describe(const Call& call, bool, const Interner& values) const override {
    if (call.f == kRelease) return fmt::format("release by {}", to_edn(values[call.a]));
    return fmt::format("acquire by {} → fence {}", to_edn(values[call.a]), call.b < 0 ? "?" : std::to_string(call.b));
  }
  std::string describe(const State& state, const Interner& values) const override {
    const std::string last = state[1] < 0 ? "no fence given yet" : fmt::format("the last fence was {}", state[1]);
    if (state[0] < 0) return "the mutex is free, " + last;
    return fmt::format("the mutex is held by {}, {}", to_edn(values[state[0]]), last);
  }
};

}  // namespace

std::unique_ptr<const Model> make_fenced_mutex(const LinearizableOptions&) {
  return std::make_unique<FencedMutex>();
}

}  // namespace shaketable::linearizability

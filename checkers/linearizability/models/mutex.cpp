#include <fmt/format.h>

#include "checkers/linearizability/models/locks.h"
#include "checkers/linearizability/models/models.h"
#include "history/text.h"

namespace shaketable::linearizability {

namespace {

constexpr std::uint8_t kAcquire = 0;
constexpr std::uint8_t kRelease = 1;

// The state is {held}.
class Mutex final : public Model {
 public:
  Result<std::optional<Call>> encode(const Invocation& op, Interner&) const override {
    if (op.f.text() == "acquire") return Call{-1, -1, kAcquire};
    if (op.f.text() == "release") return Call{-1, -1, kRelease};
    return bad_input(fmt::format("'{}' is not a function of a mutex, which takes acquire and release", op.f.text()));
  }
  Result<State> initial(const std::optional<Value>& initial, Interner&) const override {
    if (!initial || initial->is_nil()) return State{0};
    if (initial->kind() != Value::Kind::boolean)
      return bad_input(fmt::format("expected true (held) or false, not {}", to_edn(*initial)));
    return State{initial->boolean()};
  }
  bool step(const State& before, const Call& call, const Interner&, State& after) const override {
    const bool acquire = call.f == kAcquire;
    after = {acquire};
    return (before[0] == 0) == acquire;
  }
  std::string describe(const Call& call, bool, const Interner&) const override {
    return call.f == kAcquire ? "acquire" : "release";
  }
  std::string describe(const State& state, const Interner&) const override {
    return state[0] ? "the mutex is held" : "the mutex is free";
  }
};

// a: who. The state is {holder, times}, or {-1, 0}.
class ReentrantMutex final : public Model {
 public:
  Result<std::optional<Call>> encode(const Invocation& op, Interner& values) const override {
    if (op.f.text() == "acquire") return Call{holder(op, values), -1, kAcquire};
    if (op.f.text() == "release") return Call{holder(op, values), -1, kRelease};
    return bad_input(
        fmt::format("'{}' is not a function of a reentrant-mutex, which takes acquire and release", op.f.text()));
  }
  Result<State> initial(const std::optional<Value>& initial, Interner&) const override {
    if (initial && !initial->is_nil()) return bad_input("a reentrant-mutex is free at first and takes no other state");
    return State{-1, 0};
  }
  bool step(const State& before, const Call& call, const Interner&, State& after) const override {
    if (call.f == kAcquire) {
      after = {call.a, before[1] + 1};
      return before[1] == 0 || before[0] == call.a;
    }
    after = before[1] == 1 ? State{-1, 0} : State{before[0], before[1] - 1};
    return before[1] > 0 && before[0] == call.a;
  }
  std::string describe(const Call& call, bool, const Interner& values) const override {
    return fmt::format("{} by {}", call.f == kAcquire ? "acquire" : "release", to_edn(values[call.a]));
  }
  std::string describe(const State& state, const Interner& values) const override {
    if (state[1] == 0) return "the mutex is free";
    return fmt::format("the mutex is held by {}, {} time{}", to_edn(values[state[0]]), state[1],
                       state[1] == 1 ? "" : "s");
  }
};

}  // namespace

std::unique_ptr<const Model> make_mutex(const LinearizableOptions&) {
  return std::make_unique<Mutex>();
}
std::unique_ptr<const Model> make_reentrant_mutex(const LinearizableOptions&) {
  return std::make_unique<ReentrantMutex>();
}

}  // namespace shaketable::linearizability

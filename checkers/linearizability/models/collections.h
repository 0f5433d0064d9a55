#pragma once
// What the models of collections share: how their operations are written, and states that are lists of ids.

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "checkers/linearizability/model.h"
#include "history/text.h"

namespace shaketable::linearizability {

// The ids of a user's initial list or set.
inline Result<State> initial_items(const std::optional<Value>& initial, Interner& values) {
  State state;
  if (!initial || initial->is_nil()) return state;
  if (initial->kind() != Value::Kind::list && initial->kind() != Value::Kind::set)
    return bad_input(fmt::format("expected a list, not {}", to_edn(*initial)));
  for (const Value& item : initial->items()) state.push_back(values.id(item));
  return state;
}

inline std::string describe_items(const State& state, const Interner& values) {
  constexpr std::size_t kShown = 20;
  std::string text = "[";
  for (std::size_t i = 0; i < state.size() && i < kShown; ++i) text += (i ? " " : "") + to_edn(values[state[i]]);
  return text + (state.size() > kShown ? fmt::format(" … {} in all]", state.size()) : "]");
}

// Something that is put in and taken out again: the queues and the stack.
struct PutTake {
  static constexpr std::uint8_t kPut = 0;       // a: the value
  static constexpr std::uint8_t kTake = 1;      // a: the value
  static constexpr std::uint8_t kTakeNone = 2;  // it was empty
  static constexpr std::uint8_t kTakeAny = 3;   // crashed: nobody knows what was taken, if anything
};

class PutTakeModel : public Model {
 public:
  PutTakeModel(std::string_view name, std::string_view put, std::string_view take, bool nil_says_nothing)
      : name_(name), put_(put), take_(take), nil_says_nothing_(nil_says_nothing) {}

  Result<std::optional<Call>> encode(const Invocation& op, Interner& values) const override {
    if (op.f.text() == put_) return Call{values.id(op.argument), -1, PutTake::kPut};
    if (op.f.text() == take_) {
      if (!op.result) return Call{-1, -1, PutTake::kTakeAny};
      if (!op.result->is_nil()) return Call{values.id(*op.result), -1, PutTake::kTake};
      // A take that says nothing may all the same have taken something.
      return Call{-1, -1, nil_says_nothing_ ? PutTake::kTakeAny : PutTake::kTakeNone};
    }
    return bad_input(
        fmt::format("'{}' is not a function of a {}, which takes {} and {}", op.f.text(), name_, put_, take_));
  }

  Result<State> initial(const std::optional<Value>& initial, Interner& values) const override {
    return initial_items(initial, values);
  }

  bool pure(const Call& call) const override { return call.f == PutTake::kTakeNone; }
  bool forgets_values() const override { return true; }

  std::string describe(const Call& call, bool, const Interner& values) const override {
    switch (call.f) {
      case PutTake::kPut:
        return fmt::format("{} {}", put_, to_edn(values[call.a]));
      case PutTake::kTake:
        return fmt::format("{} → {}", take_, to_edn(values[call.a]));
      case PutTake::kTakeNone:
        return fmt::format("{} → nil (empty)", take_);
      default:
        return fmt::format("{} → ?", take_);
    }
  }
  std::string describe(const State& state, const Interner& values) const override {
    return fmt::format("the {} holds {}", name_, describe_items(state, values));
  }

 protected:
  std::string_view name_, put_, take_;
  bool nil_says_nothing_;
};

}  // namespace shaketable::linearizability

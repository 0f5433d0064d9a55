#include "checkers/linearizability/models/register.h"

#include <fmt/format.h>

#include "checkers/linearizability/register_space.h"
#include "checkers/linearizability/zones.h"
#include "history/text.h"

namespace shaketable::linearizability {

namespace {

class Register final : public Model {
 public:
  Register(bool cas, bool nil_says_nothing, std::string name = {})
      : cas_(cas), nil_says_nothing_(nil_says_nothing), name_(std::move(name)) {}

  Result<std::optional<Call>> encode(const Invocation& op, Interner& values) const override {
    static const Name read("read"), write("write"), cas("cas");
    if (op.f == read) {
      if (!op.result || (nil_says_nothing_ && op.result->is_nil())) return std::nullopt;
      return Call{values.id(*op.result), -1, RegisterCall::kRead};
    }
    if (op.f == write) return Call{values.id(op.argument), -1, RegisterCall::kWrite};
    if (op.f == cas && cas_) {
      if (!op.argument.is_list() || op.argument.size() != 2)
        return bad_input(fmt::format("cas takes [old new], not {}", to_edn(op.argument)));
      const Id from = values.id(op.argument[0]), to = values.id(op.argument[1]);
      if (from != to) return Call{from, to, RegisterCall::kCas};
      // It changes nothing, so it is a read; and says nothing when nobody knows whether it succeeded.
      if (!op.result) return std::nullopt;
      return Call{from, -1, RegisterCall::kRead};
    }
    return bad_input(
        fmt::format("'{}' is not a function of a {}", op.f.text(),
                    cas_ ? "cas-register, which takes read, write and cas" : "register, which takes read and write"));
  }

  Result<State> initial(const std::optional<Value>& initial, Interner& values) const override {
    return State{initial ? values.id(*initial) : Interner::kNil};
  }

  bool step(const State& before, const Call& call, const Interner&, State& after) const override {
    if (RegisterCall::needs(call) >= 0 && before[0] != RegisterCall::needs(call)) return false;
    after.assign(1, call.f == RegisterCall::kRead ? before[0] : RegisterCall::leaves(call));
    return true;
  }

  bool pure(const Call& call) const override { return call.f == RegisterCall::kRead; }
  bool total(const Call& call) const override { return call.f == RegisterCall::kWrite; }
  bool overwrites(const Call& call) const override { return call.f == RegisterCall::kWrite; }

  std::string describe(const Call& call, bool, const Interner& values) const override {
    switch (call.f) {
      case RegisterCall::kRead:
        return fmt::format("read → {}", to_edn(values[call.a]));
      case RegisterCall::kWrite:
        return fmt::format("write {}", to_edn(values[call.a]));
      default:
        return fmt::format("cas {} → {}", to_edn(values[call.a]), to_edn(values[call.b]));
    }
  }
  std::string describe(const State& state, const Interner& values) const override {
    return fmt::format("{} holds {}", name_.empty() ? "the register" : name_, to_edn(values[state[0]]));
  }

  bool is_register() const override { return true; }
  bool forgets_values() const override { return true; }

  std::optional<bool> decide(const Problem& problem, std::size_t end, const Interner&) const override {
    return end == problem.events.size() ? linearizable_by_zones(problem) : std::nullopt;
  }

 private:
  std::string space() const { return name_.empty() ? "" : name_ + " "; }

  bool cas_, nil_says_nothing_;
  std::string name_;
};

}  // namespace

std::unique_ptr<const Model> make_register(const LinearizableOptions& options) {
  return std::make_unique<Register>(false, options.nil_read == LinearizableOptions::any);
}

std::unique_ptr<const Model> make_cas_register(const LinearizableOptions& options) {
  return std::make_unique<Register>(true, options.nil_read == LinearizableOptions::any);
}

std::unique_ptr<const Model> make_named_register(std::string name) {
  return std::make_unique<Register>(true, false, std::move(name));
}

}  // namespace shaketable::linearizability

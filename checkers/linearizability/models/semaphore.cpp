#include <fmt/format.h>

#include "checkers/linearizability/models/models.h"
#include "history/text.h"

namespace shaketable::linearizability {

namespace {

constexpr std::uint8_t kAcquire = 0;  // a: how many permits
constexpr std::uint8_t kRelease = 1;

// The state is {permits to be had, permits in all}.
class Semaphore final : public Model {
 public:
  Result<std::optional<Call>> encode(const Invocation& op, Interner&) const override {
    const bool acquire = op.f.text() == "acquire";
    if (!acquire && op.f.text() != "release")
      return bad_input(
          fmt::format("'{}' is not a function of a semaphore, which takes acquire and release", op.f.text()));
    auto permits = count(op.argument, 1);
    if (!permits) return Failure(std::move(permits.error()).in(op.f.text()));
    return Call{*permits, -1, acquire ? kAcquire : kRelease};
  }
  Result<State> initial(const std::optional<Value>& initial, Interner&) const override {
    auto permits = count(initial.value_or(Value()), 1);
    if (!permits) return Failure(std::move(permits.error()));
    return State{*permits, *permits};
  }
  bool step(const State& before, const Call& call, const Interner&, State& after) const override {
    const std::int32_t left = call.f == kAcquire ? before[0] - call.a : before[0] + call.a;
    after = {left, before[1]};
    return left >= 0 && left <= before[1];
  }
  std::string describe(const Call& call, bool, const Interner&) const override {
    return fmt::format("{} {}", call.f == kAcquire ? "acquire" : "release", call.a);
  }
  std::string describe(const State& state, const Interner&) const override {
    return fmt::format("{} of {} permits are free", state[0], state[1]);
  }

 private:
  static Result<Id> count(const Value& value, Id otherwise) {
    if (value.is_nil()) return otherwise;
    if (!value.is_integer() || value.integer() < 1 || value.integer() > 1'000'000)
      return bad_input(fmt::format("expected a number of permits from 1 to 1000000, not {}", to_edn(value)));
    return static_cast<Id>(value.integer());
  }
};

}  // namespace

std::unique_ptr<const Model> make_semaphore(const LinearizableOptions&) {
  return std::make_unique<Semaphore>();
}

}  // namespace shaketable::linearizability

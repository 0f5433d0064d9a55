#include <fmt/format.h>

#include "checkers/linearizability/models/counter_decide.h"
#include "checkers/linearizability/models/models.h"
#include "history/text.h"

namespace shaketable::linearizability {

namespace {

constexpr std::uint8_t kAdd = CounterCall::kAdd;
constexpr std::uint8_t kRead = CounterCall::kRead;

// The state is the number, low word first.
State number(std::int64_t n) {
  return {static_cast<std::int32_t>(n), static_cast<std::int32_t>(static_cast<std::uint64_t>(n) >> 32)};
}
std::int64_t number(const State& state) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(static_cast<std::uint32_t>(state[1])) << 32 |
                                   static_cast<std::uint32_t>(state[0]));
}

class Counter final : public Model {
 public:
  explicit Counter(bool nil_says_nothing) : nil_says_nothing_(nil_says_nothing) {}

  Result<std::optional<Call>> encode(const Invocation& op, Interner& values) const override {
    const bool read = op.f.text() == "read";
    if (!read && op.f.text() != "add")
      return bad_input(fmt::format("'{}' is not a function of a counter, which takes add and read", op.f.text()));
    if (read && (!op.result || (nil_says_nothing_ && op.result->is_nil()))) return std::nullopt;
    const Value& value = read ? *op.result : op.argument;
    if (!value.is_integer())
      return bad_input(fmt::format("{} {} an integer, not {}", op.f.text(), read ? "answers" : "takes", to_edn(value)));
    return Call{values.id(value), -1, read ? kRead : kAdd};
  }

  Result<State> initial(const std::optional<Value>& initial, Interner&) const override {
    if (!initial) return number(0);
    if (!initial->is_integer()) return bad_input(fmt::format("expected an integer, not {}", to_edn(*initial)));
    return number(initial->integer());
  }

  bool step(const State& before, const Call& call, const Interner& values, State& after) const override {
    const std::int64_t n = number(before), a = values[call.a].integer();
    // Adds wrap around, as the machines that count do.
    after = number(
        call.f == kAdd ? static_cast<std::int64_t>(static_cast<std::uint64_t>(n) + static_cast<std::uint64_t>(a)) : n);
    return call.f == kAdd || n == a;
  }

  std::optional<bool> decide(const Problem& problem, std::size_t end, const Interner& values) const override {
    return counter_linearizable(problem, number(problem.initial), end, values);
  }

  bool pure(const Call& call) const override { return call.f == kRead; }
  bool total(const Call& call) const override { return call.f == kAdd; }

  std::string describe(const Call& call, bool, const Interner& values) const override {
    return (call.f == kAdd ? "add " : "read → ") + to_edn(values[call.a]);
  }
  std::string describe(const State& state, const Interner&) const override {
    return fmt::format("the counter is at {}", number(state));
  }

 private:
  bool nil_says_nothing_;
};

}  // namespace

std::unique_ptr<const Model> make_counter(const LinearizableOptions& options) {
  return std::make_unique<Counter>(options.nil_read == LinearizableOptions::any);
}

}  // namespace shaketable::linearizability

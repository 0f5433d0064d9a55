#include "workloads/register.h"

#include <fmt/format.h>

#include <array>

namespace shaketable {
namespace {

constexpr int kFinalAttempts = 5;
constexpr Nanos kFinalPause = std::chrono::milliseconds(200);

// The operations on one register. With `values` of 0 every write is of a value never written before, which makes a
// stale read certain to be seen as one; a compare-and-set then expects one of the last few values handed out for the
// key, since it would never meet one drawn at random.
class RegisterOperations {
 public:
  explicit RegisterOperations(std::int64_t values) : values_(values) {}

  std::int64_t fresh(Context& context) {
    if (values_ > 0) return static_cast<std::int64_t>(context.random.below(static_cast<std::uint64_t>(values_)));
    const std::int64_t value = ++last_;
    return value;
  }

  Value expected(Context& context) {
    if (values_ > 0) return static_cast<std::int64_t>(context.random.below(static_cast<std::uint64_t>(values_)));
    const std::int64_t back = static_cast<std::int64_t>(context.random.below(3));
    const std::int64_t value = last_ - back;
    return value > 0 ? Value(value) : Value();
  }

 private:
  const std::int64_t values_;
  std::int64_t last_ = 0;
};

GeneratorPtr operations_on_one(std::int64_t values, const Weights& weights) {
  static const Name read("read"), write("write"), cas("cas");
  auto operations = std::make_shared<RegisterOperations>(values);
  std::vector<std::pair<double, GeneratorPtr>> choices;
  for (const auto& [name, weight] : weights) {
    if (name == "read") choices.emplace_back(weight, repeat([](Context&) { return Invocation{read, Value()}; }));
    if (name == "write")
      choices.emplace_back(weight, repeat([operations](Context& context) {
                             return Invocation{write, operations->fresh(context)};
                           }));
    if (name == "cas")
      choices.emplace_back(weight, repeat([operations](Context& context) {
                             Value old = operations->expected(context);
                             return Invocation{cas, Value::list({std::move(old), operations->fresh(context)})};
                           }));
  }
  return mix(std::move(choices));
}

Result<Workload> make_register(const Parameters& parameters, std::size_t /*workers*/) {
  const Weights& weights = parameters.weights("mix");
  double total = 0;
  for (const auto& [name, weight] : weights) total += weight;
  if (!(total > 0)) return bad_input("the workload register: every weight of \"mix\" is 0: nothing would be done");
  auto count = std::make_shared<KeyCount>();
  const std::int64_t values = parameters.integer("values");
  Workload workload;
  workload.main = per_key(
      static_cast<std::size_t>(parameters.integer("keys")),
      static_cast<std::uint64_t>(parameters.integer("ops_per_key")),
      [values, weights](std::int64_t) { return operations_on_one(values, weights); }, count);
  workload.final = until_ok(
      [count] {
        std::vector<Invocation> reads;
        for (std::int64_t key = 0; key < count->used; ++key)
          reads.push_back({Name("read"), Value::list({key, nullptr})});
        return reads;
      },
      kFinalAttempts, kFinalPause);
  workload.checks = {{"linearizable", {{"model", std::string("cas-register")}, {"keyed", true}}}};
  return workload;
}

}  // namespace

WorkloadInfo register_workload() {
  const auto count = [](std::string name, std::string about, std::int64_t value, double minimum, double maximum) {
    ParameterSpec spec;
    spec.name = std::move(name);
    spec.type = ParameterType::integer;
    spec.about = std::move(about);
    spec.fallback = std::to_string(value);
    spec.value = value;
    spec.minimum = minimum;
    spec.maximum = maximum;
    return spec;
  };
  ParameterSpec weights;
  weights.name = "mix";
  weights.type = ParameterType::weights;
  weights.about = "how often each operation is drawn";
  weights.fallback = "{read: 2, write: 1, cas: 1}";
  weights.value = Weights{{"read", 2}, {"write", 1}, {"cas", 1}};
  weights.choices = {"read", "write", "cas"};
  WorkloadInfo info;
  info.name = "register";
  info.about =
      "reads, writes and compare-and-sets on many registers; judged for linearizability, each register by itself";
  info.parameters = {
      count("keys", "registers in use at once", 10, 1, 1'000'000),
      count("ops_per_key", "operations on a register before a new one takes its place", 200, 1, 1e9),
      count("values", "how many different values are written; 0: every write has a value of its own", 0, 0, 1e9),
      weights};
  info.interface = "register";
  info.make = make_register;
  return info;
}

}  // namespace shaketable

// Reads, writes and compare-and-sets on many registers, each judged by itself for linearizability. Values are tuples:
// read [k nil] (ok: [k v]), write [k v], cas [k [old new]]. A register starts as nil.

#include "workloads/builtin.h"
#include "workloads/final_reads.h"
#include "workloads/keys.h"
#include "workloads/specs.h"

namespace shaketable {
namespace {

// The operations on one register. With `values` of 0 every write is of a value never written before, which makes a
// stale read certain to be seen as one; a compare-and-set then expects one of the last few values handed out for the
// key, since it would never meet one drawn at random.
class RegisterOperations {
 public:
  RegisterOperations(std::int64_t values, std::uint64_t bytes) : values_(values), bytes_(bytes) {}

  Value fresh(Context& context) { return sized_value(values_ > 0 ? drawn(context) : ++last_, bytes_); }

  Value expected(Context& context) {
    if (values_ > 0) return sized_value(drawn(context), bytes_);
    const std::int64_t value = last_ - static_cast<std::int64_t>(context.random.below(3));
    return value > 0 ? sized_value(value, bytes_) : Value();
  }

 private:
  std::int64_t drawn(Context& context) const {
    return static_cast<std::int64_t>(context.random.below(static_cast<std::uint64_t>(values_)));
  }

  const std::int64_t values_;
  const std::uint64_t bytes_;
  std::int64_t last_ = 0;
};

GeneratorPtr operations_on_one(std::int64_t values, std::uint64_t bytes, const Weights& weights) {
  static const Name read("read"), write("write"), cas("cas");
  auto operations = std::make_shared<RegisterOperations>(values, bytes);
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
      [values, bytes = parameters.size("value_bytes"), weights](std::int64_t) {
        return operations_on_one(values, bytes, weights);
      },
      count, key_picker(parameters));
  workload.final = read_all_registers(count);
  workload.checks = {{"linearizable", {{"model", std::string("cas-register")}, {"keyed", true}}}};
  return workload;
}

}  // namespace

WorkloadInfo register_workload() {
  WorkloadInfo info;
  info.name = "register";
  info.about =
      "reads, writes and compare-and-sets on many registers; judged for linearizability, each register by itself";
  info.parameters = {
      spec::integer("keys", "registers in use at once", 10, 1, 1'000'000),
      spec::integer("ops_per_key", "operations on a register before a new one takes its place", 200, 1, 1e9),
      spec::integer("values", "how many different values are written; 0: every write has a value of its own", 0, 0,
                    1e9),
      spec::weights("mix", "how often each operation is drawn", {{"read", 2}, {"write", 1}, {"cas", 1}}),
      value_bytes_parameter()};
  for (ParameterSpec& spec : key_parameters()) info.parameters.push_back(std::move(spec));
  info.interface = "register";
  info.make = make_register;
  return info;
}

}  // namespace shaketable

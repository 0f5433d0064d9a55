// Transactions on a few registers at once, as one object: judged for linearizability.

#include "workloads/builtin.h"
#include "workloads/final_reads.h"
#include "workloads/keys.h"
#include "workloads/specs.h"

namespace shaketable {
namespace {

// One transaction on some of a group's registers: it reads them all, or writes them all.
class Transactions {
 public:
  Transactions(const Parameters& parameters, std::int64_t group)
      : reads_(parameters.number("reads")), bytes_(parameters.size("value_bytes")) {
    const std::int64_t size = parameters.integer("registers");
    for (std::int64_t key = group * size; key < (group + 1) * size; ++key) keys_.push_back(key);
  }

  Invocation operator()(Context& context) {
    static const Name txn("txn");
    const bool reads = context.random.chance(reads_);
    std::vector<std::int64_t> chosen = keys_;
    context.random.shuffle(chosen);
    chosen.resize(1 + context.random.below(chosen.size()));
    std::vector<Value> micros;
    for (const std::int64_t key : chosen)
      micros.push_back(reads ? Value::list({"r", key, nullptr})
                             : Value::list({"w", key, sized_value(++last_, bytes_)}));
    return {txn, Value::list(std::move(micros))};
  }

 private:
  double reads_;
  std::uint64_t bytes_;
  std::vector<std::int64_t> keys_;
  std::int64_t last_ = 0;
};

Result<Workload> make(const Parameters& parameters, std::size_t /*workers*/) {
  auto groups = std::make_shared<KeyCount>();
  Workload workload;
  // Groups of registers come and go as the keys of the workload register do. A transaction stays within one group, so
  // that each group is an object of its own.
  workload.main = on_keys(
      static_cast<std::size_t>(parameters.integer("keys")),
      static_cast<std::uint64_t>(parameters.integer("ops_per_group")),
      [parameters](std::int64_t group) { return repeat(Transactions(parameters, group)); }, groups,
      key_picker(parameters));
  workload.final = final_reads([groups, size = parameters.integer("registers")] {
    std::vector<Invocation> reads;
    for (std::int64_t group = 0; group < groups->used; ++group) {
      std::vector<Value> micros;
      for (std::int64_t i = 0; i < size; ++i) micros.push_back(Value::list({"r", group * size + i, nullptr}));
      reads.push_back({Name("txn"), Value::list(std::move(micros))});
    }
    return reads;
  });
  workload.checks = {{"linearizable", {{"model", std::string("multi-register")}}}};
  return workload;
}

}  // namespace

WorkloadInfo multi_register_workload() {
  std::vector<ParameterSpec> parameters = {
      spec::integer("keys", "groups of registers in use at once", 3, 1, 100'000),
      spec::integer("registers", "registers of a group", 3, 1, 16),
      spec::integer("ops_per_group", "transactions on a group before a new one takes its place", 60, 1, 1e6),
      spec::share("reads", "share of transactions that read, the others write", 0.5), value_bytes_parameter()};
  for (ParameterSpec& spec : key_parameters()) parameters.push_back(std::move(spec));
  return {"multi-register",
          "transactions that read or write several registers at once; judged for linearizability as one object",
          std::move(parameters), "register-transactions", make};
}

}  // namespace shaketable

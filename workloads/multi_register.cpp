// Transactions on a few registers at once, as one object: judged for linearizability.

#include "workloads/builtin.h"
#include "workloads/final_reads.h"
#include "workloads/keys.h"
#include "workloads/specs.h"

namespace shaketable {
namespace {

// Groups of registers come and go as the keys of the workload register do. A transaction stays within one group, so
// that each group is an object of its own.
class MultiRegister final : public Generator {
 public:
  MultiRegister(const Parameters& parameters, std::shared_ptr<KeyCount> groups)
      : size_(parameters.integer("registers")),
        operations_(static_cast<std::uint64_t>(parameters.integer("ops_per_group"))),
        reads_(parameters.number("reads")),
        bytes_(parameters.size("value_bytes")),
        picker_(key_picker(parameters)),
        count_(std::move(groups)),
        groups_(static_cast<std::size_t>(parameters.integer("keys"))) {
    for (Group& group : groups_) renew(group);
  }

  Turn next(Context& context) override {
    static const Name txn("txn");
    Random& random = context.random;
    Group& group = groups_[picker_.pick(random, groups_.size())];
    const bool reads = random.chance(reads_);
    std::vector<std::int64_t> chosen(static_cast<std::size_t>(size_));
    for (std::int64_t i = 0; i < size_; ++i) chosen[static_cast<std::size_t>(i)] = group.number * size_ + i;
    random.shuffle(chosen);
    chosen.resize(1 + random.below(chosen.size()));
    std::vector<Value> micros;
    for (const std::int64_t key : chosen)
      micros.push_back(reads ? Value::list({"r", key, nullptr})
                             : Value::list({"w", key, sized_value(++last_, bytes_)}));
    if (--group.left == 0) renew(group);
    return Turn::operation({txn, Value::list(std::move(micros))});
  }

 private:
  struct Group {
    std::int64_t number = 0;
    std::uint64_t left = 0;
  };
  void renew(Group& group) { group = {count_->used++, operations_}; }

  const std::int64_t size_;
  const std::uint64_t operations_;
  const double reads_;
  const std::uint64_t bytes_;
  KeyPicker picker_;
  std::shared_ptr<KeyCount> count_;
  std::vector<Group> groups_;
  std::int64_t last_ = 0;
};

Result<Workload> make(const Parameters& parameters, std::size_t /*workers*/) {
  auto groups = std::make_shared<KeyCount>();
  Workload workload;
  workload.main = std::make_unique<MultiRegister>(parameters, groups);
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

// Groups of keys, each written once, alone, and read together: two readers must not see two writes in different orders
// (jepsen.tests.long-fork).

#include "workloads/builtin.h"
#include "workloads/specs.h"

namespace shaketable {
namespace {

GeneratorPtr group_of(std::int64_t first, std::int64_t size, std::uint64_t reads) {
  static const Name txn("txn");
  std::vector<std::pair<std::uint64_t, GeneratorPtr>> writes, all;
  std::vector<Value> micros;
  for (std::int64_t key = first; key < first + size; ++key) {
    micros.push_back(Value::list({"r", key, nullptr}));
    writes.emplace_back(1, sequence({{txn, Value::list({Value::list({"w", key, 1})})}}));
  }
  // Reads are spread over the time in which the group's keys are written, and a while after.
  all.emplace_back(size, shuffle(std::move(writes)));
  all.emplace_back(reads, repeat([micros = std::move(micros)](Context& context) {
                     std::vector<Value> shuffled = micros;
                     context.random.shuffle(shuffled);
                     return Invocation{txn, Value::list(std::move(shuffled))};
                   }));
  return shuffle(std::move(all));
}

Result<Workload> make(const Parameters& parameters, std::size_t /*workers*/) {
  const std::int64_t size = parameters.integer("group_keys");
  const auto reads = static_cast<std::uint64_t>(parameters.integer("reads_per_group"));
  Workload workload;
  workload.main = on_keys(
      static_cast<std::size_t>(parameters.integer("groups")), static_cast<std::uint64_t>(size) + reads,
      [size, reads](std::int64_t group) { return group_of(group * size, size, reads); }, std::make_shared<KeyCount>());
  workload.checks = {{"long-fork", {}}};
  return workload;
}

}  // namespace

WorkloadInfo long_fork_workload() {
  return {"long-fork",
          "keys written once, and read in groups; no two readers may see two writes in different orders",
          {spec::integer("groups", "groups of keys in use at once", 3, 1, 10'000),
           spec::integer("group_keys", "keys of a group", 2, 2, 100),
           spec::integer("reads_per_group", "reads of a group before a new one takes its place", 10, 1, 1e6)},
          "register-transactions",
          make};
}

}  // namespace shaketable

// Numbers that only grow must be seen growing: by each process, in real time, and across keys.

#include <algorithm>

#include "workloads/builtin.h"
#include "workloads/final_reads.h"
#include "workloads/interfaces.h"
#include "workloads/keys.h"
#include "workloads/specs.h"

namespace shaketable {
namespace {

Result<Workload> make(const Parameters& parameters, std::size_t /*workers*/) {
  const std::int64_t keys = parameters.integer("keys");
  std::vector<Value> all;
  for (std::int64_t key = 0; key < keys; ++key) all.emplace_back(key);
  const Value every = Value::list(all);
  Workload workload;
  workload.main = repeat(
      [keys, every, reads = parameters.number("reads"), picker = key_picker(parameters)](Context& context) mutable {
        static const Name read("read"), inc("inc");
        if (context.random.chance(reads)) return Invocation{read, every};
        return Invocation{inc, static_cast<std::int64_t>(picker.pick(context.random, static_cast<std::size_t>(keys)))};
      });
  workload.final = final_reads([every] { return std::vector<Invocation>{{Name("read"), every}}; });
  workload.checks = {
      {"monotonic", {{"realtime", parameters.boolean("realtime")}, {"snapshots", parameters.boolean("snapshots")}}}};
  return workload;
}

}  // namespace

WorkloadInfo monotonic_workload() {
  std::vector<ParameterSpec> parameters = find_interface("monotonic")->parameters;
  parameters.push_back(spec::share("reads", "share of operations that read every number", 0.5));
  parameters.push_back(spec::flag("realtime", "numbers may not fall between processes either", true));
  parameters.push_back(spec::flag("snapshots", "reads are snapshots, and must not cross", true));
  for (ParameterSpec& spec : key_parameters()) parameters.push_back(std::move(spec));
  return {"monotonic", "numbers are incremented and read together; nobody may see one fall", std::move(parameters),
          "monotonic", make};
}

}  // namespace shaketable

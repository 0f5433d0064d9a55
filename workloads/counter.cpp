// A number that is added to and read: a read lies between what was surely and what was possibly added.

#include "workloads/builtin.h"
#include "workloads/final_reads.h"
#include "workloads/specs.h"

namespace shaketable {
namespace {

Result<Workload> make(const Parameters& parameters, std::size_t /*workers*/) {
  Workload workload;
  workload.main = repeat([reads = parameters.number("reads"), largest = parameters.integer("largest"),
                          decrements = parameters.boolean("decrements")](Context& context) {
    static const Name add("add"), read("read");
    if (context.random.chance(reads)) return Invocation{read, Value()};
    const std::int64_t amount = context.random.between(1, largest);
    return Invocation{add, decrements && context.random.chance(0.5) ? -amount : amount};
  });
  workload.final = final_read();
  workload.checks = {{"counter", {}}};
  return workload;
}

}  // namespace

WorkloadInfo counter_workload() {
  return {"counter",
          "a number is added to and read; no addition may be lost or done twice",
          {spec::share("reads", "share of operations that read", 0.3),
           spec::integer("largest", "the largest amount added", 5, 1, 1e9),
           spec::flag("decrements", "half of the amounts are negative", false)},
          "counter",
          make};
}

}  // namespace shaketable

// Elements are added and read all the while: one that was seen or acknowledged must stay.

#include "workloads/builtin.h"
#include "workloads/final_reads.h"
#include "workloads/keys.h"
#include "workloads/specs.h"

namespace shaketable {
namespace {

Result<Workload> make(const Parameters& parameters, std::size_t /*workers*/) {
  Workload workload;
  workload.main = repeat([bytes = parameters.size("value_bytes"), reads = parameters.number("reads"),
                          n = std::int64_t{0}](Context& context) mutable {
    static const Name add("add"), read("read");
    if (context.random.chance(reads)) return Invocation{read, Value()};
    return Invocation{add, sized_value(n++, bytes)};
  });
  workload.final = final_read();
  workload.checks = {{"set-full", {{"linearizable", parameters.boolean("linearizable")}}}};
  return workload;
}

}  // namespace

WorkloadInfo set_full_workload() {
  return {"set-full",
          "elements are added and read all the while; one that was seen or acknowledged must stay",
          {spec::share("reads", "share of operations that read the whole set, which grows", 0.1),
           spec::flag("linearizable", "an acknowledged element that a later read lacks for a while is a violation, too",
                      true),
           value_bytes_parameter()},
          "set",
          make};
}

}  // namespace shaketable

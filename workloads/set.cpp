// Elements are added, and read once at the end: what was acknowledged must be there.

#include "workloads/builtin.h"
#include "workloads/final_reads.h"
#include "workloads/keys.h"

namespace shaketable {
namespace {

Result<Workload> make(const Parameters& parameters, std::size_t /*workers*/) {
  Workload workload;
  workload.main = repeat([bytes = parameters.size("value_bytes"), n = std::int64_t{0}](Context&) mutable {
    static const Name add("add");
    return Invocation{add, sized_value(n++, bytes)};
  });
  workload.final = final_read();
  workload.checks = {{"set", {}}};
  return workload;
}

}  // namespace

WorkloadInfo set_workload() {
  return {"set",
          "elements are added and read at the end; every acknowledged one must be there",
          {value_bytes_parameter()},
          "set",
          make};
}

}  // namespace shaketable

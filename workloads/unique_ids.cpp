// Identifiers that must all differ.

#include "workloads/builtin.h"

namespace shaketable {
namespace {

Result<Workload> make(const Parameters&, std::size_t /*workers*/) {
  Workload workload;
  workload.main = repeat([](Context&) {
    static const Name generate("generate");
    return Invocation{generate, Value()};
  });
  workload.checks = {{"unique-ids", {}}};
  return workload;
}

}  // namespace

WorkloadInfo unique_ids_workload() {
  return {"unique-ids", "identifiers are generated; none may come twice", {}, "ids", make};
}

}  // namespace shaketable

// Locks whose leases run out cannot promise one holder; their tokens must protect what they lock: unique, growing, and
// a resource that has seen a larger one refuses a smaller (Kleppmann, "How to do distributed locking", 2016).

#include "workloads/builtin.h"
#include "workloads/lock_cycle.h"
#include "workloads/specs.h"

namespace shaketable {
namespace {

Result<Workload> make(const Parameters& parameters, std::size_t /*workers*/) {
  LockCycle cycle = lock_cycle_of(parameters);
  cycle.uses = parameters.integer("uses");
  Workload workload;
  workload.main = lock_cycle(cycle);
  workload.checks = {{"lock", {{"exclusive", false}, {"grant-within", parameters.duration("grant_within")}}}};
  return workload;
}

}  // namespace

WorkloadInfo lease_fencing_workload() {
  std::vector<ParameterSpec> parameters = lock_parameters();
  parameters.push_back(spec::integer("uses", "writes to the protected resource while a lock is held", 3, 1, 1000));
  parameters.push_back(
      spec::duration("grant_within", "an acquire that takes longer is a violation; 0s: not judged", Nanos(0)));
  return {"lease-fencing", "locks with tokens protect a resource; tokens are unique, grow, and keep out who is late",
          std::move(parameters), "fenced-lock", make};
}

}  // namespace shaketable

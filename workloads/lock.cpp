// Mutual exclusion: of two processes that surely hold a lock, one is too many.

#include "workloads/builtin.h"
#include "workloads/lock_cycle.h"
#include "workloads/specs.h"

namespace shaketable {
namespace {

Result<Workload> make(const Parameters& parameters, std::size_t /*workers*/) {
  Workload workload;
  workload.main = lock_cycle(lock_cycle_of(parameters));
  workload.checks = {{"lock",
                      {{"exclusive", true},
                       {"lease", parameters.duration("lease")},
                       {"grant-within", parameters.duration("grant_within")}}}};
  return workload;
}

}  // namespace

WorkloadInfo lock_workload() {
  std::vector<ParameterSpec> parameters = lock_parameters();
  parameters.push_back(spec::duration(
      "lease", "a holder is sure of its lock for no longer than this; 0s: until it gives it back", Nanos(0)));
  parameters.push_back(
      spec::duration("grant_within", "an acquire that takes longer is a violation; 0s: not judged", Nanos(0)));
  return {"lock", "locks are acquired, held and released; no two processes may hold one at once", std::move(parameters),
          "lock", make};
}

}  // namespace shaketable

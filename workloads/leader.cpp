// Every worker asks its node who leads: a term has one leader, and no node goes back to an earlier term.

#include "workloads/builtin.h"

namespace shaketable {
namespace {

Result<Workload> make(const Parameters&, std::size_t /*workers*/) {
  Workload workload;
  workload.main = repeat([](Context&) {
    static const Name leader("leader");
    return Invocation{leader, Value()};
  });
  workload.checks = {{"leader", {}}};
  return workload;
}

}  // namespace

WorkloadInfo leader_workload() {
  return {"leader", "nodes are asked who leads in which term; a term has one leader", {}, "leader", make};
}

}  // namespace shaketable

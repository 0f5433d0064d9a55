#include "workloads/workload.h"

#include "workloads/builtin.h"

namespace shaketable {

const std::vector<WorkloadInfo>& workloads() {
  static const std::vector<WorkloadInfo> all = {register_workload(),  list_append_workload(), rw_register_workload(),
                                                long_fork_workload(), set_workload(),         set_full_workload(),
                                                counter_workload(),   bank_workload(),        queue_workload(),
                                                lock_workload(),      unique_ids_workload()};
  return all;
}

const WorkloadInfo* find_workload(std::string_view name) {
  for (const WorkloadInfo& info : workloads())
    if (info.name == name) return &info;
  return nullptr;
}

}  // namespace shaketable

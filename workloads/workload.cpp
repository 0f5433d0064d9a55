#include "workloads/workload.h"

#include "workloads/builtin.h"

namespace shaketable {

const std::vector<WorkloadInfo>& workloads() {
  static const std::vector<WorkloadInfo> all = {
      register_workload(),     multi_register_workload(), set_workload(),        set_full_workload(),
      counter_workload(),      bank_workload(),           queue_workload(),      log_workload(),
      list_append_workload(),  rw_register_workload(),    long_fork_workload(),  g2_workload(),
      causal_workload(),       monotonic_workload(),      unique_ids_workload(), unique_name_workload(),
      lock_workload(),         lease_fencing_workload(),  leader_workload(),     lww_workload(),
      exactly_once_workload(), echo_checksum_workload(),  lease_workload(),      watch_workload()};
  return all;
}

const WorkloadInfo* find_workload(std::string_view name) {
  for (const WorkloadInfo& info : workloads())
    if (info.name == name) return &info;
  return nullptr;
}

}  // namespace shaketable

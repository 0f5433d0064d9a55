#include "workloads/workload.h"

#include "workloads/register.h"

namespace shaketable {

const std::vector<WorkloadInfo>& workloads() {
  static const std::vector<WorkloadInfo> all = {register_workload()};
  return all;
}

const WorkloadInfo* find_workload(std::string_view name) {
  for (const WorkloadInfo& info : workloads())
    if (info.name == name) return &info;
  return nullptr;
}

}  // namespace shaketable

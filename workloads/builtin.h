#pragma once
// The workloads that plans can name. Each file says what its operations are and which checkers judge them;
// docs/workloads.md is the table for users.

#include "workloads/workload.h"

namespace shaketable {

WorkloadInfo register_workload();
WorkloadInfo list_append_workload();
WorkloadInfo rw_register_workload();
WorkloadInfo long_fork_workload();
WorkloadInfo set_workload();
WorkloadInfo set_full_workload();
WorkloadInfo counter_workload();
WorkloadInfo bank_workload();
WorkloadInfo queue_workload();
WorkloadInfo lock_workload();
WorkloadInfo unique_ids_workload();

}  // namespace shaketable

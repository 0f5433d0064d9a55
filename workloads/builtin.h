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
WorkloadInfo multi_register_workload();
WorkloadInfo log_workload();
WorkloadInfo g2_workload();
WorkloadInfo causal_workload();
WorkloadInfo monotonic_workload();
WorkloadInfo unique_name_workload();
WorkloadInfo lease_fencing_workload();
WorkloadInfo leader_workload();
WorkloadInfo lww_workload();
WorkloadInfo lease_workload();
WorkloadInfo watch_workload();
WorkloadInfo exactly_once_workload();
WorkloadInfo echo_checksum_workload();

}  // namespace shaketable

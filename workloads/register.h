#pragma once
// Reads, writes and compare-and-sets on many registers, each judged by itself for linearizability. Values are tuples:
// read [k nil] (ok: [k v]), write [k v], cas [k [old new]]. A register starts as nil.

#include "workloads/workload.h"

namespace shaketable {

WorkloadInfo register_workload();

}  // namespace shaketable

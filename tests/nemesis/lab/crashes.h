#pragma once
// A system of two processes that come to grief on a node of a lab, under the watch that a run keeps.

#include "cluster/system_watch.h"
#include "tests/nemesis/lab/lab_cluster.h"

namespace shaketable::testing {

// One ends of SIGSEGV and leaves a core file. With `memory` the other, in a cgroup v2 of its own, takes more memory
// than that may have, and the kernel kills it; else it goes on. What the watch told.
SystemWatchReport watched_crashes(LabCluster& lab, std::size_t node, bool memory);

// Those of this kind.
std::vector<SystemEvent> of_kind(const SystemWatchReport& report, SystemEvent::Kind kind);
bool says(const SystemEvent& event, const std::string& part);  // in one of its lines

}  // namespace shaketable::testing

#pragma once
// A memory bound for each node: cgroup v2 where it has the memory controller, else v1, else none and a sentence why.

#include <cstdint>
#include <string>

#include "base/result.h"

namespace shaketable::lab {

// The lab's directory in the memory hierarchy, made; one directory per node goes below it.
// The error says, in words fit for LabStatus.limits, why this machine has none.
Result<std::string> make_lab_cgroup(const std::string& name);
// Makes DIRECTORY/NODE with the bound. A process joins by writing to its cgroup.procs.
Result<std::string> make_node_cgroup(const std::string& directory, const std::string& node, std::uint64_t bytes);
// Removes DIRECTORY and the nodes' below it once the last process is gone; waits a little for that.
Result<void> remove_lab_cgroup(const std::string& directory);

}  // namespace shaketable::lab

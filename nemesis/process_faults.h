#pragma once
// What faults of processes have in common: which processes, and how they are started again.

#include <string>

#include "base/parameters.h"
#include "nemesis/agent/protocol.h"
#include "nemesis/fault.h"

namespace shaketable {

ParameterSpec pids_parameter();
ParameterSpec start_parameter();

// For a kind of the agent's: `pids` and, if the fault starts something, `start`; the plan's, else the system's.
Result<agent::Fields> process_arguments(const std::string& fault, const Parameters& options, const Scene& scene,
                                        std::size_t node, bool starts);

// rolling-restart; lives for ever.
const Fault& rolling_restart_fault();

}  // namespace shaketable

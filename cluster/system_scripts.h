#pragma once
// The shell texts that System sends besides those of the system file. POSIX sh.

#include <string>
#include <string_view>
#include <vector>

#include "cluster/system.h"

namespace shaketable::system_scripts {

std::string install(const std::vector<std::string>& packages);

// Says again that what is in `data` is ours, where the mark was lost with the node's memory.
std::string mark_data(const std::string& system, const std::string& data);
// Makes `data` an empty directory. Refuses where a link leads to a short path, and where there is content and no mark
// of ours.
std::string empty_data(const std::string& system, const std::string& data);

// Runs `pids` and prints "PID START STATE NAME" for each process it names.
std::string list_processes(const std::string& pids);
Result<std::vector<ProcessId>> parse_processes(const std::string& node, std::string_view output);

// Signals those of the processes that are still the same, then waits up to 5 s until each has got there:
// "kill": gone; "pause": stopped; "resume": not stopped.
std::string signal_processes(std::string_view what, const std::vector<ProcessId>& processes);

// Prints the files that the globs match.
std::string list_files(const std::vector<std::string>& globs);

}  // namespace shaketable::system_scripts

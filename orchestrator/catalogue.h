#pragma once
// What this program has to offer a plan: its clients, workloads, faults and checkers, put together for the plan reader.

#include <string>
#include <vector>

#include "orchestrator/plan/reader.h"

namespace shaketable {

const Catalogue& catalogue();

// Where configs/ lies: beside the plan (the reader looks there by itself), in the source tree the program was built
// from, or where it was installed.
std::vector<std::string> config_directories();

}  // namespace shaketable

#pragma once
// The parts of bench_faults. Each prints its figures and returns an exit code: 0, 4 (could not be measured) or 5 (a
// node was not clean).

#include <string>
#include <vector>

#include "cluster/node.h"
#include "cluster/system.h"
#include "nemesis/power.h"

namespace shaketable::bench {

int failed(const std::string& what);

// How far apart the nodes of a partition are cut.
int measure_skew(const std::vector<NodeSpec>& specs, int rounds);

// Each fault of the catalogue once, on the first node: applied, proved, undone, and the node as it was found.
// `power`: of the nodes, for faults that cut it.
int each_fault(const std::vector<NodeSpec>& specs, const NodePower& power);

// A controller of a mixed run (this program again), killed at random moments: how long until every node is clean.
int kill_controllers(const std::vector<NodeSpec>& specs, const std::string& lab, int rounds, std::uint64_t seed);
int be_a_controller(const std::vector<NodeSpec>& specs, std::uint64_t seed);

// A system of one process a node, with a file of its own, for faults of processes and files.
SystemScripts small_system();
void start_small_system(const Cluster& cluster);

// What a fault could leave behind on a node, in lines; looked at without the agent.
std::string state_of(Node& node);
// Milliseconds that its clock is before ours.
double clock_ahead_ms(Node& node);

}  // namespace shaketable::bench

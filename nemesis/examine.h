#pragma once
// What each fault could do on each node, asked of the nodes: the same looks that precede a change, and no change.

#include <string>
#include <string_view>
#include <vector>

#include "cluster/node.h"
#include "nemesis/nemesis.h"
#include "nemesis/schedule.h"

namespace shaketable {

enum class Ability { can, cannot, untold };
std::string_view to_string(Ability ability);

struct FaultOnNode {
  std::string fault;
  Ability ability = Ability::can;
  std::string why;  // unless it can
};

struct NodeExamination {
  std::string node;
  std::string
      problem;  // why the node takes no fault at all: not reached, no root, another architecture. Empty: it does
  NodeFacts facts;
  std::vector<FaultOnNode> faults;  // as many as were asked for, in that order; none with a problem
};

struct ExamineOptions {
  NemesisOptions nemesis;
  // Whether the system under test is there now. If not, a process of the agent's stands for its processes, and what is
  // done to its files is untold.
  bool system_runs = true;
};

// Puts the agent on nodes where it is not (it stays there) and starts no guard. Each fault is asked for every node,
// whatever its target, with the other options as given. One thread; the cluster must serve nothing else meanwhile.
std::vector<NodeExamination> examine(const Cluster& cluster, const ExamineOptions& options,
                                     const std::vector<FaultChoice>& faults);

}  // namespace shaketable

#pragma once
// The embedded lab for as long as one run needs it.

#include <string>
#include <vector>

#include "base/result.h"
#include "cluster/node_spec.h"
#include "nemesis/power.h"
#include "orchestrator/plan/plan.h"

namespace shaketable {

// A lab that was up is used and left up; one that this hold brought up is taken down with it, unless it is kept.
class LabHold {
 public:
  LabHold() = default;
  ~LabHold();
  LabHold(LabHold&& other) noexcept { *this = std::move(other); }
  LabHold& operator=(LabHold&& other) noexcept;

  // Brings the lab up (or takes the one that is up), with the packages in its shared layer, and moves THIS process into
  // its network. Call before any thread is started. `keep`: leave it up afterwards.
  static Result<LabHold> take(const std::string& name, const LabPlan& plan, const std::vector<std::string>& packages,
                              bool keep);

  const std::vector<NodeSpec>& nodes() const { return nodes_; }
  bool brought_up() const { return brought_up_; }
  // Takes down what is to be taken down, and says whether that went well. The destructor only logs it.
  Result<void> release();

 private:
  std::string name_;
  std::vector<NodeSpec> nodes_;
  bool brought_up_ = false;  // by this hold, and to be taken down by it
};

// The nodes a lab of this plan would have, without one: for --dry-run.
std::vector<NodeSpec> planned_lab_nodes(const LabPlan& plan);

// The hand on the power of a plan's nodes, or why there is none. `lab`: the lab's name.
NodePower power_of(const ClusterPlan& cluster, const std::string& lab);

}  // namespace shaketable

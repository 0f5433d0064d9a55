#pragma once
// What one fault changes on its nodes: all made ready first, all committed at one moment, each undone and verified.

#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "nemesis/fault_log.h"
#include "nemesis/fleet.h"

namespace shaketable {

// Used by one thread.
class ChangeSet {
 public:
  void add(std::size_t node, NodeChange change) { parts_.push_back({node, std::move(change)}); }
  std::vector<std::size_t> nodes() const;  // in the order they were added; FaultReport::nodes has the same
  const NodeChange& change(std::size_t index) const { return parts_[index].change; }

  // An error: undo() everything. Notes, times and states go into the report.
  Result<void> apply(NodeFleet& fleet, const Clock& clock, Nanos lease, FaultReport& report) const;
  // Nodes that are verified already are left alone.
  void undo(NodeFleet& fleet, const Clock& clock, FaultReport& report) const;

 private:
  struct Part {
    std::size_t node;
    NodeChange change;
  };
  std::size_t index_of(std::size_t node) const;
  std::vector<Part> parts_;
};

}  // namespace shaketable

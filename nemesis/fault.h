#pragma once
// A family of faults, and one fault of it from plan to undo. A new family is one new file and a line in faults.cpp.

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/parameters.h"
#include "base/random.h"
#include "base/result.h"
#include "cluster/system.h"
#include "nemesis/fault_log.h"
#include "nemesis/faults.h"
#include "nemesis/fleet.h"
#include "nemesis/power.h"

namespace shaketable {

class ChangeSet;
class ClientWorkers;

// What a fault knows when it is resolved.
struct Scene {
  std::string run;               // names the run in comments and journals: [A-Za-z0-9.-]
  std::int64_t fault = 0;        // its id in the run
  std::vector<NodeFacts> nodes;  // in the cluster's order
  Nanos longest{0};              // SafetyPlan::longest_fault
  Nanos lease{0};
  Nanos lasts{0};                                               // as scheduled
  std::uint64_t seed = 0;                                       // the fault's own, for what its nodes must agree on
  std::vector<std::size_t> targets;                             // while a NodeFault asks
  std::function<Result<std::vector<std::string>>()> primaries;  // names of the nodes that are primary now
  std::function<Result<SystemScripts>(const std::string& node)> system;  // empty: nobody knows the system
  // Waits until the system is healthy; an error says why it is not after so long, or that the wait was stopped. Any
  // thread; empty: nobody knows the system.
  std::function<Result<void>(Nanos bound, std::stop_token stop)> healthy;
  std::shared_ptr<ClientWorkers> clients;  // null: they are no processes of their own, or nobody knows them
  const NodePower* power = nullptr;
  std::vector<std::string> names() const;
};

// What a fault does to the power of the nodes that it changes.
enum class Power {
  untouched,
  cycled,  // gone and back when apply() returns
  off      // back when undo() returns
};

// One fault, resolved. Used by one thread.
class ActiveFault {
 public:
  virtual ~ActiveFault() = default;

  // Goes into the report: parameters as resolved, the nodes it is about, the nodes that are changed, a text.
  virtual std::vector<std::pair<std::string, std::string>> parameters() const = 0;
  virtual std::vector<std::string> targets() const = 0;
  virtual std::vector<std::size_t> changed() const = 0;
  // What is changed and is no node, by name.
  virtual std::vector<std::string> beside() const { return {}; }
  virtual std::string text() const = 0;
  // Not untouched: the memory of these nodes is lost, and with it the agent and whatever other faults did there.
  virtual Power power() const { return Power::untouched; }
  virtual std::vector<PlannedCommand> planned_commands() const = 0;
  // What it will ask of its nodes; nullptr for a fault that is not made of changes of the agent's.
  virtual const ChangeSet* changes() const { return nullptr; }

  // Of its targets, how many nodes have the fault at the same moment, at most.
  virtual std::size_t at_once() const { return targets().size(); }

  // Each fills `report.nodes`, one for each of changed() and then of beside(), in order. On an error of apply() the
  // caller undoes.
  virtual Result<void> apply(NodeFleet& fleet, const Clock& clock, FaultReport& report) = 0;
  // What goes on by itself after apply() ends here, and the report says how far it came.
  virtual void settle(FaultReport&) {}
  virtual void prove(NodeFleet& fleet, FaultReport& report) = 0;
  // Undo and verify; may be called again for nodes that are not verified. Never fails: the reports say what is known.
  virtual void undo(NodeFleet& fleet, const Clock& clock, FaultReport& report) = 0;
};

// Without state; any thread.
class Fault {
 public:
  virtual ~Fault() = default;
  virtual const FaultInfo& info() const = 0;
  // Whether it needs the node's packet filter, on every family that the node speaks.
  virtual bool cuts() const { return false; }
  // Whether it is something that nodes are asked to take.
  virtual bool of_nodes() const { return true; }
  virtual bool needs_power(const Parameters&) const { return false; }
  // Whether it needs the system's own commands for its members.
  virtual bool needs_members() const { return false; }
  // Whether these options make sense on these nodes; asked before the run. Errors are bad_input.
  virtual Result<void> check(const Parameters& options, const std::vector<std::string>& nodes) const = 0;
  // Chooses targets. Errors say why this fault cannot be applied here and now; nothing has changed then.
  virtual Result<std::unique_ptr<ActiveFault>> resolve(const Parameters& options, const Scene& scene,
                                                       Random& random) const = 0;
};

}  // namespace shaketable

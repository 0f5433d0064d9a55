#pragma once
// Faults that do one thing to each of their nodes, by one kind of the agent's: the families of processes, resources and
// commands. A fault of these is a description and what the agent is asked.

#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nemesis/agent/protocol.h"
#include "nemesis/fault.h"

namespace shaketable {

class NodeFault : public Fault {
 public:
  explicit NodeFault(FaultInfo info) : info_(std::move(info)) {}
  const FaultInfo& info() const override { return info_; }
  Result<void> check(const Parameters& options, const std::vector<std::string>& nodes) const override;
  Result<std::unique_ptr<ActiveFault>> resolve(const Parameters& options, const Scene& scene,
                                               Random& random) const override;

 protected:
  struct Ask {
    std::string kind;
    agent::Fields arguments;
    std::string text;  // "etcd is stopped by SIGSTOP": goes before "on n1 n3"
  };
  // Beside the targets; errors are bad_input.
  virtual Result<void> check_options(const Parameters& options) const;
  virtual Result<Ask> ask(const Parameters& options, const Scene& scene, std::size_t node, Random& random) const = 0;

 private:
  FaultInfo info_;
};

// For descriptions: `fallback` is the value as a plan would write it.
ParameterSpec make_parameter(const std::string& name, ParameterType type, const std::string& about,
                             const std::string& fallback, ParameterValue value);
ParameterSpec bounded(ParameterSpec spec, double minimum, double maximum = std::numeric_limits<double>::infinity());
// The first of `choices` is the fallback.
ParameterSpec make_choice(const std::string& name, const std::string& about, std::vector<std::string> choices);
// A fault of nodes: `target` first, then its own parameters.
FaultInfo node_fault_info(const std::string& name, const std::string& about, std::vector<ParameterSpec> own,
                          const std::string& main_parameter = "target", const std::string& target = "one");

// `start_again`, for faults of which a system may die: whether it is started again when they are over.
ParameterSpec start_again_parameter();

// The families; each lives for ever.
const std::vector<const Fault*>& process_faults();   // pause, kill, stop, restart, rolling-restart, freeze
const std::vector<const Fault*>& resource_faults();  // cpu, memory, io, disk-full, fd
const std::vector<const Fault*>& disk_faults();      // truncate, bitflip, copy-chunk
const std::vector<const Fault*>& clock_faults();     // jump, skew-all, drift, strobe, leap, ntp-block
const std::vector<const Fault*>& traffic_faults();   // delay, loss, duplicate, reorder, corrupt, rate
const std::vector<const Fault*>& network_faults();   // dns, flaky, swizzle
const std::vector<const Fault*>& power_faults();     // reboot, power-cut, lose-unsynced
const Fault& lose_unsynced_fault();
// lose-unsynced by a hand on the nodes' power; its options beside `target` are looked at by nobody.
const Fault& power_cycle();
const Fault& remove_fault();
const Fault& command_fault();
const Fault& pause_client_fault();

// Why there is no power to cut, what would give it, and what that fault could do without.
std::string no_power(const NodePower* power, std::string_view fault);

}  // namespace shaketable

// The nemesis without nodes: what it would send.

#include <fmt/format.h>

#include "base/duration.h"
#include "base/random.h"
#include "nemesis/nemesis.h"
#include "nemesis/running.h"

namespace shaketable {

std::string plain_name(std::string_view name) {
  std::string out;
  for (const char c : name.substr(0, 80)) {
    const bool plain =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.';
    out += plain ? c : '-';
  }
  return out.empty() || out.front() == '.' ? "run" + out : out;
}

std::vector<PlannedCommand> planned_commands(const std::vector<NodeSpec>& nodes, const NemesisOptions& options,
                                             const std::vector<ScheduledFault>& schedule) {
  std::vector<PlannedCommand> out;
  if (schedule.empty()) return out;
  Scene scene;
  scene.run = plain_name(options.run);
  scene.longest = options.longest_fault;
  scene.lease = options.lease;
  scene.primaries = []() -> Result<std::vector<std::string>> {
    return infrastructure("that is asked when the fault begins");
  };
  scene.system = options.system;
  scene.power = &options.power;
  const auto on_all = [&](const std::string& purpose, const std::string& script) {
    for (const NodeSpec& node : nodes) out.push_back({node.name, purpose, script});
  };
  for (const NodeSpec& node : nodes) {
    NodeFacts facts;
    facts.name = node.name;
    facts.role = node.role;
    // With no address in the plan the node is asked for its own.
    facts.addresses4 = {node.address.empty() && node.address6.empty() ? "ADDRESS-OF-" + node.name : node.address};
    if (facts.addresses4.front().empty()) facts.addresses4.clear();
    if (!node.address6.empty()) facts.addresses6 = {node.address6};
    facts.control.client = "CONTROLLER";
    if (node.ssh.port > 0) facts.control.port = node.ssh.port;
    scene.nodes.push_back(std::move(facts));
  }
  const std::string program(agent::kProgram);
  on_all("put the agent there, if another one or none is there", "cat >" + program);
  on_all("look for faults of older runs and undo them", program + " heal");
  on_all(fmt::format("start the guard, lease {}", format_duration(options.lease)), program + " guard");
  for (const ScheduledFault& scheduled : schedule) {
    scene.fault = scheduled.id;
    scene.lasts = scheduled.lasts;
    scene.seed = scheduled.seed;
    Random random(scheduled.seed);
    const Fault* fault = find_fault(scheduled.fault);
    if (!fault) continue;
    auto resolved = fault->resolve(scheduled.options, scene, random);
    const std::string when =
        fmt::format("at {} for {}", format_duration(scheduled.at), format_duration(scheduled.lasts));
    if (!resolved) {
      out.push_back(
          {"", fmt::format("{}: {} {}", when, scheduled.fault, scheduled.id), "# " + resolved.error().message});
      continue;
    }
    for (PlannedCommand command : (*resolved)->planned_commands()) {
      command.purpose = when + ": " + command.purpose;
      out.push_back(std::move(command));
    }
  }
  on_all("undo whatever is there, read back, end the guard", program + " heal");
  return out;
}

}  // namespace shaketable

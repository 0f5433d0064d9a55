// Kill, pause and resume: by pid and start time, proved by what /proc says afterwards.

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "cluster/system.h"
#include "cluster/system_scripts.h"

namespace shaketable {

using namespace std::chrono_literals;

Result<std::vector<ProcessId>> System::processes(const std::vector<std::string>& names) {
  if (spec_.pids.empty())
    return bad_input(fmt::format("{}: its system file does not say how to find its processes (pids)", spec_.name));
  const auto nodes = find_nodes(names);
  if (!nodes) return tl::unexpected(nodes.error());
  auto outputs = on_each(*nodes, {"pids", 10s}, [&](const Node& node) -> Result<std::string> {
    auto script = fill(node, spec_.pids);
    if (!script) return script;
    return system_scripts::list_processes(*script);
  });
  if (!outputs) return tl::unexpected(outputs.error());
  std::vector<ProcessId> out;
  for (std::size_t i = 0; i < nodes->size(); ++i) {
    auto found = system_scripts::parse_processes((*nodes)[i]->name(), (*outputs)[i]);
    if (!found) return found;
    out.insert(out.end(), found->begin(), found->end());
  }
  return out;
}

Result<void> System::signal_processes(std::string_view what, const std::vector<ProcessId>& processes) const {
  std::map<std::string, std::vector<ProcessId>> by_node;
  std::vector<Node*> nodes;
  for (const ProcessId& process : processes) {
    if (!by_node.contains(process.node)) nodes.push_back(cluster_.find(process.node));
    by_node[process.node].push_back(process);
  }
  if (nodes.empty()) return {};
  auto done = on_each(nodes, {std::string(what), 15s}, [&](const Node& node) -> Result<std::string> {
    return system_scripts::signal_processes(what, by_node.at(node.name()));
  });
  if (!done) return tl::unexpected(done.error());
  return {};
}

Result<void> System::kill(const std::vector<std::string>& names) {
  auto found = processes(names);
  if (!found) return tl::unexpected(found.error());
  for (const std::string& name : names) paused_.erase(name);
  return signal_processes("kill", *found);
}

Result<void> System::pause(const std::vector<std::string>& names) {
  auto found = processes(names);
  if (!found) return tl::unexpected(found.error());
  for (const std::string& name : names)
    if (std::none_of(found->begin(), found->end(), [&](const ProcessId& process) { return process.node == name; }))
      return infrastructure(fmt::format("{}: it does not run on node {}: nothing to pause", spec_.name, name));
  // Remembered before the signal: should its outcome be unknown, resume still knows whom to wake.
  for (const ProcessId& process : *found) {
    auto& paused = paused_[process.node];
    if (std::find(paused.begin(), paused.end(), process) == paused.end()) paused.push_back(process);
  }
  return signal_processes("pause", *found);
}

Result<void> System::resume(const std::vector<std::string>& names) {
  // Also what another controller stopped: whatever stands still now.
  auto targets = processes(names);
  if (!targets) return tl::unexpected(targets.error());
  std::erase_if(*targets, [](const ProcessId& process) { return process.state != 'T'; });
  for (const std::string& name : names)
    if (const auto known = paused_.find(name); known != paused_.end())
      for (const ProcessId& process : known->second)
        if (std::none_of(targets->begin(), targets->end(), [&](const ProcessId& other) {
              return other.node == name && other.pid == process.pid && other.start_ticks == process.start_ticks;
            }))
          targets->push_back(process);
  if (auto ok = signal_processes("resume", *targets); !ok) return ok;
  for (const std::string& name : names) paused_.erase(name);
  return {};
}

}  // namespace shaketable

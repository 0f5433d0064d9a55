// Processes of the system under test: paused, killed, stopped, started again, frozen.

#include "nemesis/process_faults.h"

#include "nemesis/node_fault.h"

namespace shaketable {
namespace {

FaultInfo info_of(const std::string& name, const std::string& about, bool starts) {
  std::vector<ParameterSpec> own{pids_parameter()};
  if (starts) own.push_back(start_parameter());
  return node_fault_info(name, about, std::move(own));
}

class ProcessFault final : public NodeFault {
 public:
  ProcessFault(const std::string& name, const std::string& about, std::string kind, std::string text, bool starts)
      : NodeFault(info_of(name, about, starts)), kind_(std::move(kind)), text_(std::move(text)), starts_(starts) {}

 private:
  Result<Ask> ask(const Parameters& options, const Scene& scene, std::size_t node, Random&) const override {
    auto arguments = process_arguments(info().name, options, scene, node, starts_);
    if (!arguments) return tl::unexpected(arguments.error());
    Ask out;
    out.kind = kind_;
    out.text = text_;
    if (kind_ == "process") out.arguments.emplace_back("action", info().name);
    out.arguments.insert(out.arguments.end(), arguments->begin(), arguments->end());
    return out;
  }

  std::string kind_, text_;
  bool starts_;
};

}  // namespace

ParameterSpec pids_parameter() {
  return make_parameter("pids", ParameterType::text, "a script that prints the pids it is for, one a line",
                        "the system's", std::string());
}

ParameterSpec start_parameter() {
  return make_parameter("start", ParameterType::text, "a script that starts it again", "the system's", std::string());
}

Result<agent::Fields> process_arguments(const std::string& fault, const Parameters& options, const Scene& scene,
                                        std::size_t node, bool starts) {
  SystemScripts system;
  std::string pids = options.text("pids"), start = starts ? options.text("start") : "";
  if (scene.system) {
    auto known = scene.system(scene.nodes[node].name);
    if (!known) return tl::unexpected(known.error());
    system = std::move(*known);
  }
  if (pids.empty()) pids = system.pids;
  if (starts && start.empty()) start = system.start;
  if (pids.empty())
    return bad_input(fault + ": neither the plan nor the system's file says how to find the processes (pids)");
  if (starts && start.empty())
    return bad_input(fault +
                     ": neither the plan nor the system's file says how to start it again (start), so nothing could "
                     "undo this");
  agent::Fields out{{"pids", pids}};
  if (starts) out.emplace_back("start", start);
  return out;
}

const std::vector<const Fault*>& process_faults() {
  static const ProcessFault pause("pause", "processes stand still (SIGSTOP), and go on afterwards", "process",
                                  "its processes are stopped by SIGSTOP", false);
  static const ProcessFault kill("kill", "processes are killed (SIGKILL), and started again afterwards", "process",
                                 "its processes are killed by SIGKILL", true);
  static const ProcessFault stop("stop", "processes are asked to end (SIGTERM), and started again afterwards",
                                 "process", "its processes are ended by SIGTERM", true);
  static const ProcessFault restart("restart", "processes are killed (SIGKILL) and started again at once", "process",
                                    "its processes are killed and started again", true);
  static const ProcessFault freeze("freeze", "processes are frozen by cgroup v2, and thawed afterwards", "freeze",
                                   "its processes are frozen", false);
  static const std::vector<const Fault*> all{&pause, &kill, &stop, &restart, &rolling_restart_fault(), &freeze};
  return all;
}

}  // namespace shaketable

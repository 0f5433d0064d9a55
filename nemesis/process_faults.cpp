// Processes of the system under test: paused, killed, stopped, started again, frozen.

#include "nemesis/node_fault.h"

namespace shaketable {
namespace {

ParameterSpec script_parameter(const std::string& name, const std::string& about) {
  return make_parameter(name, ParameterType::text, about, "the system's", std::string());
}

FaultInfo info_of(const std::string& name, const std::string& about, bool starts) {
  std::vector<ParameterSpec> own{script_parameter("pids", "a script that prints the pids it is for, one a line")};
  if (starts) own.push_back(script_parameter("start", "a script that starts it again"));
  return node_fault_info(name, about, std::move(own));
}

class ProcessFault final : public NodeFault {
 public:
  ProcessFault(const std::string& name, const std::string& about, std::string kind, std::string text, bool starts)
      : NodeFault(info_of(name, about, starts)), kind_(std::move(kind)), text_(std::move(text)), starts_(starts) {}

 private:
  Result<Ask> ask(const Parameters& options, const Scene& scene, std::size_t node, Random&) const override {
    SystemScripts system;
    std::string pids = options.text("pids"), start = starts_ ? options.text("start") : "";
    if (scene.system) {
      auto known = scene.system(scene.nodes[node].name);
      if (!known) return tl::unexpected(known.error());
      system = std::move(*known);
    }
    if (pids.empty()) pids = system.pids;
    if (starts_ && start.empty()) start = system.start;
    if (pids.empty())
      return bad_input(info().name + ": neither the plan nor the system's file says how to find the processes (pids)");
    if (starts_ && start.empty())
      return bad_input(info().name +
                       ": neither the plan nor the system's file says how to start it again (start), so nothing could "
                       "undo this");
    Ask out;
    out.kind = kind_;
    out.text = text_;
    if (kind_ == "process") out.arguments.emplace_back("action", info().name);
    out.arguments.emplace_back("pids", pids);
    if (starts_) out.arguments.emplace_back("start", start);
    return out;
  }

  std::string kind_, text_;
  bool starts_;
};

}  // namespace

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
  static const std::vector<const Fault*> all{&pause, &kill, &stop, &restart, &freeze};
  return all;
}

}  // namespace shaketable

#include "orchestrator/lab_hold.h"

#include <fmt/format.h>

#include <utility>

#include "base/duration.h"
#include "base/log.h"
#include "cluster/lab/lab.h"

namespace shaketable {

LabHold::~LabHold() {
  if (const auto released = release(); !released) log::warning("{}", released.error().message);
}

LabHold& LabHold::operator=(LabHold&& other) noexcept {
  std::swap(name_, other.name_);
  std::swap(nodes_, other.nodes_);
  std::swap(brought_up_, other.brought_up_);
  return *this;
}

Result<LabHold> LabHold::take(const std::string& name, const LabPlan& plan, const std::vector<std::string>& packages,
                              bool keep) {
  LabHold hold;
  hold.name_ = name;
  if (const auto root = Lab::become_root(name); !root) return Failure(root.error());
  auto status = Lab::status(name);
  if (!status) return Failure(status.error());
  if (status->running) {
    if ((status->kind == "uml") != (plan.kernel == "uml"))
      return bad_input(fmt::format(
          "lab \"{}\" is up with {}, and the plan wants {}; take it down (shaketable lab down --lab {}) or use another "
          "name with --lab",
          name, status->kind == "uml" ? "a kernel for each node" : "this machine's kernel",
          plan.kernel == "uml" ? "a kernel for each node" : "this machine's", name));
    if (static_cast<int>(status->nodes.size()) < plan.nodes)
      return bad_input(
          fmt::format("lab \"{}\" is up with {} nodes, and the plan wants {}; take it down (shaketable lab down --lab "
                      "{}) or use another "
                      "name with --lab",
                      name, status->nodes.size(), plan.nodes, name));
    if (const auto installed = Lab::install(name, packages); !installed) return Failure(installed.error());
    log::info("using lab \"{}\", which is up", name);
  } else {
    LabSpec spec;
    spec.name = name;
    spec.nodes = plan.nodes;
    if (plan.kernel == "uml") spec.kind = plan.kernel;
    spec.packages = packages;
    spec.node_memory_bytes = plan.node_memory_bytes;
    spec.node_disk_bytes = plan.node_disk_bytes;
    log::info("bringing up lab \"{}\": {} nodes", name, plan.nodes);
    SteadyClock clock;
    status = Lab::up(spec);
    if (!status) return Failure(status.error());
    hold.brought_up_ = !keep;
    log::info("lab is up after {}", format_duration(clock.now()));
  }
  for (const std::string& limit : status->limits) log::debug("lab: {}", limit);
  status->nodes.resize(static_cast<std::size_t>(plan.nodes));  // a larger lab lends the first of its nodes
  hold.nodes_ = std::move(status->nodes);
  if (const auto entered = Lab::enter_network(name); !entered) return Failure(entered.error());
  return hold;
}

Result<void> LabHold::release() {
  if (!std::exchange(brought_up_, false)) return {};
  return Lab::down(name_);
}

std::vector<NodeSpec> planned_lab_nodes(const LabPlan& plan) {
  std::vector<NodeSpec> nodes;
  for (int i = 1; i <= plan.nodes; ++i) {
    NodeSpec node;
    node.name = fmt::format("n{}", i);
    node.host = node.address = fmt::format("10.77.0.{}", i);
    node.address6 = fmt::format("fd77::{}", i);
    nodes.push_back(std::move(node));
  }
  return nodes;
}

NodePower power_of(const ClusterPlan& cluster, const std::string& lab) {
  NodePower power;
  if (!cluster.lab) {
    power.why_not = "these nodes are not of a lab, and nobody here has a hand on their power";
  } else if (cluster.lab->kernel != "uml") {
    power.why_not =
        "the nodes of this lab share the machine's kernel, so none can be booted or lose its power alone; `cluster: "
        "{lab: {kernel: uml}}` gives each its own";
  } else {
    power.cut = [lab](const std::string& node, Nanos lease, const std::string& start) {
      return Lab::cut_power(lab, node, lease, start);
    };
    power.renew = [lab](const std::string& node, Nanos lease) { return Lab::renew_power_lease(lab, node, lease); };
    power.boot = [lab](const std::string& node, Nanos timeout) { return Lab::boot(lab, node, timeout); };
  }
  return power;
}

}  // namespace shaketable

// doctor: can the nodes be reached, and which fault could each of them take, asked of the nodes themselves.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/log.h"
#include "base/text.h"
#include "history/text.h"
#include "nemesis/examine.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/commands/plan_choice.h"
#include "orchestrator/lab_hold.h"

namespace shaketable {
namespace {

ExitCode failed(const Error& error) {
  log::error("{}", error.message);
  return exit_code_of(error);
}

struct Asked {
  FaultChoice choice;
  bool in_plan = false;
};

// The plan's own faults with its options, once each, then the rest of the catalogue with its defaults.
std::vector<Asked> faults_to_ask(const Plan& plan) {
  std::vector<Asked> out;
  const auto known = [&](const std::string& name) {
    return std::any_of(out.begin(), out.end(), [&](const Asked& asked) { return asked.choice.fault == name; });
  };
  for (const FaultPlan& fault : plan.schedule.faults)
    if (!known(fault.fault)) out.push_back({{fault.fault, fault.options}, true});
  for (const FaultInfo& info : faults()) {
    // What only the plan can say, such as the commands of a fault of its own, cannot be guessed.
    const bool complete = std::none_of(info.parameters.begin(), info.parameters.end(),
                                       [](const ParameterSpec& spec) { return spec.required; });
    if (complete && !known(info.name)) out.push_back({{info.name, Parameters(info.parameters)}, false});
  }
  return out;
}

void print(const NodeExamination& node, const std::vector<Asked>& asked) {
  if (!node.problem.empty()) {
    fmt::print("{}: takes no fault: {}\n", node.node, node.problem);
    return;
  }
  const auto version = [](const std::string& found, const std::string& problem) {
    return found.empty() ? problem : found;
  };
  fmt::print("{}: reached; {}; {}\n", node.node, version(node.facts.iptables, node.facts.problem4),
             version(node.facts.ip6tables, node.facts.problem6));
  std::vector<std::string> can, untold;
  std::map<std::string, std::vector<std::string>> cannot;  // by reason
  for (std::size_t i = 0; i < node.faults.size(); ++i) {
    const FaultOnNode& fault = node.faults[i];
    const std::string name = fault.fault + (asked[i].in_plan ? " (in the plan)" : "");
    if (fault.ability == Ability::can) can.push_back(name);
    if (fault.ability == Ability::untold) untold.push_back(name);
    if (fault.ability == Ability::cannot) cannot[fault.why].push_back(name);
  }
  if (!can.empty()) fmt::print("  can: {}\n", join(can));
  for (const auto& [why, names] : cannot) fmt::print("  cannot: {}: {}\n", join(names), why);
  if (!untold.empty()) fmt::print("  known when the system is there: {}\n", join(untold));
}

Value to_value(const NodeExamination& node, const std::vector<Asked>& asked, bool ready) {
  std::vector<std::pair<Value, Value>> faults;
  for (std::size_t i = 0; i < node.faults.size(); ++i)
    faults.emplace_back(node.faults[i].fault, Value::map({{"ability", to_string(node.faults[i].ability)},
                                                          {"why", node.faults[i].why},
                                                          {"in_plan", asked[i].in_plan}}));
  return Value::map({{"node", node.node},
                     {"reached", node.problem.empty()},
                     {"ready", ready},
                     {"problem", node.problem},
                     {"iptables", node.facts.iptables},
                     {"ip6tables", node.facts.ip6tables},
                     {"faults", Value::map(std::move(faults))}});
}

}  // namespace

ExitCode doctor_command(const PlanChoice& choice, bool json) {
  const auto plan = choose_plan(choice, true);
  if (!plan) return failed(plan.error());
  const auto nodes = nodes_of(*plan, choice);
  if (!nodes) return failed(nodes.error());
  // Two connections a node, as in a run: the nemesis's own serve nothing else.
  const Cluster cluster = make_cluster(*nodes);
  const Cluster of_system = make_cluster(*nodes);
  System system(plan->system, of_system, plan->cluster.managed, plan->system_options);
  ExamineOptions options;
  options.nemesis.lease = plan->safety.lease;
  options.nemesis.longest_fault = plan->safety.longest_fault;
  options.nemesis.power = power_of(plan->cluster, choice.lab);
  options.nemesis.system = [&](const std::string& node) { return system.scripts(node); };
  options.nemesis.primaries = [&]() -> Result<std::vector<std::string>> { return system.primaries(); };
  options.system_runs = !plan->cluster.managed;

  const std::vector<Asked> asked = faults_to_ask(*plan);
  std::vector<FaultChoice> choices;
  for (const Asked& one : asked) choices.push_back(one.choice);
  bool all_ready = true;
  std::vector<Value> objects;
  for (const NodeExamination& node : examine(cluster, options, choices)) {
    bool ready = node.problem.empty();
    for (std::size_t i = 0; i < node.faults.size(); ++i)
      if (asked[i].in_plan && node.faults[i].ability == Ability::cannot) ready = false;
    all_ready = all_ready && ready;
    if (json)
      objects.push_back(to_value(node, asked, ready));
    else
      print(node, asked);
  }
  if (json)
    fmt::print("{}\n",
               to_json(Value::map({{"schema", 1}, {"ready", all_ready}, {"nodes", Value::list(std::move(objects))}})));
  return all_ready ? ExitCode::pass : ExitCode::infrastructure;
}

}  // namespace shaketable

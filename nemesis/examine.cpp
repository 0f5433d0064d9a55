#include "nemesis/examine.h"

#include <fmt/format.h>

#include <algorithm>

#include "nemesis/change_set.h"

namespace shaketable {
namespace {

// Ends by itself.
constexpr const char* kStandIn = "sleep 10 </dev/null >/dev/null 2>&1 & echo $!";

bool is_about_files(std::string_view kind) {
  return kind == "fill" || kind == "damage" || kind == "stall";
}

// On every node, so that every node is asked; which nodes there would be is drawn in a run.
Parameters on_all(const FaultChoice& choice) {
  Parameters options = choice.options;
  if (choice.fault == "partition") {
    options.set("shape", std::vector<std::string>{"halves"});
    options.set("groups", std::vector<std::string>());
    options.set("direction", std::string("both"));
    options.set("target", std::vector<std::string>{"random"});
  } else if (options.has("target")) {
    options.set("target", std::vector<std::string>{"all"});
  }
  return options;
}

// What the nodes say to the changes that a resolved fault would ask of them; empty: they cannot be asked.
std::vector<FaultOnNode> look(NodeFleet& fleet, const std::vector<std::size_t>& reached, const ActiveFault& resolved,
                              const std::string& fault, bool system_runs) {
  const ChangeSet* changes = resolved.changes();
  if (!changes) return {};
  std::vector<FaultOnNode> out(reached.size(), {fault, Ability::can, ""});
  const std::vector<std::size_t> nodes = changes->nodes();  // as the scene counts them
  std::vector<std::size_t> in_fleet;
  for (const std::size_t node : nodes) in_fleet.push_back(reached[node]);
  const auto looked = fleet.on_each<Ability>(in_fleet, [&](NodeSide& side, std::size_t node) -> Result<Ability> {
    const auto at = std::find(in_fleet.begin(), in_fleet.end(), node) - in_fleet.begin();
    NodeChange change = changes->change(static_cast<std::size_t>(at));
    if (!system_runs && is_about_files(change.kind)) return Ability::untold;
    if (!system_runs)
      for (auto& [name, value] : change.arguments)
        if (name == "pids") value = kStandIn;
    if (auto can = side.look(change); !can) return tl::unexpected(can.error());
    return Ability::can;
  });
  for (std::size_t i = 0; i < nodes.size(); ++i)
    out[nodes[i]] = {fault, looked[i] ? *looked[i] : Ability::cannot,
                     !looked[i]                      ? looked[i].error().message
                     : *looked[i] == Ability::untold ? "the system's files are not there yet"
                                                     : ""};
  return out;
}

// Where nobody has a hand on the power, a node could lose unsynced writes by its disk: each says what it has for that.
void add_other_ways(NodeFleet& fleet, const std::vector<std::size_t>& reached, const Scene& scene,
                    const FaultChoice& choice, bool system_runs, std::vector<FaultOnNode>& answers) {
  for (const std::string way : {"dm-flakey", "lazyfs"}) {
    Parameters options = on_all(choice);
    options.set("way", way);
    Random random(1);
    const auto resolved = find_fault(choice.fault)->resolve(options, scene, random);
    const auto looked =
        resolved ? look(fleet, reached, **resolved, choice.fault, system_runs)
                 : std::vector<FaultOnNode>(reached.size(), {choice.fault, Ability::cannot, resolved.error().message});
    for (std::size_t i = 0; i < answers.size() && i < looked.size(); ++i)
      answers[i].why += fmt::format("; way {}: {}", way,
                                    looked[i].ability == Ability::can ? "this node can" : "no: " + looked[i].why);
  }
}

// For each of the reached nodes.
std::vector<FaultOnNode> ask(NodeFleet& fleet, const std::vector<std::size_t>& reached, const Scene& scene,
                             const FaultChoice& choice, bool system_runs) {
  const auto all = [&](Ability ability, const std::string& why) {
    return std::vector<FaultOnNode>(reached.size(), {choice.fault, ability, why});
  };
  const Fault* fault = find_fault(choice.fault);
  if (!fault) return all(Ability::cannot, "there is no such fault");
  if (!fault->of_nodes()) return all(Ability::can, "");  // nothing is asked of them
  Random random(1);
  const auto resolved = fault->resolve(on_all(choice), scene, random);
  if (!resolved) {
    std::vector<FaultOnNode> out = all(Ability::cannot, resolved.error().message);
    if (choice.fault == "lose-unsynced" && fault->needs_power(choice.options))
      add_other_ways(fleet, reached, scene, choice, system_runs, out);
    return out;
  }
  if ((*resolved)->power() != Power::untouched) return all(Ability::can, "");  // it is the lab's power, not the node's
  std::vector<FaultOnNode> looked = look(fleet, reached, **resolved, choice.fault, system_runs);
  return looked.empty() ? all(Ability::untold, "nobody can tell before it is tried") : looked;
}

}  // namespace

std::string_view to_string(Ability ability) {
  return ability == Ability::can ? "can" : ability == Ability::cannot ? "cannot" : "untold";
}

std::vector<NodeExamination> examine(const Cluster& cluster, const ExamineOptions& options,
                                     const std::vector<FaultChoice>& faults) {
  NodeFleet fleet(cluster, options.nemesis.node_side);
  const auto probed = fleet.on_each<NodeFacts>(fleet.all(), [](NodeSide& side, std::size_t) -> Result<NodeFacts> {
    if (auto installed = side.install(); !installed) return tl::unexpected(installed.error());
    return side.probe();
  });
  std::vector<NodeExamination> out(cluster.size());
  std::vector<std::size_t> reached;
  Scene scene;
  scene.run = "doctor";
  scene.longest = options.nemesis.longest_fault;
  scene.lease = options.nemesis.lease;
  scene.system = options.nemesis.system;
  scene.power = &options.nemesis.power;
  scene.primaries = options.nemesis.primaries;
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    out[i].node = cluster.node(i).name();
    if (!probed[i]) {
      out[i].problem = probed[i].error().message;
      continue;
    }
    out[i].facts = *probed[i];
    reached.push_back(i);
    scene.nodes.push_back(*probed[i]);
  }
  if (reached.empty()) return out;
  for (const FaultChoice& choice : faults) {
    ++scene.fault;
    const std::vector<FaultOnNode> answers = ask(fleet, reached, scene, choice, options.system_runs);
    for (std::size_t k = 0; k < reached.size(); ++k) out[reached[k]].faults.push_back(answers[k]);
  }
  return out;
}

}  // namespace shaketable

#include "nemesis/examine.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <future>

#include "nemesis/change_set.h"

namespace shaketable {
namespace {

using namespace std::chrono_literals;

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

// Where nobody has a hand on the power, a node could lose unsynced writes by a disk that drops them: it says whether it
// has what that takes. We use neither, and say so.
void add_other_ways(NodeFleet& fleet, const std::vector<std::size_t>& reached, std::vector<FaultOnNode>& answers) {
  constexpr const char* kLook =
      "if [ -d /sys/module/dm_flakey ] || modprobe -n -q dm-flakey 2>/dev/null; then echo dm-flakey; fi\n"
      "if command -v lazyfs >/dev/null; then echo LazyFS; fi\n";
  std::vector<std::future<CommandOutcome>> looked;
  for (const std::size_t node : reached) {
    Command command;
    command.script = kLook;
    command.timeout = 20s;
    looked.push_back(fleet.cluster().node(node).run(std::move(command)));
  }
  for (std::size_t i = 0; i < reached.size(); ++i) {
    const CommandOutcome outcome = looked[i].get();
    std::string there = outcome.out;
    while (!there.empty() && there.back() == '\n') there.pop_back();
    std::replace(there.begin(), there.end(), '\n', ' ');
    answers[i].why += !outcome.succeeded() ? "; whether the node has dm-flakey or LazyFS could not be looked at"
                      : there.empty()      ? "; the node has neither dm-flakey nor LazyFS"
                                           : fmt::format("; the node has {}, which shaketable does not use", there);
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
    if (choice.fault == "lose-unsynced") add_other_ways(fleet, reached, out);
    return out;
  }
  if ((*resolved)->power() != Power::untouched) return all(Ability::can, "");  // it is the lab's power, not the node's
  const ChangeSet* changes = (*resolved)->changes();
  if (!changes) return all(Ability::untold, "nobody can tell before it is tried");
  std::vector<FaultOnNode> out = all(Ability::can, "");
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
    out[nodes[i]] = {choice.fault, looked[i] ? *looked[i] : Ability::cannot,
                     !looked[i]                      ? looked[i].error().message
                     : *looked[i] == Ability::untold ? "the system's files are not there yet"
                                                     : ""};
  return out;
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

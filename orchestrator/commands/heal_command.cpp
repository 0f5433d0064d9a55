#include <fmt/format.h>

#include "base/log.h"
#include "base/text.h"
#include "cluster/lab/lab.h"
#include "history/text.h"
#include "nemesis/nemesis.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/commands/plan_choice.h"

namespace shaketable {
namespace {

ExitCode failed(const Error& error) {
  log::error("{}", error.message);
  return exit_code_of(error);
}

Value texts(const std::vector<std::string>& items) {
  return Value::list({items.begin(), items.end()});
}

}  // namespace

ExitCode heal_command(const PlanChoice& choice, bool json) {
  const auto plan = choose_plan(choice, false);
  if (!plan) return failed(plan.error());
  const auto nodes = nodes_of(*plan, choice);
  if (!nodes) return failed(nodes.error());
  if (plan->cluster.lab)
    for (const std::string& node : Lab::nodes_off(choice.lab)) {
      log::info("{} is without power: it is booted", node);
      if (const auto booted = Lab::boot(choice.lab, node, std::chrono::seconds(100)); !booted)
        log::warning("{}", booted.error().message);
    }
  const Cluster cluster = make_cluster(*nodes);
  bool unclean = false, unreachable = false;
  std::vector<Value> objects;
  for (const NodeCleanliness& node : heal(cluster)) {
    unclean |= node.state == Cleanliness::unclean;
    unreachable |= node.state == Cleanliness::unknown;
    if (json)
      objects.push_back(Value::map({{"node", node.node},
                                    {"state", to_string(node.state)},
                                    {"reason", node.reason},
                                    {"undone", texts(node.undone)}}));
    else
      fmt::print("{}: {}{}{}\n", node.node, to_string(node.state), node.reason.empty() ? "" : ": " + node.reason,
                 node.undone.empty() ? "" : "; undone: " + join(node.undone));
  }
  // "Unknown" is not "clean".
  const ExitCode code = unclean || unreachable ? ExitCode::unclean : ExitCode::pass;
  if (json)
    fmt::print("{}\n",
               to_json(Value::map(
                   {{"schema", 1}, {"clean", code == ExitCode::pass}, {"nodes", Value::list(std::move(objects))}})));
  return code;
}

}  // namespace shaketable

// The commands that look at nodes without running a plan on them: heal, doctor.
#include <fmt/format.h>

#include "base/log.h"
#include "base/text.h"
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

// What the faults of this version need on a node. Prints a line each: "can …" or "cannot …: why". Changes nothing.
constexpr std::string_view kProbe = R"sh(
[ "$(id -u)" = 0 ] || { echo "cannot change anything: not root, and sudo gave no root"; exit 0; }
for t in iptables ip6tables; do
  if ! command -v $t >/dev/null 2>&1; then echo "cannot cut with $t: not installed (apt-get install iptables)"
  elif ! why=$($t -w 5 -S 2>&1 >/dev/null); then echo "cannot cut with $t: $(echo "$why" | tail -n 1)"
  else echo "can cut with $($t --version)"; fi
done
if mkdir -p /var/lib/shaketable 2>/dev/null && rmdir --ignore-fail-on-non-empty /var/lib/shaketable; then echo "can keep a journal in /var/lib/shaketable"
else echo "cannot keep a journal: /var/lib/shaketable cannot be written"; fi
)sh";

ExitCode doctor_command(const PlanChoice& choice, bool json) {
  const auto plan = choose_plan(choice, true);
  if (!plan) return failed(plan.error());
  const auto nodes = nodes_of(*plan, choice);
  if (!nodes) return failed(nodes.error());
  const Cluster cluster = make_cluster(*nodes);
  Command command;
  command.script = kProbe;
  const std::vector<CommandOutcome> outcomes = cluster.run_on_all(command);
  bool ready = true;
  std::vector<Value> objects;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const bool reached = outcomes[i].succeeded();
    const std::string problem = reached ? "" : outcomes[i].describe();
    const bool able = reached && outcomes[i].out.find("cannot ") == std::string::npos;
    ready = ready && able;
    if (json)
      objects.push_back(Value::map({{"node", cluster.node(i).name()},
                                    {"reached", reached},
                                    {"ready", able},
                                    {"problem", problem},
                                    {"found", outcomes[i].out}}));
    else
      fmt::print("{}: {}\n{}", cluster.node(i).name(), reached ? "reached" : "NOT reached: " + problem,
                 outcomes[i].out);
  }
  if (json)
    fmt::print("{}\n",
               to_json(Value::map({{"schema", 1}, {"ready", ready}, {"nodes", Value::list(std::move(objects))}})));
  return ready ? ExitCode::pass : ExitCode::infrastructure;
}

}  // namespace shaketable

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/text.h"
#include "cluster/node.h"
#include "cluster/system.h"
#include "nemesis/nemesis.h"
#include "orchestrator/lab_hold.h"
#include "orchestrator/run.h"
#include "orchestrator/run_options.h"
#include "orchestrator/run_schedule.h"

namespace shaketable {
namespace {

void describe(std::string& out, const std::vector<PlannedCommand>& commands) {
  for (const PlannedCommand& command : commands) {
    out += fmt::format("{}: {}\n", command.node, command.purpose);
    for (std::size_t start = 0; start < command.script.size();) {
      const std::size_t end = std::min(command.script.find('\n', start), command.script.size());
      out += fmt::format("    {}\n", std::string_view(command.script).substr(start, end - start));
      start = end + 1;
    }
  }
}

}  // namespace

Result<std::string> dry_run(const Plan& plan, const RunSettings& settings) {
  const std::vector<NodeSpec> nodes = plan.cluster.lab ? planned_lab_nodes(*plan.cluster.lab) : plan.cluster.nodes;
  std::string out;
  if (plan.cluster.lab)
    out += fmt::format("lab: bring up {} nodes on this machine with {} in their shared layer\n", nodes.size(),
                       plan.system.packages.empty() ? "no packages" : join(plan.system.packages));
  const Cluster cluster = make_cluster(nodes);  // nobody connects
  const System system(plan.system, cluster, plan.cluster.managed, plan.system_options);
  describe(out, system.planned_commands());
  NemesisOptions options = nemesis_options(plan, "dry-run");
  options.system = [&](const std::string& node) { return system.scripts(node); };
  options.power = power_of(plan.cluster, settings.lab);
  describe(out, planned_commands(nodes, options, schedule_for(plan, settings)));
  return out;
}

}  // namespace shaketable

#include "orchestrator/commands/plan_choice.h"

#include <fmt/format.h>

#include "cluster/lab/lab.h"
#include "orchestrator/catalogue.h"
#include "orchestrator/replay.h"

namespace shaketable {

namespace {

PlanOptions options_of(const PlanChoice& choice, bool need_files) {
  PlanOptions options;
  options.set = choice.set;
  options.seed = choice.seed;
  options.nodes_file = choice.nodes_file;
  options.directory = choice.directory;
  options.config_directories = config_directories();
  options.need_files = need_files;
  return options;
}

}  // namespace

Result<Plan> choose_plan(const PlanChoice& choice, bool need_files) {
  return read_plan(choice.path, catalogue(), options_of(choice, need_files));
}

Result<Plan> recorded_plan(const RunFile& run, const PlanChoice& choice, bool need_files) {
  PlanOptions options = options_of(choice, need_files);
  // Relative names in it start where the plan was, not in the run's folder.
  options.directory = run.meta(kMetaPlanDirectory).value_or("");
  return parse_plan(run.info().plan_text, run.info().plan_path, catalogue(), options);
}

Result<std::vector<NodeSpec>> nodes_of(const Plan& plan, const PlanChoice& choice) {
  if (!plan.cluster.lab) return plan.cluster.nodes;
  if (const auto root = Lab::become_root(choice.lab); !root) return Failure(root.error());
  auto status = Lab::status(choice.lab);
  if (!status) return Failure(status.error());
  if (!status->running)
    return bad_input(
        fmt::format("lab \"{}\" is not up, so there is no node to look at; a lab that is down has left nothing behind",
                    choice.lab));
  if (const auto entered = Lab::enter_network(choice.lab); !entered) return Failure(entered.error());
  return std::move(status->nodes);
}

}  // namespace shaketable

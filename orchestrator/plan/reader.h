#pragma once
// From plan text to Plan. docs/plans.md is the description for users. Everything wrong with a plan is gathered into one
// bad_input error of lines like `plan.yaml:7:3: unknown key "worklod"; did you mean "workload"?`, each with its source
// line and a caret; the first Problems::kShown are shown.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/parameters.h"
#include "base/result.h"
#include "orchestrator/plan/plan.h"

namespace shaketable {

// Something that plans name and give parameters to.
struct Described {
  std::string about;
  std::vector<ParameterSpec> parameters;
  // The parameter that `partition: halves` means; empty: there is no short form. Must be one of `parameters`.
  std::string main_parameter;
  // Faults: whether these options fit a cluster of these nodes, by name. Empty: whatever the description allows does.
  std::function<Result<void>(const Parameters&, const std::vector<std::string>& nodes)> check = {};
  // Clients: which interfaces they offer. Workloads: the one they need; none: any client will do.
  std::vector<std::string> interfaces = {};
  // Faults: whether one that lasts so long stays within a model.
  std::function<Result<void>(const SystemModel&, const Parameters&, std::size_t nodes, Nanos lasts, bool to_the_end)>
      check_model = {};
  // Faults: whether the plan's nodes and its system can have it at all.
  std::function<Result<void>(const Parameters&, const ClusterPlan&, const SystemSpec&)> possible = {};
};

// What this program has. The plan library knows none of it by itself, so that it depends on base only.
struct Catalogue {
  std::map<std::string, Described> clients, workloads, faults, checkers;
};

struct PlanOptions {
  std::vector<std::string> set;                 // "client.timeout=5s": dotted path, and a YAML scalar or flow value
  std::optional<std::uint64_t> seed;            // --seed
  std::string nodes_file;                       // --nodes-file: a host a line, in place of the plan's cluster
  std::string directory;                        // relative names start here; empty: the plan's own directory
  std::vector<std::string> config_directories;  // NAME is looked for in systems/NAME.yaml here, after `directory`
  bool need_files = true;                       // false: keys, certificates and secrets need not exist, nothing is read
};

Result<Plan> read_plan(const std::string& path, const Catalogue& catalogue, const PlanOptions& options = {});
// The same from text that is at hand (a recorded plan); `path` is what messages call it.
Result<Plan> parse_plan(std::string_view text, const std::string& path, const Catalogue& catalogue,
                        const PlanOptions& options = {});

Result<SystemSpec> read_system(const std::string& path);
// The paths of all systems/NAME.yaml below the directories, by name; the first directory that has a name wins.
std::map<std::string, std::string> find_systems(const std::vector<std::string>& config_directories);

}  // namespace shaketable

#include "orchestrator/catalogue.h"

#include <fmt/format.h>

#include <filesystem>

#include "nemesis/fault.h"
#include "nemesis/faults.h"
#include "nemesis/node_fault.h"
#include "nemesis/system_model.h"
#include "orchestrator/judge/judge.h"
#include "orchestrator/lab_hold.h"
#include "workloads/clients/registry.h"
#include "workloads/workload.h"

namespace shaketable {
namespace {

Result<void> possible(const Fault& fault, const Parameters& options, const ClusterPlan& cluster,
                      const SystemSpec& system) {
  const std::string& name = fault.info().name;
  if (fault.needs_power(options))
    if (const NodePower power = power_of(cluster, ""); !power.why_not.empty())
      return bad_input(fmt::format("{}: {}", name, no_power(&power, name)));
  if (!fault.needs_members()) return {};
  if (system.member_remove.empty() || system.member_add.empty() || system.members.empty())
    return bad_input(fmt::format("{}: {} has no members that its own commands could remove and add{}{}", name,
                                 system.name, system.no_members.empty() ? "" : ": ", system.no_members));
  if (!cluster.managed)
    return bad_input(name +
                     ": `manage: none` means that the system is not ours, and a member that is added again comes back "
                     "with empty data");
  return {};
}

}  // namespace

const Catalogue& catalogue() {
  static const Catalogue all = [] {
    Catalogue made;
    for (const ClientInfo& info : clients()) {
      const std::string left_out = info.make ? "" : "; NOT in this program: built without " + info.missing;
      made.clients[info.name] = {info.about + left_out, info.parameters, "", {}, info.interfaces};
    }
    for (const WorkloadInfo& info : workloads())
      made.workloads[info.name] = {info.about, info.parameters, "", {}, {info.interface}};
    for (const FaultInfo& info : faults())
      made.faults[info.name] = {
          info.about,
          info.parameters,
          info.main_parameter,
          [fault = find_fault(info.name)](const Parameters& options, const std::vector<std::string>& nodes) {
            return fault->check(options, nodes);
          },
          {},
          [name = info.name](const SystemModel& model, const Parameters& options, std::size_t nodes, Nanos lasts,
                             bool to_the_end) { return check_model(model, name, options, nodes, lasts, to_the_end); },
          [fault = find_fault(info.name)](const Parameters& options, const ClusterPlan& cluster,
                                          const SystemSpec& system) {
            return possible(*fault, options, cluster, system);
          }};
    for (const CheckerInfo& info : checkers()) made.checkers[info.name] = {info.about, info.parameters, ""};
    return made;
  }();
  return all;
}

std::vector<std::string> config_directories() {
  namespace fs = std::filesystem;
  std::vector<std::string> directories;
  std::error_code ignored;
  // The program lies in SOURCE/build/PRESET/bin or in PREFIX/bin.
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  for (const fs::path& candidate : {program / "../../../configs", program / "../share/shaketable/configs"})
    if (fs::is_directory(candidate, ignored)) directories.push_back(fs::weakly_canonical(candidate, ignored).string());
  return directories;
}

}  // namespace shaketable

#include "nemesis/faults.h"

#include "nemesis/node_fault.h"
#include "nemesis/partition.h"

namespace shaketable {
namespace {

const std::vector<const Fault*>& families() {
  static const Partition partition;
  static const std::vector<const Fault*> all = [] {
    std::vector<const Fault*> out{&partition};
    for (const auto* family : {&traffic_faults(), &network_faults(), &process_faults(), &clock_faults(),
                               &resource_faults(), &disk_faults(), &power_faults()})
      out.insert(out.end(), family->begin(), family->end());
    out.push_back(&pause_client_fault());
    out.push_back(&remove_fault());
    out.push_back(&command_fault());
    return out;
  }();
  return all;
}

}  // namespace

const std::vector<FaultInfo>& faults() {
  static const std::vector<FaultInfo> infos = [] {
    std::vector<FaultInfo> out;
    for (const Fault* fault : families()) out.push_back(fault->info());
    return out;
  }();
  return infos;
}

const Fault* find_fault(std::string_view name) {
  for (const Fault* fault : families())
    if (fault->info().name == name) return fault;
  return nullptr;
}

}  // namespace shaketable

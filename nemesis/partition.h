#pragma once
// Nodes that do not hear each other: packets from the cut-off peers are dropped where they arrive, IPv4 and IPv6.

#include "nemesis/cut.h"
#include "nemesis/fault.h"

namespace shaketable {

class Partition final : public Fault {
 public:
  const FaultInfo& info() const override;
  bool cuts() const override { return true; }
  Result<void> check(const Parameters& options, const std::vector<std::string>& nodes) const override;
  Result<std::unique_ptr<ActiveFault>> resolve(const Parameters& options, const Scene& scene,
                                               Random& random) const override;
};

}  // namespace shaketable

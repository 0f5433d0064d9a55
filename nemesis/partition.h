#pragma once
// Nodes that do not hear each other: packets from the cut-off peers are dropped where they arrive, IPv4 and IPv6.

#include "nemesis/fault.h"
#include "nemesis/grudge.h"

namespace shaketable {

class Partition final : public Fault {
 public:
  const FaultInfo& info() const override;
  bool cuts() const override { return true; }
  Result<void> check(const Parameters& options, const std::vector<std::string>& nodes) const override;
  Result<std::unique_ptr<ActiveFault>> resolve(const Parameters& options, const Scene& scene,
                                               Random& random) const override;
};

// How packets that are cut end: dropped, or refused; port 0: all of them.
struct CutManner {
  bool reject = false;
  int port = 0;
};

// The cut that makes a given grudge; for tests, benchmarks and replay.
Result<std::unique_ptr<ActiveFault>> make_cut(const Grudge& grudge, const Scene& scene,
                                              std::vector<std::pair<std::string, std::string>> parameters,
                                              CutManner manner = {});

// Rules for iptables-restore (or ip6tables-restore) without the last COMMIT: a chain of the fault's own, jumps to it
// at the heads of INPUT and FORWARD. The control path passes first. Empty when `drop` is.
// With `reject`, TCP is answered with a reset and the rest with "administratively prohibited". With a port, only TCP
// and UDP from it or to it are cut.
std::string cut_rules(const std::string& run, std::int64_t fault, const ControlPath& control, bool ipv6,
                      const std::vector<std::string>& drop, CutManner manner = {});

}  // namespace shaketable

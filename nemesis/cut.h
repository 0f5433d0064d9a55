#pragma once
// A cut by grudge: each node drops what comes from those it is to be deaf to, IPv4 and IPv6, all at one moment.

#include "nemesis/cut_rules.h"
#include "nemesis/fault.h"
#include "nemesis/grudge.h"

namespace shaketable {

// For partitions, tests, benchmarks and replay.
Result<std::unique_ptr<ActiveFault>> make_cut(const Grudge& grudge, const Scene& scene,
                                              std::vector<std::pair<std::string, std::string>> parameters,
                                              CutManner manner = {});

}  // namespace shaketable

#pragma once
// Which nodes a fault is for, as a plan writes it: names, or a word that is resolved when the fault begins.

#include <optional>
#include <string>
#include <vector>

#include "base/parameters.h"
#include "base/random.h"
#include "base/result.h"
#include "nemesis/fault.h"

namespace shaketable {

// one (random is the same word), minority, majority, minority-third, all, primaries, not-primaries; beside them there
// are "random N" and "role WORD".
const std::vector<std::string>& target_words();

// The parameter `target` of faults that are for nodes.
ParameterSpec target_parameter(std::string fallback, std::string about);

// Names, or one of the words alone; enough nodes for it. Whether a node has the role is not known here. `fault` is the
// first word of the message.
Result<void> check_target(const std::string& fault, const std::vector<std::string>& target,
                          const std::vector<std::string>& nodes);

// How many of so many nodes these are; nullopt: that is known when the fault begins.
std::optional<std::size_t> target_count(const std::vector<std::string>& target, std::size_t nodes);

// Indices of nodes, sorted, at least one. minority: as many as can be without a majority, of 5 two; majority: one more
// than half; minority-third: fewer than a third.
Result<std::vector<std::size_t>> resolve_target(const std::vector<std::string>& target, const Scene& scene,
                                                Random& random);

}  // namespace shaketable

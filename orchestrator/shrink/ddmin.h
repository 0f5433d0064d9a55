#pragma once
// The smallest of what still shows something.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/result.h"

namespace shaketable {

// Whether what is kept (indices, sorted) still shows it.
using SubsetOracle = std::function<Result<bool>(const std::vector<std::size_t>& kept)>;

// Zeller & Hildebrandt, "Simplifying and isolating failure-inducing input", IEEE Transactions on Software Engineering
// 28 (2002) 183-200, algorithm ddmin: of 0 … n-1, which are taken to show it together, a subset that shows it and from
// which no single one can be left out (1-minimal; not the smallest of all). At most n² + 3n questions, on average far
// fewer. The empty set is asked for first. Asks for no set twice.
Result<std::vector<std::size_t>> ddmin(std::size_t n, const SubsetOracle& shows);

// The smallest number of [low, high] that shows it, to within `resolution` of itself (0.1: ten per cent) or one; `high`
// is taken to show it. By bisection, so it takes the answers to be "no" up to some number and "yes" from there; where
// they are not, it finds one of the borders.
Result<std::int64_t> smallest(std::int64_t low, std::int64_t high, double resolution,
                              const std::function<Result<bool>(std::int64_t)>& shows);

}  // namespace shaketable

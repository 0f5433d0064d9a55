#pragma once
// Which operations a scatter plot shows when there are more than fit. A picture has so many places; two points at the
// same place cannot be told apart. So time (linear) and latency (logarithmic) are divided into cells, and of each
// function's operations with one outcome, the first in a cell is drawn at its true time and latency. Every cell that
// held an operation holds a point, so no extreme is ever lost. Should there still be too many, cells are doubled: of
// `ok` first, and of `info` and `fail` only when nothing else is left.

#include <array>
#include <cstdint>
#include <vector>

#include "orchestrator/report/page/measure.h"

namespace shaketable::page {

struct Thinned {
  std::vector<std::size_t> kept;                // into Measures::calls, in order
  std::array<std::int64_t, kOutcomes> of{};     // how many operations with a latency there are
  std::array<std::int64_t, kOutcomes> shown{};  // and how many of them are kept
  // Size of a cell: time in nanoseconds, and the factor between its least and most latency. 0: none was left out.
  std::array<std::int64_t, kOutcomes> cell_ns{};
  std::array<double, kOutcomes> cell_factor{};
};

Thinned thin(const Measures& measures, std::size_t points_max);

}  // namespace shaketable::page

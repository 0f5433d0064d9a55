#include "orchestrator/report/page/thin.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>

namespace shaketable::page {
namespace {

struct Grid {
  std::int64_t columns = 2000;
  double rows_in_decade = 100;
};

std::vector<std::size_t> in_cells(const Measures& m, Outcome3 outcome, const Grid& grid) {
  std::vector<std::size_t> kept;
  std::unordered_set<std::uint64_t> taken;
  const double span = static_cast<double>(std::max<std::int64_t>(m.end_ns - m.begin_ns, 1));
  for (std::size_t i = 0; i < m.calls.size(); ++i) {
    const Call& call = m.calls[i];
    if (call.outcome != outcome || call.completed_ns < 0) continue;
    const auto column = static_cast<std::uint64_t>(static_cast<double>(call.invoked_ns - m.begin_ns) / span *
                                                   static_cast<double>(grid.columns));
    const auto row = static_cast<std::uint64_t>(
        std::log10(static_cast<double>(std::max<std::int64_t>(call.latency_ns(), 1))) * grid.rows_in_decade);
    if (taken.insert(column << 32 | row << 16 | call.function).second) kept.push_back(i);
  }
  return kept;
}

}  // namespace

Thinned thin(const Measures& m, std::size_t points_max) {
  Thinned thinned;
  std::array<std::vector<std::size_t>, kOutcomes> kept;
  for (std::size_t i = 0; i < m.calls.size(); ++i)
    if (m.calls[i].completed_ns >= 0) {
      kept[m.calls[i].outcome].push_back(i);
      ++thinned.of[m.calls[i].outcome];
    }
  std::array<Grid, kOutcomes> grids;
  std::array<bool, kOutcomes> divided{};
  const auto total = [&] { return kept[kOk].size() + kept[kInfo].size() + kept[kFail].size(); };
  // What is rare and tells most is thinned last.
  for (const auto& outcomes : {std::vector<Outcome3>{kOk}, std::vector<Outcome3>{kInfo, kFail}}) {
    // Beyond 60 columns and 6 rows in a decade a cell is no place of a picture any more; 2000 × 100 halved 5 times.
    for (int round = 0; round < 6 && total() > points_max; ++round)
      for (const Outcome3 outcome : outcomes) {
        if (divided[outcome]) {
          grids[outcome].columns /= 2;
          grids[outcome].rows_in_decade /= 2;
        }
        divided[outcome] = true;
        kept[outcome] = in_cells(m, outcome, grids[outcome]);
      }
  }
  for (std::size_t o = 0; o < kOutcomes; ++o) {
    thinned.shown[o] = static_cast<std::int64_t>(kept[o].size());
    if (thinned.shown[o] < thinned.of[o]) {
      thinned.cell_ns[o] = (m.end_ns - m.begin_ns) / grids[o].columns;
      thinned.cell_factor[o] = std::pow(10.0, 1 / grids[o].rows_in_decade);
    }
    thinned.kept.insert(thinned.kept.end(), kept[o].begin(), kept[o].end());
  }
  std::sort(thinned.kept.begin(), thinned.kept.end());
  return thinned;
}

}  // namespace shaketable::page

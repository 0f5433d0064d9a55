#include "orchestrator/shrink/ddmin.h"

#include <algorithm>
#include <map>
#include <numeric>

namespace shaketable {

Result<std::vector<std::size_t>> ddmin(std::size_t n, const SubsetOracle& shows) {
  using Set = std::vector<std::size_t>;
  std::map<Set, bool> asked;
  const auto ask = [&](const Set& kept) -> Result<bool> {
    if (const auto known = asked.find(kept); known != asked.end()) return known->second;
    const auto answer = shows(kept);
    if (answer) asked.emplace(kept, *answer);
    return answer;
  };
  Set kept(n);
  std::iota(kept.begin(), kept.end(), std::size_t{0});
  if (n == 0) return kept;
  const auto none = ask({});
  if (!none) return Failure(none.error());
  if (*none) return Set{};
  for (std::size_t parts = 2; kept.size() >= 2;) {
    const auto part = [&](std::size_t i, bool complement) {
      const std::size_t begin = kept.size() * i / parts, end = kept.size() * (i + 1) / parts;
      Set out;
      for (std::size_t k = 0; k < kept.size(); ++k)
        if ((k >= begin && k < end) != complement) out.push_back(kept[k]);
      return out;
    };
    bool reduced = false;
    // Of two parts each is the other's complement.
    for (const bool complement : {false, true}) {
      if (complement && parts == 2) break;
      for (std::size_t i = 0; i < parts && !reduced; ++i) {
        const Set candidate = part(i, complement);
        const auto answer = ask(candidate);
        if (!answer) return Failure(answer.error());
        if (!*answer) continue;
        kept = candidate;
        parts = complement ? std::max<std::size_t>(parts - 1, 2) : 2;
        reduced = true;
      }
      if (reduced) break;
    }
    if (reduced) continue;
    if (parts >= kept.size()) break;
    parts = std::min(kept.size(), parts * 2);
  }
  return kept;
}

Result<std::int64_t> smallest(std::int64_t low, std::int64_t high, double resolution,
                              const std::function<Result<bool>(std::int64_t)>& shows) {
  if (low >= high) return high;
  // The lower end itself may do, and often does.
  const auto least = shows(low);
  if (!least) return Failure(least.error());
  if (*least) return low;
  while (high - low > std::max<std::int64_t>(1, static_cast<std::int64_t>(static_cast<double>(high) * resolution))) {
    const std::int64_t middle = low + (high - low) / 2;
    const auto answer = shows(middle);
    if (!answer) return Failure(answer.error());
    (*answer ? high : low) = middle;
  }
  return high;
}

}  // namespace shaketable

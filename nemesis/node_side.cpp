#include "nemesis/node_side.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace shaketable {

bool NodeFacts::has(std::string_view tool) const {
  return std::find(tools.begin(), tools.end(), tool) != tools.end();
}

std::string_view to_string(Cleanliness state) {
  switch (state) {
    case Cleanliness::clean:
      return "clean";
    case Cleanliness::unclean:
      return "unclean";
    case Cleanliness::unknown:
      return "unknown";
  }
  return "unknown";
}

RuleDifference compare_rules(const std::vector<std::string>& before, const std::vector<std::string>& after) {
  std::size_t start = 0, n = before.size(), m = after.size();
  while (start < n && start < m && before[start] == after[start]) ++start;
  while (n > start && m > start && before[n - 1] == after[m - 1]) {
    --n;
    --m;
  }
  std::vector<std::string> missing(before.begin() + start, before.begin() + n);
  std::vector<std::string> added(after.begin() + start, after.begin() + m);
  // The longest common subsequence names what really differs. Where thousands of rules changed at once it would cost
  // more than it tells: then all of both sides is named.
  if (missing.size() * added.size() > 0 && missing.size() * added.size() <= 1'000'000) {
    const std::vector<std::string> old = std::exchange(missing, {}), now = std::exchange(added, {});
    std::vector<std::vector<std::size_t>> common(old.size() + 1, std::vector<std::size_t>(now.size() + 1, 0));
    for (std::size_t i = old.size(); i-- > 0;)
      for (std::size_t j = now.size(); j-- > 0;)
        common[i][j] = old[i] == now[j] ? common[i + 1][j + 1] + 1 : std::max(common[i + 1][j], common[i][j + 1]);
    for (std::size_t i = 0, j = 0; i < old.size() || j < now.size();) {
      if (i < old.size() && j < now.size() && old[i] == now[j]) {
        ++i;
        ++j;
      } else if (j == now.size() || (i < old.size() && common[i + 1][j] >= common[i][j + 1])) {
        missing.push_back(old[i++]);
      } else {
        added.push_back(now[j++]);
      }
    }
  }
  return {join(missing, "; "), join(added, "; ")};
}

}  // namespace shaketable

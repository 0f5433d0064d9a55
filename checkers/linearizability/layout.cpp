#include "checkers/linearizability/layout.h"

namespace shaketable::linearizability {

Layout make_layout(const Problem& problem, const std::vector<bool>& ignored) {
  Layout layout;
  layout.slot.assign(problem.ops.size(), -1);
  std::vector<std::int32_t> free;
  for (const Event event : problem.events) {
    if (!ignored.empty() && ignored[event.op]) continue;
    if (event.completion) {
      free.push_back(layout.slot[event.op]);
    } else if (free.empty()) {
      layout.slot[event.op] = layout.width++;
    } else {
      layout.slot[event.op] = free.back();
      free.pop_back();
    }
  }
  return layout;
}

}  // namespace shaketable::linearizability

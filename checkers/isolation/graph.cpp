#include "checkers/isolation/graph.h"

#include <algorithm>

namespace shaketable::isolation {

Graph::Graph(std::uint32_t nodes, std::span<const Edge> edges)
    : rows_(nodes + 1, 0), to_(edges.size()), kind_(edges.size()) {
  // Rows end where they begin until filled: row i + 1 is the cursor of node i.
  if (nodes == 0) return;
  for (const Edge& edge : edges) {
    if (edge.from + 2 <= nodes) ++rows_[edge.from + 2];
  }
  for (std::uint32_t i = 2; i <= nodes; ++i) rows_[i] += rows_[i - 1];
  for (const Edge& edge : edges) {
    const std::uint32_t at = rows_[edge.from + 1]++;
    to_[at] = edge.to;
    kind_[at] = edge.kind;
  }
}

std::vector<std::vector<std::uint32_t>> components(const Graph& graph, std::uint8_t mask) {
  struct Frame {
    std::uint32_t node, edge;
  };
  const std::uint32_t n = graph.size();
  std::vector<std::uint32_t> number(n, 0), low(n, 0);  // number: 0 not seen, UINT32_MAX done
  std::vector<std::uint32_t> open;
  std::vector<Frame> stack;
  std::vector<std::vector<std::uint32_t>> found;
  std::uint32_t next = 0;
  for (std::uint32_t root = 0; root < n; ++root) {
    if (number[root] != 0) continue;
    stack.push_back({root, graph.begin(root)});
    number[root] = low[root] = ++next;
    open.push_back(root);
    while (!stack.empty()) {
      Frame& frame = stack.back();
      const std::uint32_t node = frame.node;
      if (frame.edge < graph.end(node)) {
        const std::uint32_t edge = frame.edge++;
        if (!within(graph.kind(edge), mask)) continue;
        const std::uint32_t to = graph.to(edge);
        if (number[to] == 0) {
          number[to] = low[to] = ++next;
          open.push_back(to);
          stack.push_back({to, graph.begin(to)});
        } else if (number[to] != UINT32_MAX) {
          low[node] = std::min(low[node], number[to]);
        }
        continue;
      }
      stack.pop_back();
      if (!stack.empty()) low[stack.back().node] = std::min(low[stack.back().node], low[node]);
      if (low[node] != number[node]) continue;
      std::size_t first = open.size();
      do number[open[--first]] = UINT32_MAX;
      while (open[first] != node);
      if (open.size() - first > 1) {
        found.emplace_back(open.begin() + static_cast<std::ptrdiff_t>(first), open.end());
        std::sort(found.back().begin(), found.back().end());
      }
      open.resize(first);
    }
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.front() < b.front(); });
  return found;
}

Graph induced(const Graph& graph, std::span<const std::uint32_t> nodes, std::uint8_t mask) {
  std::vector<Edge> edges;
  for (std::uint32_t i = 0; i < nodes.size(); ++i) {
    for (std::uint32_t e = graph.begin(nodes[i]); e < graph.end(nodes[i]); ++e) {
      if (!within(graph.kind(e), mask)) continue;
      const auto found = std::lower_bound(nodes.begin(), nodes.end(), graph.to(e));
      if (found != nodes.end() && *found == graph.to(e))
        edges.push_back({i, static_cast<std::uint32_t>(found - nodes.begin()), graph.kind(e)});
    }
  }
  return Graph(static_cast<std::uint32_t>(nodes.size()), edges);
}

}  // namespace shaketable::isolation

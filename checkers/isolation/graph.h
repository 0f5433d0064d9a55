#pragma once
// A directed graph in compressed rows whose edges carry the kind of dependency, and its strongly connected components.

#include <cstdint>
#include <span>
#include <vector>

namespace shaketable::isolation {

// Kinds of edges, as bits so that a level is a mask.
enum Kind : std::uint8_t {
  kWw = 1,           // the next version of what was written
  kWr = 2,           // read what was written
  kRw = 4,           // wrote the next version of what was read
                     // kWw | kRw: of a transaction that itself wrote what it read: an anti-dependency that, unless an
                     // update was lost, is a write dependency too
  kProcess = 8,      // the same process, later
  kHop = 16,         // out of a hub: the edge into the hub, continued
  kByProcess = 32,   // with kWw or kRw: known only by the order of processes
  kByRealtime = 64,  // with kWw or kRw: known only by the real-time order
  kRealtime = 128,   // only in cycles: completed before the other was invoked
};
inline constexpr std::uint8_t kPlain = kWw | kWr | kRw | kHop;

struct Edge {
  std::uint32_t from, to;
  std::uint8_t kind;
};

class Graph {
 public:
  Graph() = default;
  // Keeps the order of edges of a node. Parallel edges are kept.
  Graph(std::uint32_t nodes, std::span<const Edge> edges);

  std::uint32_t size() const { return static_cast<std::uint32_t>(rows_.size() - 1); }
  std::size_t edges() const { return to_.size(); }
  std::uint32_t begin(std::uint32_t node) const { return rows_[node]; }
  std::uint32_t end(std::uint32_t node) const { return rows_[node + 1]; }
  std::uint32_t to(std::uint32_t edge) const { return to_[edge]; }
  std::uint8_t kind(std::uint32_t edge) const { return kind_[edge]; }

 private:
  std::vector<std::uint32_t> rows_ = {0};
  std::vector<std::uint32_t> to_;
  std::vector<std::uint8_t> kind_;
};

// Counts as an anti-dependency where those are counted.
inline bool is_anti(std::uint8_t kind) {
  return (kind & kRw) && !(kind & kWw);
}

// An edge belongs to a mask when every bit of its kind does.
inline bool within(std::uint8_t kind, std::uint8_t mask) {
  return (kind & ~mask) == 0;
}

// Components of more than one node (Tarjan 1972), each sorted, in the order of their smallest node. Self-loops do not
// count.
std::vector<std::vector<std::uint32_t>> components(const Graph& graph, std::uint8_t mask);

// The graph on `nodes` (sorted) alone, with the edges within the mask; node i is nodes[i].
Graph induced(const Graph& graph, std::span<const std::uint32_t> nodes, std::uint8_t mask);

}  // namespace shaketable::isolation

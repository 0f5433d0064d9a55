#pragma once
// Which kinds of cycles a serialization graph has, and a shortest one of each kind.
//
// Kinds by Adya (1999) and Cerone & Gotsman (2018): G0 has only write dependencies, G1c no anti-dependency, G-single
// one, G-nonadjacent several, no two in a row, G2 any. -process needs the order of a process besides, -realtime the
// real-time order.
//
// Whether a kind exists is decided by components, snapshot isolation's on the graph doubled by "the last edge was an
// anti-dependency". Only G-single needs a search from each anti-dependency, within those components.
//
// The real-time order has no edges here. Of two real-time edges a -> b, c -> d of a cycle, either a -> d or c -> b
// holds as well (it is an interval order), and gives a shorter cycle with one of them. So a cycle with the real-time
// order exists iff some u is reached from a v by dependencies although u completed before v was invoked. One sweep
// finds that: roots v in descending order of invocation, each node visited once, by the latest-invoked root that
// reaches it.
//
// Work is counted in edges visited, so that the same history gives the same answer on every machine.

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "checkers/isolation/graph.h"
#include "checkers/isolation/models.h"
#include "checkers/verdict.h"

namespace shaketable::isolation {

struct Step {
  std::uint32_t from, to;  // transactions
  std::uint8_t kind;       // of Kind; kRealtime or kProcess alone, or a dependency
};

struct Cycle {
  std::string anomaly;  // "G-single-item-process"
  std::vector<Step> steps;
};

struct CycleProblem {
  std::uint32_t txns = 0;   // nodes [0, txns) are transactions
  std::uint32_t nodes = 0;  // the rest are hubs: entered by anti-dependencies, left by hops, on no cycle by themselves
  std::vector<Edge> edges;
  std::vector<std::uint32_t> invoke;    // by transaction: 0 if unknown
  std::vector<std::uint32_t> complete;  // kNone if it may take effect at any later time
  // Asked only where it is needed: (from, to) of consecutive transactions of a process.
  std::function<std::vector<std::pair<std::uint32_t, std::uint32_t>>()> process_order;
  bool process = false, realtime = false;  // which orders to use besides the dependencies
  std::uint64_t steps_max = 0;
  std::size_t examples_max = 8;
  std::uint64_t held_bytes = 0;  // memory in use when the search begins
};

struct CycleReport {
  std::map<std::string, std::vector<Cycle>> cycles;  // at most examples_max of each, the shortest first
  std::map<std::string, std::uint64_t> counts;       // components (-realtime: transactions) with such a cycle
  Names undecided;                                   // kinds whose search ended with its steps
  bool time_spent = false;                           // the budget's time ended: nothing is known beyond what was found
  std::uint64_t memory_needed = 0;                   // 0, or what a component too large for the budget would take
  std::uint64_t edges = 0, components = 0, largest_component = 0;
};

CycleReport find_cycles(const CycleProblem& problem, const Budget& budget);

// A shortest cycle among `nodes`, a component of the graph, of edges of any kind; the search for a shorter one ends
// after `steps_max` edges. Hubs are left out of the steps.
std::vector<Step> shortest_cycle(const Graph& graph, std::span<const std::uint32_t> nodes, std::uint64_t steps_max);

// The kind of a closed walk of such steps.
std::string cycle_kind(const std::vector<Step>& steps);

}  // namespace shaketable::isolation

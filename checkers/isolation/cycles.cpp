#include "checkers/isolation/cycles.h"

#include <algorithm>
#include <array>
#include <deque>
#include <numeric>
#include <optional>
#include <unordered_map>

#include "checkers/isolation/transactions.h"

namespace shaketable::isolation {
namespace {

// What a walk may be made of. Its state is one bit: single: an anti-dependency was taken; nonadjacent: it was the last
// edge.
enum class Shape : std::uint8_t { writes, dependencies, single, nonadjacent, any };

constexpr std::array<const char*, 5> kShapeNames = {"G0", "G1c", "G-single-item", "G-nonadjacent-item", "G2-item"};

// The state after an edge, or -1 where the shape forbids it.
int next_state(Shape shape, int state, std::uint8_t kind) {
  if (kind & kHop) return state;
  const bool rw = is_anti(kind);
  switch (shape) {
    case Shape::writes:
      return kind & (kRw | kWr) ? -1 : 0;
    case Shape::dependencies:
      return kind & kRw ? -1 : 0;
    case Shape::single:
      return rw ? (state == 0 ? 1 : -1) : state;
    case Shape::nonadjacent:
      return rw ? (state == 0 ? 1 : -1) : 0;
    case Shape::any:
      return 0;
  }
  return -1;
}

struct Walk {
  std::vector<std::uint32_t> nodes;  // one more than kinds
  std::vector<std::uint8_t> kinds;
  std::uint32_t length = 0;  // hops do not count
};

// Breadth-first search over (node, state) of one graph; hops cost nothing. Memory is made once.
class Search {
 public:
  Search(const Graph& graph, std::uint64_t& steps)
      : graph_(graph),
        steps_(steps),
        seen_(graph.size() * 2ull, 0),
        distance_(seen_.size()),
        parent_(seen_.size()),
        edge_(seen_.size()) {}

  // The shortest walk of at least one edge, of length at most `length_max`, from (start, state) to where goal(node,
  // state) holds.
  template <class Goal>
  std::optional<Walk> shortest(Shape shape, std::uint8_t mask, std::uint32_t start, int state, std::uint32_t length_max,
                               const Goal& goal) {
    ++epoch_;
    queue_.clear();
    const std::uint32_t root = start * 2 + static_cast<std::uint32_t>(state);
    // The root is not marked as seen: a cycle comes back to it.
    queue_.push_back({root, 0, true});
    while (!queue_.empty()) {
      const Item item = queue_.front();
      queue_.pop_front();
      if (!item.root) {
        if (distance_[item.at] != item.distance) continue;  // reached more cheaply since
        if (goal(item.at / 2, static_cast<int>(item.at % 2))) return walk(root, item.at, item.distance);
      }
      const std::uint32_t node = item.at / 2;
      for (std::uint32_t e = graph_.begin(node); e < graph_.end(node); ++e) {
        ++steps_;
        const std::uint8_t kind = graph_.kind(e);
        if (!within(kind, mask)) continue;
        const int to_state = next_state(shape, static_cast<int>(item.at % 2), kind);
        if (to_state < 0) continue;
        const bool hop = kind & kHop;
        const std::uint32_t distance = item.distance + (hop ? 0 : 1);
        if (distance > length_max) continue;
        const std::uint32_t to = graph_.to(e) * 2 + static_cast<std::uint32_t>(to_state);
        if (seen_[to] == epoch_ && distance_[to] <= distance) continue;
        seen_[to] = epoch_;
        distance_[to] = distance;
        parent_[to] = item.at;
        edge_[to] = e;
        if (hop)
          queue_.push_front({to, distance, false});
        else
          queue_.push_back({to, distance, false});
      }
    }
    return std::nullopt;
  }

 private:
  struct Item {
    std::uint32_t at, distance;
    bool root;
  };

  Walk walk(std::uint32_t root, std::uint32_t goal, std::uint32_t length) const {
    Walk walk;
    walk.length = length;
    std::uint32_t at = goal;
    do {
      walk.nodes.push_back(at / 2);
      walk.kinds.push_back(graph_.kind(edge_[at]));
      at = parent_[at];
    } while (at != root);
    walk.nodes.push_back(root / 2);
    std::reverse(walk.nodes.begin(), walk.nodes.end());
    std::reverse(walk.kinds.begin(), walk.kinds.end());
    return walk;
  }

  const Graph& graph_;
  std::uint64_t& steps_;
  std::vector<std::uint32_t> seen_, distance_, parent_, edge_;
  std::deque<Item> queue_;
  std::uint32_t epoch_ = 0;
};

bool implied_by(const Names& found, std::string_view name) {
  return std::any_of(found.begin(), found.end(),
                     [&](const std::string& f) { return implied_anomalies(f).contains(name); });
}

enum class Level : std::uint8_t { plain, process, realtime };

std::uint8_t mask_of(Level level) {
  switch (level) {
    case Level::plain:
      return kPlain;
    case Level::process:
      return kPlain | kProcess | kByProcess;
    case Level::realtime:
      return kPlain | kProcess | kByProcess | kByRealtime;
  }
  return kPlain;
}

const char* suffix_of(Level level) {
  return level == Level::plain ? "" : level == Level::process ? "-process" : "-realtime";
}

// Hubs disappear: the edge into one ends where its hops lead. `nodes` translates local numbers; empty: they are global.
std::vector<Step> steps_of(const Walk& walk, std::span<const std::uint32_t> nodes) {
  const auto global = [&](std::uint32_t node) { return nodes.empty() ? node : nodes[node]; };
  std::vector<Step> steps;
  for (std::size_t i = 0; i < walk.kinds.size(); ++i) {
    const std::uint32_t from = global(walk.nodes[i]), to = global(walk.nodes[i + 1]);
    if (walk.kinds[i] & kHop)
      steps.back().to = to;
    else
      steps.push_back({from, to, walk.kinds[i]});
  }
  return steps;
}

class Finder {
 public:
  Finder(const CycleProblem& problem, const Budget& budget) : problem_(problem), budget_(budget) {}

  CycleReport run();

 private:
  void search_components(const Graph& graph, Level level);
  void search_component(const Graph& graph, std::span<const std::uint32_t> nodes, Level level, Names& found);
  std::vector<Step> any_cycle(const Graph& graph, std::span<const std::uint32_t> nodes, std::uint8_t mask) const;
  void sweep_realtime(const Graph& graph);
  std::uint64_t sweep(const Graph& graph, Shape shape, std::uint32_t* first) const;
  void search_realtime(const Graph& graph, Shape shape, std::uint32_t first, std::uint64_t count);
  void keep(const std::vector<Step>& walk, Names& found, std::uint64_t count = 1);
  void keep_cycle(std::vector<Step> steps, Names& found, std::uint64_t count);
  bool stop() const { return report_.time_spent || report_.memory_needed > 0; }

  const CycleProblem& problem_;
  const Budget& budget_;
  CycleReport report_;
  std::uint64_t steps_ = 0;
  std::vector<std::uint32_t> by_invocation_;        // transactions, the latest invocation first
  std::unordered_map<std::uint32_t, Names> found_;  // by component of the level below, named by its first node
};

// A closed walk that meets itself is several cycles.
void Finder::keep(const std::vector<Step>& walk, Names& found, std::uint64_t count) {
  std::vector<Step> open;
  for (const Step& step : walk) {
    open.push_back(step);
    const auto start = std::find_if(open.begin(), open.end(), [&](const Step& s) { return s.from == step.to; });
    if (start == open.end()) continue;
    keep_cycle({start, open.end()}, found, count);
    open.erase(start, open.end());
  }
}

// Unless what was found already implies this one.
void Finder::keep_cycle(std::vector<Step> steps, Names& found, std::uint64_t count) {
  // A cycle may start anywhere: at its smallest transaction, so that equal cycles read the same.
  const auto smallest =
      std::min_element(steps.begin(), steps.end(), [](const Step& a, const Step& b) { return a.from < b.from; });
  std::rotate(steps.begin(), smallest, steps.end());
  Cycle cycle{cycle_kind(steps), std::move(steps)};
  if (implied_by(found, cycle.anomaly)) return;
  found.insert(cycle.anomaly);
  report_.counts[cycle.anomaly] += count;
  std::vector<Cycle>& examples = report_.cycles[cycle.anomaly];
  const auto place = std::upper_bound(examples.begin(), examples.end(), cycle,
                                      [](const Cycle& a, const Cycle& b) { return a.steps.size() < b.steps.size(); });
  examples.insert(place, std::move(cycle));
  if (examples.size() > std::max<std::size_t>(problem_.examples_max, 1)) examples.pop_back();
}

void Finder::search_components(const Graph& graph, Level level) {
  const auto all = components(graph, mask_of(level));
  for (const auto& nodes : all)
    report_.largest_component = std::max<std::uint64_t>(report_.largest_component, nodes.size());
  report_.components = std::max<std::uint64_t>(report_.components, all.size());
  // Measured: 200 to 300 bytes a transaction for its own graph, doubled, and the search.
  constexpr std::uint64_t kSearchBytes = 300;
  if (const std::uint64_t needed = problem_.held_bytes + report_.largest_component * kSearchBytes;
      report_.largest_component > 1000 && needed > budget_.memory_bytes()) {
    report_.memory_needed = needed;
    // One of its cycles is there for little.
    for (const auto& nodes : all) {
      Names found;
      if (nodes.size() == report_.largest_component) keep(any_cycle(graph, nodes, mask_of(level)), found);
    }
    return;
  }
  std::unordered_map<std::uint32_t, Names> next;
  for (const std::vector<std::uint32_t>& nodes : all) {
    if (budget_.time_spent()) report_.time_spent = true;
    if (stop()) return;
    Names found;
    for (std::size_t i = 0; i < nodes.size() && !found_.empty(); ++i) {
      if (const auto lower = found_.find(nodes[i]); lower != found_.end())
        found.insert(lower->second.begin(), lower->second.end());
    }
    search_component(graph, nodes, level, found);
    next.emplace(nodes.front(), std::move(found));
  }
  found_ = std::move(next);
}

// A cycle through the first transaction of a component, by one pass.
std::vector<Step> Finder::any_cycle(const Graph& graph, std::span<const std::uint32_t> nodes, std::uint8_t mask) const {
  constexpr std::uint32_t kOutside = kNone - 1;
  std::vector<std::uint32_t> parent(graph.size(), kOutside), edge(graph.size(), kNone);
  for (const std::uint32_t node : nodes) parent[node] = kNone;
  const std::uint32_t start = nodes.front();  // hubs have the highest numbers
  std::deque<std::uint32_t> queue = {start};
  while (!queue.empty() && parent[start] == kNone) {
    const std::uint32_t node = queue.front();
    queue.pop_front();
    for (std::uint32_t e = graph.begin(node); e < graph.end(node); ++e) {
      const std::uint32_t to = graph.to(e);
      if (parent[to] != kNone || !within(graph.kind(e), mask)) continue;
      parent[to] = node;
      edge[to] = e;
      queue.push_back(to);
    }
  }
  Walk walk;
  std::uint32_t at = start;
  do {
    walk.nodes.push_back(at);
    walk.kinds.push_back(graph.kind(edge[at]));
    at = parent[at];
  } while (at != start);
  walk.nodes.push_back(start);
  std::reverse(walk.nodes.begin(), walk.nodes.end());
  std::reverse(walk.kinds.begin(), walk.kinds.end());
  return steps_of(walk, {});
}

// One example of each kind that nothing found yet implies.
void Finder::search_component(const Graph& graph, std::span<const std::uint32_t> nodes, Level level, Names& found) {
  const std::uint8_t mask = mask_of(level);
  const Graph local = induced(graph, nodes, mask);
  if (level != Level::plain) {
    bool own = false;
    for (std::uint32_t e = 0; e < local.edges() && !own; ++e)
      own = !within(local.kind(e), mask_of(level == Level::process ? Level::plain : Level::process));
    if (!own) return;  // nothing that the level below did not have
  }
  Search search(local, steps_);

  const auto wanted = [&](Shape shape) {
    return !implied_by(found, std::string(kShapeNames[static_cast<std::size_t>(shape)]) + suffix_of(level));
  };
  // Starts are searched in order, each only for something shorter than the best; the first to succeed is always
  // finished.
  const auto best_of = [&](Shape shape, const auto& starts, std::uint32_t shortest_possible, const auto& from) {
    std::optional<std::vector<Step>> best;
    std::uint32_t limit = UINT32_MAX - 1;
    for (const auto& start : starts) {
      if (steps_ > problem_.steps_max && (best || shape == Shape::single)) {
        if (!best)
          report_.undecided.insert(std::string(kShapeNames[static_cast<std::size_t>(shape)]) + suffix_of(level));
        break;
      }
      std::optional<Walk> walk = from(start, limit);
      if (!walk) continue;
      limit = walk->length - 1;
      best = steps_of(*walk, nodes);
      if (walk->length <= shortest_possible) break;
    }
    if (best) keep(*best, found);
    return best.has_value();
  };
  const auto cycle_from = [&](Shape shape) {
    return [&search, mask, shape](std::uint32_t start, std::uint32_t limit) {
      return search.shortest(shape, mask, start, 0, limit, [&](std::uint32_t node, int) { return node == start; });
    };
  };

  for (const Shape shape : {Shape::writes, Shape::dependencies}) {
    if (!wanted(shape)) continue;
    std::vector<std::uint32_t> starts;
    const std::uint8_t excluded = shape == Shape::writes ? kRw | kWr | kHop : kRw | kHop;
    for (const auto& component : components(local, static_cast<std::uint8_t>(mask & ~excluded)))
      starts.insert(starts.end(), component.begin(), component.end());
    best_of(shape, starts, 2, cycle_from(shape));
  }

  // Anti-dependencies that lie on a closed walk without two of them in a row.
  struct Anti {
    std::uint32_t from, edge;
  };
  std::vector<Anti> every, nonadjacent;
  {
    std::vector<Edge> doubled;
    for (std::uint32_t node = 0; node < local.size(); ++node) {
      for (std::uint32_t e = local.begin(node); e < local.end(node); ++e) {
        if (local.kind(e) & kRw) every.push_back({node, e});
        for (int state = 0; state < 2; ++state) {
          const int to = next_state(Shape::nonadjacent, state, local.kind(e));
          if (to >= 0)
            doubled.push_back(
                {node * 2 + static_cast<std::uint32_t>(state), local.to(e) * 2 + static_cast<std::uint32_t>(to), kWw});
        }
      }
    }
    std::vector<std::uint32_t> component(local.size() * 2ull, kNone);
    std::uint32_t number = 0;
    for (const auto& members : components(Graph(local.size() * 2, doubled), kWw)) {
      for (const std::uint32_t member : members) component[member] = number;
      ++number;
    }
    for (const Anti& anti : every) {
      const std::uint32_t from = component[anti.from * 2];
      if (from != kNone && from == component[local.to(anti.edge) * 2 + (is_anti(local.kind(anti.edge)) ? 1 : 0)])
        nonadjacent.push_back(anti);
    }
  }
  // From behind an anti-dependency back to its start: the walk is closed by the edge itself.
  const auto back_from = [&](Shape shape) {
    return [&, shape](const Anti& anti, std::uint32_t limit) -> std::optional<Walk> {
      const int state = next_state(shape, 0, local.kind(anti.edge));
      const auto closes = [&](int at) { return shape == Shape::nonadjacent && state == 1 ? at == 0 : true; };
      std::optional<Walk> walk =
          search.shortest(shape, mask, local.to(anti.edge), state, limit == UINT32_MAX - 1 ? limit : limit - 1,
                          [&](std::uint32_t node, int at) { return node == anti.from && closes(at); });
      if (!walk) return walk;
      walk->nodes.insert(walk->nodes.begin(), anti.from);
      walk->kinds.insert(walk->kinds.begin(), local.kind(anti.edge));
      ++walk->length;
      return walk;
    };
  };
  if (wanted(Shape::single)) best_of(Shape::single, nonadjacent, 2, back_from(Shape::single));
  if (wanted(Shape::nonadjacent)) best_of(Shape::nonadjacent, nonadjacent, 4, back_from(Shape::nonadjacent));
  if (wanted(Shape::any)) best_of(Shape::any, every, 2, back_from(Shape::any));
}

// Transactions whose dependents include one that had completed before they were invoked, and the first of them.
std::uint64_t Finder::sweep(const Graph& graph, Shape shape, std::uint32_t* first) const {
  constexpr std::uint8_t mask = kPlain | kByProcess | kByRealtime;
  std::vector<bool> seen(graph.size() * 2ull, false);
  std::vector<std::uint32_t> stack;
  std::uint64_t count = 0;
  for (const std::uint32_t root : by_invocation_) {
    const std::uint32_t invoke = problem_.invoke[root];
    if (invoke == 0) break;
    if (seen[root * 2ull]) continue;
    bool violated = false;
    seen[root * 2ull] = true;
    stack.push_back(root * 2);
    while (!stack.empty()) {
      const std::uint32_t at = stack.back();
      stack.pop_back();
      const std::uint32_t node = at / 2;
      if (node < problem_.txns && problem_.complete[node] < invoke && (shape != Shape::single || at % 2 == 1))
        violated = true;
      for (std::uint32_t e = graph.begin(node); e < graph.end(node); ++e) {
        if (!within(graph.kind(e), mask)) continue;
        const int state = next_state(shape, static_cast<int>(at % 2), graph.kind(e));
        if (state < 0) continue;
        const std::uint32_t to = graph.to(e) * 2 + static_cast<std::uint32_t>(state);
        if (seen[to]) continue;
        seen[to] = true;
        stack.push_back(to);
      }
    }
    if (violated && count++ == 0 && first) *first = root;
  }
  return count;
}

void Finder::search_realtime(const Graph& graph, Shape shape, std::uint32_t first, std::uint64_t count) {
  constexpr std::uint8_t mask = kPlain | kByProcess | kByRealtime;
  Search search(graph, steps_);
  std::vector<std::vector<Step>> cycles;
  std::uint32_t limit = UINT32_MAX - 2;
  const auto try_from = [&](std::uint32_t root) {
    const std::uint32_t invoke = problem_.invoke[root];
    std::optional<Walk> walk = search.shortest(shape, mask, root, 0, limit, [&](std::uint32_t node, int state) {
      return node < problem_.txns && problem_.complete[node] < invoke && (shape != Shape::single || state == 1);
    });
    if (!walk) return;
    if (walk->length < limit) cycles.clear();
    limit = walk->length;
    std::vector<Step> steps = steps_of(*walk, {});
    steps.push_back({steps.back().to, root, kRealtime});
    cycles.push_back(std::move(steps));
  };
  try_from(first);
  for (std::uint32_t root = 0; root < problem_.txns; ++root) {
    if (steps_ > problem_.steps_max || (limit <= 1 && cycles.size() >= problem_.examples_max)) break;
    if (root % 4096 == 0 && budget_.time_spent()) break;
    if (problem_.invoke[root] != 0 && root != first) try_from(root);
  }
  Names all;
  for (const auto& [_, names] : found_) all.insert(names.begin(), names.end());
  for (std::size_t i = 0; i < cycles.size(); ++i) {
    Names found = all;  // several examples of one kind
    keep(cycles[i], found, i == 0 ? count : 0);
    if (i + 1 == cycles.size()) found_[cycles[i].front().from].insert(found.begin(), found.end());
  }
}

void Finder::sweep_realtime(const Graph& graph) {
  for (const Shape shape : {Shape::writes, Shape::dependencies, Shape::single, Shape::nonadjacent, Shape::any}) {
    if (budget_.time_spent()) report_.time_spent = true;
    if (stop()) return;
    Names all;
    for (const auto& [_, names] : found_) all.insert(names.begin(), names.end());
    if (implied_by(all, std::string(kShapeNames[static_cast<std::size_t>(shape)]) + "-realtime")) continue;
    std::uint32_t first = kNone;
    if (const std::uint64_t count = sweep(graph, shape, &first); count > 0) search_realtime(graph, shape, first, count);
  }
}

CycleReport Finder::run() {
  Graph graph(problem_.nodes, problem_.edges);
  report_.edges = graph.edges();
  if (problem_.realtime) {
    by_invocation_.resize(problem_.txns);
    std::iota(by_invocation_.rbegin(), by_invocation_.rend(), 0);
    const auto later = [&](std::uint32_t a, std::uint32_t b) { return problem_.invoke[a] > problem_.invoke[b]; };
    if (!std::is_sorted(by_invocation_.begin(), by_invocation_.end(), later))
      std::stable_sort(by_invocation_.begin(), by_invocation_.end(), later);
  }
  // Most histories are valid, and end here: one pass for components, one for the real-time order.
  bool suspicious = problem_.process;
  if (!suspicious) {
    const std::uint8_t mask = problem_.realtime ? kPlain | kByProcess | kByRealtime : kPlain;
    suspicious = !components(graph, mask).empty() || (problem_.realtime && sweep(graph, Shape::any, nullptr) > 0);
  }
  if (!suspicious) return std::move(report_);

  search_components(graph, Level::plain);
  if (problem_.process || problem_.realtime) {
    std::vector<Edge> edges = problem_.edges;
    for (const auto& [from, to] : problem_.process_order()) {
      // With the real-time order asked for, a process's order counts where that order proves it.
      if (problem_.process || problem_.complete[from] < problem_.invoke[to]) edges.push_back({from, to, kProcess});
    }
    const Graph ordered(problem_.nodes, edges);
    if (!stop()) search_components(ordered, Level::process);
    if (!stop() && problem_.realtime) search_components(ordered, Level::realtime);
  }
  if (!stop() && problem_.realtime) sweep_realtime(graph);
  return std::move(report_);
}

}  // namespace

std::string cycle_kind(const std::vector<Step>& steps) {
  std::size_t anti = 0;
  bool adjacent = false, read = false, process = false, realtime = false, derived = false;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const std::uint8_t kind = steps[i].kind;
    if (is_anti(kind)) {
      ++anti;
      adjacent |= is_anti(steps[(i + 1) % steps.size()].kind);
    }
    read |= (kind & kWr) != 0;
    process |= (kind & (kProcess | kByProcess)) != 0;
    realtime |= (kind & (kRealtime | kByRealtime)) != 0;
    derived |= (kind & (kByProcess | kByRealtime | kRw)) != 0;
  }
  // A version order that is known only by an order in time takes for granted that there is no G-single of that kind:
  // what it shows can be no weaker than that.
  std::string name = anti >= 2              ? (adjacent ? "G2-item" : "G-nonadjacent-item")
                     : anti == 1 || derived ? "G-single-item"
                     : read                 ? "G1c"
                                            : "G0";
  return name + (realtime ? "-realtime" : process ? "-process" : "");
}

std::vector<Step> shortest_cycle(const Graph& graph, std::span<const std::uint32_t> nodes, std::uint64_t steps_max) {
  const Graph local = induced(graph, nodes, UINT8_MAX);
  std::uint64_t steps = 0;
  Search search(local, steps);
  std::vector<Step> best;
  std::uint32_t limit = UINT32_MAX - 1;
  for (std::uint32_t start = 0; start < local.size(); ++start) {
    if (!best.empty() && (steps > steps_max || limit < 2)) break;
    const auto walk =
        search.shortest(Shape::any, UINT8_MAX, start, 0, limit, [&](std::uint32_t node, int) { return node == start; });
    if (!walk) continue;
    limit = walk->length - 1;
    // It starts where it does not start with a hop.
    if (walk->kinds.front() & kHop) continue;
    best = steps_of(*walk, nodes);
  }
  return best;
}

CycleReport find_cycles(const CycleProblem& problem, const Budget& budget) {
  return Finder(problem, budget).run();
}

}  // namespace shaketable::isolation

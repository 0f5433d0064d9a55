// Cycles of dependencies between transactions. T1 -wr-> T2: T2 polled what T1 sent. T1 -ww-> T2: T2 sent the message
// right after one of T1's (only with ww-deps: in Kafka's model sends of different transactions interleave as they
// like). To these come the order of each process and real time. A cycle is named by the least it needs: G0 (ww), G1c
// (ww and wr), and -process or -realtime where it needs that order.

#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "checkers/aggregate/kafka_log.h"

namespace shaketable::aggregate {
namespace {

enum class Edge : std::uint8_t { ww, wr, process, time };

struct Arc {
  std::size_t to;
  Edge kind;
  const Value* value;  // for ww and wr: the message of the source
  std::size_t key;
};

using Graph = std::vector<std::vector<Arc>>;

// Tarjan's strongly connected components, without recursion: the component of every node, numbered in order of
// completion.
std::vector<std::size_t> components_of(const Graph& graph) {
  constexpr std::size_t kUnseen = SIZE_MAX;
  std::vector<std::size_t> number(graph.size(), kUnseen), low(graph.size()), component(graph.size(), kUnseen);
  std::vector<std::size_t> stack;
  struct Frame {
    std::size_t node, arc;
  };
  std::vector<Frame> frames;
  std::size_t numbers = 0, components = 0;
  for (std::size_t root = 0; root < graph.size(); ++root) {
    if (number[root] != kUnseen) continue;
    frames.push_back({root, 0});
    while (!frames.empty()) {
      auto& [node, arc] = frames.back();
      if (arc == 0) {
        number[node] = low[node] = numbers++;
        stack.push_back(node);
      }
      if (arc < graph[node].size()) {
        const std::size_t to = graph[node][arc++].to;
        if (number[to] == kUnseen)
          frames.push_back({to, 0});
        else if (component[to] == kUnseen)
          low[node] = std::min(low[node], number[to]);
        continue;
      }
      if (low[node] == number[node]) {
        for (;;) {
          const std::size_t member = stack.back();
          stack.pop_back();
          component[member] = components;
          if (member == node) break;
        }
        ++components;
      }
      const std::size_t done = node;
      frames.pop_back();
      if (!frames.empty()) low[frames.back().node] = std::min(low[frames.back().node], low[done]);
    }
  }
  return component;
}

// A shortest cycle through `start` inside its component: the arcs in turn, by the node each starts from.
std::vector<std::pair<std::size_t, const Arc*>> cycle_through(const Graph& graph,
                                                              const std::vector<std::size_t>& component,
                                                              std::size_t start) {
  std::unordered_map<std::size_t, std::pair<std::size_t, const Arc*>> came;  // node: from where, by which arc
  std::deque<std::size_t> queue{start};
  while (!queue.empty()) {
    const std::size_t node = queue.front();
    queue.pop_front();
    for (const Arc& arc : graph[node]) {
      if (component[arc.to] != component[start] || came.count(arc.to)) continue;
      came[arc.to] = {node, &arc};
      if (arc.to == start) {
        std::vector<std::pair<std::size_t, const Arc*>> cycle;
        std::size_t at = start;
        do {
          cycle.push_back(came[at]);
          at = came[at].first;
        } while (at != start);
        std::reverse(cycle.begin(), cycle.end());
        return cycle;
      }
      queue.push_back(arc.to);
    }
  }
  return {};
}

class Cycles {
 public:
  Cycles(const KafkaHistory& history, Findings& findings)
      : history_(history), findings_(findings), reported_(history.transactions.size()) {}

  // Reports one cycle for each component of the graph that holds two transactions and none that was reported already.
  void report(const Graph& graph, std::string_view name) {
    const std::vector<std::size_t> component = components_of(graph);
    const std::size_t transactions = history_.transactions.size();
    std::unordered_map<std::size_t, std::vector<std::size_t>> members;
    for (std::size_t t = 0; t < transactions; ++t) members[component[t]].push_back(t);
    for (std::size_t t = 0; t < transactions; ++t) {
      const auto& group = members[component[t]];
      if (group.size() < 2 || group.front() != t) continue;
      const bool known = std::any_of(group.begin(), group.end(), [&](std::size_t member) { return reported_[member]; });
      for (std::size_t member : group) reported_[member] = true;
      if (!known) report_cycle(graph, component, t, name);
    }
  }

 private:
  void report_cycle(const Graph& graph, const std::vector<std::size_t>& component, std::size_t start,
                    std::string_view name) {
    const std::size_t transactions = history_.transactions.size();
    std::string text;
    std::vector<Value> places;
    const Arc* time = nullptr;
    std::size_t from = start;
    const auto call = [&](std::size_t t) -> const Call& { return *history_.transactions[t].call; };
    for (const auto& [node, arc] : cycle_through(graph, component, start)) {
      if (node < transactions) {
        from = node;
        places.push_back(place(call(node).place()));
      }
      if (arc->to >= transactions) {  // into the chain of moments
        time = arc;
        continue;
      }
      if (!text.empty()) text += "; ";
      if (time != nullptr || arc->kind == Edge::time)
        text += fmt::format("{} completed before {} began", name_of(call(from)), name_of(call(arc->to)));
      else if (arc->kind == Edge::process)
        text += fmt::format("{} came before {} in the same process", name_of(call(from)), name_of(call(arc->to)));
      else if (arc->kind == Edge::wr)
        text += fmt::format("{} sent {} to key {}, which {} polled", name_of(call(from)), shown(*arc->value),
                            shown(history_.logs[arc->key].key), name_of(call(arc->to)));
      else
        text += fmt::format("{} sent {} to key {} right before a message of {}", name_of(call(from)),
                            shown(*arc->value), shown(history_.logs[arc->key].key), name_of(call(arc->to)));
      time = nullptr;
    }
    findings_.add(name, text, details({{"cycle", Value::list(std::move(places))}}));
  }

  const KafkaHistory& history_;
  Findings& findings_;
  std::vector<bool> reported_;
};

void add_wr(const KafkaHistory& history, Graph& graph) {
  for (std::size_t k = 0; k < history.logs.size(); ++k)
    for (const Value& value : history.logs[k].sent) {
      const ValueState& state = history.logs[k].values.at(value);
      if (state.senders.size() != 1) continue;  // none, or nobody knows which of them was polled
      for (std::size_t poller : state.pollers)
        if (poller != state.senders.front() && !history.transactions[poller].call->failed())
          graph[state.senders.front()].push_back({poller, Edge::wr, &value, k});
    }
}

void add_ww(const KafkaHistory& history, Graph& graph) {
  for (std::size_t k = 0; k < history.logs.size(); ++k) {
    const PartitionLog& log = history.logs[k];
    const Value* before = nullptr;
    for (const auto& [offset, values] : log.at_offset) {
      const Value* here =
          values.size() == 1 && log.values.at(values.front()).senders.size() == 1 ? &values.front() : nullptr;
      if (here && before) {
        const std::size_t from = log.values.at(*before).senders.front(), to = log.values.at(*here).senders.front();
        if (from != to) graph[from].push_back({to, Edge::ww, before, k});
      }
      before = here;
    }
  }
}

void add_process(const KafkaHistory& history, Graph& graph) {
  std::unordered_map<std::int64_t, std::size_t> last;
  for (std::size_t t = 0; t < history.transactions.size(); ++t) {
    if (history.transactions[t].call->failed()) continue;
    const auto [at, first] = last.try_emplace(history.transactions[t].call->process, t);
    if (first) continue;
    graph[at->second].push_back({t, Edge::process, nullptr, 0});
    at->second = t;
  }
}

// Real time as a chain of moments: a transaction reaches the moment of its completion, and each moment what begins
// after it. That takes two arcs a transaction instead of one for every pair.
void add_realtime(const KafkaHistory& history, Graph& graph) {
  struct Moment {
    std::int64_t at;
    std::size_t transaction;
    bool ends;
  };
  const std::size_t transactions = history.transactions.size();
  std::vector<Moment> moments;
  for (std::size_t t = 0; t < transactions; ++t) {
    const Call& call = *history.transactions[t].call;
    if (call.failed()) continue;
    if (call.start != kBeforeAll) moments.push_back({call.start, t, false});
    if (call.end != kNever) moments.push_back({call.end, t, true});
  }
  std::sort(moments.begin(), moments.end(), [](const Moment& a, const Moment& b) { return a.at < b.at; });
  graph.resize(transactions + moments.size());
  for (std::size_t m = 0; m < moments.size(); ++m) {
    const std::size_t node = transactions + m;
    if (m + 1 < moments.size()) graph[node].push_back({node + 1, Edge::time, nullptr, 0});
    if (moments[m].ends)
      graph[moments[m].transaction].push_back({node, Edge::time, nullptr, 0});
    else
      graph[node].push_back({moments[m].transaction, Edge::time, nullptr, 0});
  }
}

}  // namespace

bool find_kafka_cycles(const KafkaHistory& history, const Input& input, Findings& findings) {
  Cycles cycles(history, findings);
  const bool sends = input.options.boolean("ww-deps");
  Graph writes(history.transactions.size());
  if (sends) add_ww(history, writes);
  Graph all = writes;
  add_wr(history, all);
  // The worst first: a component is reported by the least that it needs.
  using Order = void (*)(const KafkaHistory&, Graph&);
  const std::pair<const char*, Order> orders[] = {
      {"", nullptr}, {"-process", add_process}, {"-realtime", add_realtime}};
  for (const auto& [suffix, add] : orders) {
    for (const bool only_sends : {true, false}) {
      if (only_sends && !sends) continue;
      if (input.budget.time_spent()) return false;
      Graph graph = only_sends ? writes : all;
      if (add) add(history, graph);
      cycles.report(graph, (only_sends ? "G0" : "G1c") + std::string(suffix));
    }
  }
  return true;
}

}  // namespace shaketable::aggregate

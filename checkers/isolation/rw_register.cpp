// Registers: who wrote what was read is known, the order of versions is not. It is put together from several sources
// (Kingsbury & Alvaro, VLDB 2020, section 5); where they leave it open, nothing is concluded.

#include <algorithm>
#include <deque>
#include <unordered_map>
#include <unordered_set>

#include "base/text.h"
#include "checkers/isolation/isolation.h"
#include "checkers/isolation/judge.h"
#include "checkers/isolation/weak.h"
#include "checkers/isolation/writes.h"

namespace shaketable {
namespace isolation {
namespace {

// What one transaction did to one key.
struct Touch {
  std::uint32_t txn = 0, key = 0;
  std::uint32_t read = kNone;     // the version it read before it wrote the key
  std::uint32_t written = kNone;  // the version it left
  std::uint32_t first() const { return read != kNone ? read : written; }
  std::uint32_t last() const { return written != kNone ? written : read; }
};

struct VersionEdge {
  std::uint32_t from, to;
  std::uint8_t flags;  // 0, kByProcess or kByRealtime
  VersionOrder source;
};

class RwRegister {
 public:
  RwRegister(const Transactions& txns, const IsolationOptions& options, const Scope& scope)
      : txns_(txns), options_(options), scope_(scope), findings_(options.examples_max), writes_(txns) {}

  void find_anomalies();
  void order_versions();
  void build(CycleProblem& problem) const;
  Reason explain(const Step& step, const std::string& from, const std::string& to) const;
  Findings& findings() { return findings_; }

 private:
  using Source = void (RwRegister::*)(std::uint8_t flags, std::vector<VersionEdge>& edges) const;

  // Versions are numbered: writes first, then nil of each key, then values that were read though nobody wrote them.
  std::uint32_t nil_of(std::uint32_t key) const { return writes_.size() + key; }
  std::uint32_t versions() const { return nil_of(txns_.keys()) + static_cast<std::uint32_t>(unwritten_.size()); }
  std::uint32_t writer(std::uint32_t version) const { return version < writes_.size() ? writes_[version].txn : kNone; }
  std::uint32_t key_of(std::uint32_t version) const;
  Code code_of(std::uint32_t version) const;
  std::span<const Touch> touches(std::uint32_t key) const {
    return std::span(touches_).subspan(touch_rows_[key], touch_rows_[key + 1] - touch_rows_[key]);
  }
  bool uses(VersionOrder order) const {
    return std::find(options_.version_orders.begin(), options_.version_orders.end(), order) !=
           options_.version_orders.end();
  }

  void txn_anomalies(std::uint32_t txn);
  std::uint32_t read_version(std::uint32_t txn, const Mop& read);
  void judge_unwritten();
  void lost_updates();

  void initial_state(std::uint8_t flags, std::vector<VersionEdge>& edges) const;
  void assumed_initial(std::uint8_t flags, std::vector<VersionEdge>& edges) const;
  void writes_follow_reads(std::uint8_t flags, std::vector<VersionEdge>& edges) const;
  void transaction_order(std::uint8_t flags, std::vector<VersionEdge>& edges) const;
  void process_order(std::uint8_t flags, std::vector<VersionEdge>& edges) const;
  void realtime_order(std::uint8_t flags, std::vector<VersionEdge>& edges) const;
  void add_source(std::vector<VersionEdge> edges, const char* anomaly);
  std::vector<VersionEdge> shortest_cycle(const std::vector<VersionEdge>& edges,
                                          const std::vector<std::uint32_t>& nodes) const;
  const VersionEdge* ordered(std::uint32_t from, std::uint32_t to) const;

  std::string key_text(std::uint32_t key) const { return short_text(txns_.key(key)); }
  std::string value_text(Code code) const { return short_text(txns_.value(code)); }
  std::string op_text(std::uint32_t txn) const {
    return "operation " + std::to_string(txns_[txn].event - 1) + " " + txns_.text(txn);
  }
  Value op_number(std::uint32_t txn) const { return Value(static_cast<std::int64_t>(txns_[txn].event) - 1); }
  Value op_details(std::uint32_t txn, const Mop& mop) const {
    return Value::map({{"op", op_number(txn)}, {"key", txns_.key(mop.key)}, {"mop", txns_.mop_value(mop)}});
  }

  const Transactions& txns_;
  const IsolationOptions& options_;
  const Scope& scope_;
  Findings findings_;
  WriteIndex writes_;
  struct Unwritten {
    std::uint32_t key;
    Code value;
    std::vector<std::pair<std::uint32_t, Mop>> reads;
    bool initial = false;
  };
  std::vector<Unwritten> unwritten_;
  std::unordered_map<std::uint32_t, std::vector<std::uint32_t>> unwritten_of_;  // key -> indices of unwritten_
  std::vector<Touch> touches_;                                                  // by key
  std::vector<std::uint32_t> touch_rows_;
  std::vector<VersionEdge> order_;  // sorted by (from, to), one of each pair: the surest
};

std::uint32_t RwRegister::key_of(std::uint32_t version) const {
  const auto writes = writes_.size();
  if (version >= writes + txns_.keys()) return unwritten_[version - writes - txns_.keys()].key;
  if (version >= writes) return version - writes;
  return writes_.key_of(version);
}

Code RwRegister::code_of(std::uint32_t version) const {
  const auto writes = writes_.size();
  if (version < writes) return writes_[version].value;
  return version < writes + txns_.keys() ? kNil : unwritten_[version - writes - txns_.keys()].value;
}

void RwRegister::find_anomalies() {
  std::uint64_t twice = 0;
  for (std::uint32_t k = 0; k < txns_.keys(); ++k) {
    if (writes_.written_twice(k) && twice++ == 0)
      findings_.doubts.push_back("a value was written twice to " + key_text(k) +
                                 ": who wrote what was read there is not known");
  }
  for (std::uint32_t t = 0; t < txns_.size(); ++t) {
    if (txns_[t].type != OpType::fail) txn_anomalies(t);
  }
  judge_unwritten();
  touch_rows_.assign(txns_.keys() + 1, 0);
  for (const Touch& touch : touches_) ++touch_rows_[touch.key + 1];
  for (std::uint32_t k = 0; k < txns_.keys(); ++k) touch_rows_[k + 1] += touch_rows_[k];
  std::vector<std::uint32_t> next(touch_rows_.begin(), touch_rows_.end() - 1);
  std::vector<Touch> by_key(touches_.size());
  for (const Touch& touch : touches_) by_key[next[touch.key]++] = touch;
  touches_ = std::move(by_key);
  lost_updates();
}

// The version that a read from outside saw; kNone if that is none that could be ordered.
std::uint32_t RwRegister::read_version(std::uint32_t txn, const Mop& read) {
  if (const Write* write = writes_.find(read.key, read.value)) {
    if (!writes_.alive(*write)) {
      if (findings_.count("G1a"))
        findings_.add_example("G1a",
                              op_text(txn) + " read " + key_text(read.key) + " = " + value_text(read.value) + " of " +
                                  op_text(write->txn) + ", which had failed",
                              op_details(txn, read));
      return kNone;
    }
    if (write->txn == txn) {
      if (findings_.count("future-read"))
        findings_.add_example("future-read",
                              op_text(txn) + " read " + key_text(read.key) + " = " + value_text(read.value) +
                                  " before it wrote that itself",
                              op_details(txn, read));
      return kNone;
    }
    if (!write->final) {
      if (findings_.count("G1b"))
        findings_.add_example("G1b",
                              op_text(txn) + " read " + key_text(read.key) + " = " + value_text(read.value) +
                                  ", which " + op_text(write->txn) + " wrote before it wrote another",
                              op_details(txn, read));
      return kNone;
    }
    return writes_.number(*write);
  }
  if (read.value == kNil) return nil_of(read.key);
  std::vector<std::uint32_t>& of_key = unwritten_of_[read.key];
  auto found =
      std::find_if(of_key.begin(), of_key.end(), [&](std::uint32_t i) { return unwritten_[i].value == read.value; });
  if (found == of_key.end()) {
    of_key.push_back(static_cast<std::uint32_t>(unwritten_.size()));
    unwritten_.push_back({read.key, read.value, {}});
    found = of_key.end() - 1;
  }
  unwritten_[*found].reads.emplace_back(txn, read);
  return nil_of(txns_.keys()) + *found;
}

void RwRegister::txn_anomalies(std::uint32_t txn) {
  const std::span<const Mop> mops = txns_.mops(txns_[txn]);
  for (std::size_t i = 0; i < mops.size(); ++i) {
    const Mop& mop = mops[i];
    const auto same_key = [&](const Mop& m) { return m.key == mop.key; };
    const auto before =
        std::find_if(mops.rbegin() + static_cast<std::ptrdiff_t>(mops.size() - i), mops.rend(), same_key);
    if (before != mops.rend()) {
      if (!mop.write && before->value != mop.value && findings_.count("internal"))
        findings_.add_example("internal",
                              op_text(txn) + " read " + key_text(mop.key) + " = " + value_text(mop.value) +
                                  " after it had " + (before->write ? "written " : "read ") + value_text(before->value),
                              op_details(txn, mop));
      continue;
    }
    // The first sight of a key: what it reads comes from outside, what it writes last goes there.
    if (writes_.written_twice(mop.key)) continue;
    Touch touch;
    touch.txn = txn;
    touch.key = mop.key;
    if (!mop.write) touch.read = read_version(txn, mop);
    const auto last = std::find_if(mops.rbegin(), mops.rend(), [&](const Mop& m) { return m.write && same_key(m); });
    if (last != mops.rend()) touch.written = writes_.number(*writes_.find(mop.key, last->value));
    if (touch.first() != kNone) touches_.push_back(touch);
  }
}

// One value of a key that nobody wrote may be what the key held before the history began. Two, or one beside a nil,
// cannot.
void RwRegister::judge_unwritten() {
  if (unwritten_.empty()) return;
  std::unordered_set<std::uint32_t> nil_read;
  for (const Touch& touch : touches_) {
    if (touch.read == nil_of(touch.key)) nil_read.insert(touch.key);
  }
  for (const auto& [key, values] : unwritten_of_)
    unwritten_[values.front()].initial = values.size() == 1 && !nil_read.contains(key);
  for (const Unwritten& value : unwritten_) {
    if (value.initial) continue;
    for (const auto& [txn, read] : value.reads) {
      if (findings_.count("garbage-read"))
        findings_.add_example(
            "garbage-read",
            op_text(txn) + " read " + key_text(read.key) + " = " + value_text(read.value) + ", which nobody wrote",
            op_details(txn, read));
    }
  }
}

void RwRegister::lost_updates() {
  for (std::uint32_t k = 0; k < txns_.keys(); ++k) {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> updates;  // (version read, transaction)
    for (const Touch& touch : touches(k)) {
      if (touch.read != kNone && touch.written != kNone) updates.emplace_back(touch.read, touch.txn);
    }
    std::sort(updates.begin(), updates.end());
    for (std::size_t i = 0, j; i < updates.size(); i = j) {
      for (j = i + 1; j < updates.size() && updates[j].first == updates[i].first; ++j) {
      }
      if (j - i < 2 || !findings_.count("lost-update")) continue;
      const Code value = code_of(updates[i].first);
      std::string text = key_text(k) + " was read as " + value_text(value) + " and then written by each of:";
      std::vector<Value> ops;
      for (std::size_t u = i; u < j; ++u) {
        if (u - i < 8) text += "\n  " + op_text(updates[u].second);
        ops.push_back(op_number(updates[u].second));
      }
      findings_.add_example(
          "lost-update", std::move(text),
          Value::map({{"key", txns_.key(k)}, {"value", txns_.value(value)}, {"ops", Value::list(std::move(ops))}}));
    }
  }
}

void RwRegister::initial_state(std::uint8_t flags, std::vector<VersionEdge>& edges) const {
  for (std::uint32_t k = 0; k < txns_.keys(); ++k) {
    for (const Touch& touch : touches(k)) {
      for (const std::uint32_t version : {touch.read, touch.written}) {
        if (version != kNone && version != nil_of(k))
          edges.push_back({nil_of(k), version, flags, VersionOrder::initial_state});
      }
    }
  }
}

void RwRegister::assumed_initial(std::uint8_t flags, std::vector<VersionEdge>& edges) const {
  for (std::uint32_t i = 0; i < unwritten_.size(); ++i) {
    if (!unwritten_[i].initial) continue;
    const std::uint32_t initial = nil_of(txns_.keys()) + i;
    for (const Touch& touch : touches(unwritten_[i].key)) {
      for (const std::uint32_t version : {touch.read, touch.written}) {
        if (version != kNone && version != initial && version != nil_of(touch.key))
          edges.push_back({initial, version, flags, VersionOrder::assumed_initial});
      }
    }
  }
}

void RwRegister::writes_follow_reads(std::uint8_t flags, std::vector<VersionEdge>& edges) const {
  for (const Touch& touch : touches_) {
    if (touch.read != kNone && touch.written != kNone)
      edges.push_back({touch.read, touch.written, flags, VersionOrder::writes_follow_reads});
  }
}

// Of writes alone: what a transaction read may be older than its place.
void RwRegister::transaction_order(std::uint8_t flags, std::vector<VersionEdge>& edges) const {
  const auto place = [&](const Touch& touch) {
    const auto found = options_.transaction_order.find(static_cast<std::int64_t>(txns_[touch.txn].event) - 1);
    return found == options_.transaction_order.end() ? INT64_MIN : found->second;
  };
  for (std::uint32_t k = 0; k < txns_.keys(); ++k) {
    std::vector<std::pair<std::int64_t, std::uint32_t>> writes;
    for (const Touch& touch : touches(k)) {
      if (touch.written != kNone && place(touch) != INT64_MIN) writes.emplace_back(place(touch), touch.written);
    }
    std::sort(writes.begin(), writes.end());
    for (std::size_t i = 1; i < writes.size(); ++i)
      edges.push_back({writes[i - 1].second, writes[i].second, flags, VersionOrder::transaction_order});
  }
}

void RwRegister::process_order(std::uint8_t flags, std::vector<VersionEdge>& edges) const {
  const auto place = [&](const Touch& touch) {
    const Txn& txn = txns_[touch.txn];
    return txn.type == OpType::ok || txn.invoke == 0 ? txn.event : txn.invoke;
  };
  std::vector<Touch> all;
  std::unordered_map<std::uint32_t, const Touch*> last;  // by process
  for (std::uint32_t k = 0; k < txns_.keys(); ++k) {
    all.assign(touches(k).begin(), touches(k).end());
    std::sort(all.begin(), all.end(), [&](const Touch& a, const Touch& b) { return place(a) < place(b); });
    last.clear();
    for (const Touch& touch : all) {
      const Txn& txn = txns_[touch.txn];
      const Touch*& previous = last[txn.process];
      const bool follows = previous && ((txn.invoke == 0 && flags == 0) || txns_[previous->txn].complete < txn.invoke ||
                                        (txn.invoke == 0 && scope_.process));
      if (follows && previous->last() != touch.first())
        edges.push_back({previous->last(), touch.first(), flags, VersionOrder::process});
      if (touch.read != kNone && touch.written != kNone)
        edges.push_back({touch.read, touch.written, flags, VersionOrder::process});
      if (txn.type == OpType::ok) previous = &touch;
    }
  }
}

// Exact: what T left is not newer than what was there when a transaction began that was invoked after T completed. The
// buffer holds completed transactions that no other completed one follows: their order is all that is needed, the rest
// follows.
void RwRegister::realtime_order(std::uint8_t flags, std::vector<VersionEdge>& edges) const {
  struct Event {
    std::uint32_t at;
    bool completes;
    const Touch* touch;
  };
  std::vector<Event> events;
  std::vector<const Touch*> buffer;
  for (std::uint32_t k = 0; k < txns_.keys(); ++k) {
    events.clear();
    buffer.clear();
    for (const Touch& touch : touches(k)) {
      events.push_back({txns_[touch.txn].invoke, false, &touch});
      if (txns_[touch.txn].type == OpType::ok) events.push_back({txns_[touch.txn].complete, true, &touch});
      if (touch.read != kNone && touch.written != kNone)
        edges.push_back({touch.read, touch.written, flags, VersionOrder::realtime});
    }
    std::sort(events.begin(), events.end(), [](const Event& a, const Event& b) { return a.at < b.at; });
    for (const Event& event : events) {
      if (!event.completes) {
        if (event.at == 0) continue;
        for (const Touch* before : buffer) {
          if (before->last() != event.touch->first())
            edges.push_back({before->last(), event.touch->first(), flags, VersionOrder::realtime});
        }
        continue;
      }
      const std::uint32_t invoked = txns_[event.touch->txn].invoke;
      std::erase_if(buffer, [&](const Touch* before) { return txns_[before->txn].complete < invoked; });
      // Readers of one version that are still in the buffer say the same.
      const bool known = std::any_of(buffer.begin(), buffer.end(),
                                     [&](const Touch* before) { return before->last() == event.touch->last(); });
      if (!known) buffer.push_back(event.touch);
    }
  }
}

// A cycle of versions as short as the first of its nodes allows.
std::vector<VersionEdge> RwRegister::shortest_cycle(const std::vector<VersionEdge>& edges,
                                                    const std::vector<std::uint32_t>& nodes) const {
  std::unordered_map<std::uint32_t, std::vector<const VersionEdge*>> out;
  for (const VersionEdge& edge : edges) {
    if (std::binary_search(nodes.begin(), nodes.end(), edge.from) &&
        std::binary_search(nodes.begin(), nodes.end(), edge.to))
      out[edge.from].push_back(&edge);
  }
  std::vector<VersionEdge> best;
  constexpr std::size_t kStartsMax = 64;
  for (std::size_t i = 0; i < std::min(nodes.size(), kStartsMax); ++i) {
    std::unordered_map<std::uint32_t, const VersionEdge*> parent;
    std::deque<std::uint32_t> queue = {nodes[i]};
    while (!queue.empty() && !parent.contains(nodes[i])) {
      const std::uint32_t node = queue.front();
      queue.pop_front();
      for (const VersionEdge* edge : out[node]) {
        if (parent.try_emplace(edge->to, edge).second) queue.push_back(edge->to);
      }
    }
    std::vector<VersionEdge> cycle;
    for (std::uint32_t at = nodes[i]; cycle.empty() || at != nodes[i]; at = cycle.back().from)
      cycle.push_back(*parent.at(at));
    std::reverse(cycle.begin(), cycle.end());
    if (best.empty() || cycle.size() < best.size()) best = std::move(cycle);
    if (best.size() == 2) break;
  }
  return best;
}

// Adds a source's edges but for the keys whose order it makes contradict itself: those are anomalies.
void RwRegister::add_source(std::vector<VersionEdge> edges, const char* anomaly) {
  const auto key = [](const VersionEdge& e) { return std::tuple(e.from, e.to, e.flags, e.source); };
  edges.insert(edges.end(), order_.begin(), order_.end());
  std::sort(edges.begin(), edges.end(), [&](const VersionEdge& a, const VersionEdge& b) { return key(a) < key(b); });
  edges.erase(std::unique(edges.begin(), edges.end(),
                          [](const VersionEdge& a, const VersionEdge& b) { return a.from == b.from && a.to == b.to; }),
              edges.end());
  std::vector<Edge> plain;
  plain.reserve(edges.size());
  for (const VersionEdge& edge : edges) plain.push_back({edge.from, edge.to, kWw});
  const auto cyclic = components(Graph(versions(), plain), kWw);
  if (cyclic.empty()) {
    order_ = std::move(edges);
    return;
  }
  std::unordered_set<std::uint32_t> bad;
  for (const std::vector<std::uint32_t>& nodes : cyclic) {
    const std::uint32_t k = key_of(nodes.front());
    bad.insert(k);
    if (!findings_.count(anomaly)) continue;
    std::string text = key_text(k) + " has versions each of which is before another of them:";
    std::vector<Value> path;
    for (const VersionEdge& edge : shortest_cycle(edges, nodes)) {
      text += "\n  " + value_text(code_of(edge.from)) + " before " + value_text(code_of(edge.to)) + " (" +
              std::string(to_string(edge.source)) + ")";
      path.push_back(txns_.value(code_of(edge.from)));
    }
    findings_.add_example(anomaly, std::move(text),
                          Value::map({{"key", txns_.key(k)}, {"versions", Value::list(std::move(path))}}));
  }
  std::erase_if(edges, [&](const VersionEdge& edge) { return bad.contains(key_of(edge.from)); });
  for (const VersionEdge& edge : order_) {
    if (bad.contains(key_of(edge.from))) edges.push_back(edge);
  }
  std::sort(edges.begin(), edges.end(), [&](const VersionEdge& a, const VersionEdge& b) { return key(a) < key(b); });
  order_ = std::move(edges);
}

void RwRegister::order_versions() {
  constexpr std::pair<VersionOrder, Source> sources[] = {
      {VersionOrder::initial_state, &RwRegister::initial_state},
      {VersionOrder::assumed_initial, &RwRegister::assumed_initial},
      {VersionOrder::writes_follow_reads, &RwRegister::writes_follow_reads},
      {VersionOrder::transaction_order, &RwRegister::transaction_order},
      {VersionOrder::process, &RwRegister::process_order},
      {VersionOrder::realtime, &RwRegister::realtime_order}};
  // All that is known for certain at once; one after another only where that contradicts itself.
  std::vector<VersionEdge> known;
  for (const auto& [order, source] : sources) {
    if (uses(order)) (this->*source)(0, known);
  }
  std::vector<Edge> plain;
  plain.reserve(known.size());
  for (const VersionEdge& edge : known) plain.push_back({edge.from, edge.to, kWw});
  if (components(Graph(versions(), plain), kWw).empty()) {
    add_source(std::move(known), "cyclic-versions");
  } else {
    for (const auto& [order, source] : sources) {
      if (!uses(order)) continue;
      std::vector<VersionEdge> edges;
      (this->*source)(0, edges);
      add_source(std::move(edges), "cyclic-versions");
    }
  }
  if (!options_.orders_of_model) return;
  if ((scope_.process || scope_.realtime) && !uses(VersionOrder::process)) {
    std::vector<VersionEdge> edges;
    process_order(kByProcess, edges);
    add_source(std::move(edges), "cyclic-versions-process");
  }
  if (scope_.realtime && !uses(VersionOrder::realtime)) {
    std::vector<VersionEdge> edges;
    realtime_order(kByRealtime, edges);
    add_source(std::move(edges), "cyclic-versions-realtime");
  }
}

void RwRegister::build(CycleProblem& problem) const {
  problem.txns = problem.nodes = txns_.size();
  problem.edges.reserve(touches_.size() * 2);
  // Readers of each version, in rows.
  std::vector<std::uint32_t> rows(versions() + 1, 0), readers;
  for (const Touch& touch : touches_) {
    if (touch.read == kNone) continue;
    ++rows[touch.read + 1];
    if (const std::uint32_t from = writer(touch.read); from != kNone) problem.edges.push_back({from, touch.txn, kWr});
  }
  for (std::size_t v = 1; v < rows.size(); ++v) rows[v] += rows[v - 1];
  readers.resize(rows.back());
  std::vector<std::uint32_t> next(rows.begin(), rows.end() - 1);
  for (const Touch& touch : touches_) {
    if (touch.read != kNone) readers[next[touch.read]++] = touch.txn;
  }
  // The initial version comes before all; it needs an edge only to those that nothing else surely comes before.
  std::vector<bool> preceded(versions(), false);
  const auto initial = [](const VersionEdge& e) {
    return e.source == VersionOrder::initial_state || e.source == VersionOrder::assumed_initial;
  };
  for (const VersionEdge& edge : order_) {
    if (!initial(edge) && edge.flags == 0 && writer(edge.from) != kNone) preceded[edge.to] = true;
  }
  std::vector<std::uint32_t> writers;
  for (std::size_t i = 0, j; i < order_.size(); i = j) {
    const std::uint32_t from = order_[i].from;
    for (j = i; j < order_.size() && order_[j].from == from; ++j) {
    }
    const std::span<const std::uint32_t> of_version =
        std::span(readers).subspan(rows[from], rows[from + 1] - rows[from]);
    for (const std::uint8_t flags : {std::uint8_t{0}, std::uint8_t{kByProcess}, std::uint8_t{kByRealtime}}) {
      writers.clear();
      for (std::size_t e = i; e < j; ++e) {
        const VersionEdge& edge = order_[e];
        if (edge.flags != flags || writer(edge.to) == kNone || (initial(edge) && preceded[edge.to])) continue;
        writers.push_back(writer(edge.to));
        if (writer(from) != kNone && writer(from) != writer(edge.to))
          problem.edges.push_back({writer(from), writer(edge.to), static_cast<std::uint8_t>(kWw | flags)});
      }
      if (!writers.empty() && !of_version.empty())
        add_fan(problem, {of_version.begin(), of_version.end()}, writers, static_cast<std::uint8_t>(kRw | flags),
                static_cast<std::uint8_t>(kWw | kRw | flags));
    }
  }
}

const VersionEdge* RwRegister::ordered(std::uint32_t from, std::uint32_t to) const {
  const auto found = std::lower_bound(order_.begin(), order_.end(), std::pair(from, to),
                                      [](const VersionEdge& e, const std::pair<std::uint32_t, std::uint32_t>& p) {
                                        return std::pair(e.from, e.to) < p;
                                      });
  return found != order_.end() && found->from == from && found->to == to ? &*found : nullptr;
}

Reason RwRegister::explain(const Step& step, const std::string& from, const std::string& to) const {
  for (const Mop& mine : txns_.mops(txns_[step.from])) {
    for (const Mop& other : txns_.mops(txns_[step.to])) {
      if (mine.key != other.key) continue;
      const std::string key = key_text(mine.key);
      const auto version = [&](const Mop& mop) {
        const Write* write = writes_.find(mop.key, mop.value);
        if (write) return writes_.number(*write);
        if (mop.value == kNil) return nil_of(mop.key);
        for (std::uint32_t i = 0; i < unwritten_.size(); ++i) {
          if (unwritten_[i].key == mop.key && unwritten_[i].value == mop.value) return nil_of(txns_.keys()) + i;
        }
        return kNone;
      };
      if (step.kind == kWr) {
        if (mine.write && !other.write && mine.value == other.value)
          return {to + " read " + key + " = " + value_text(other.value) + ", which " + from + " had written",
                  {{"key", txns_.key(mine.key)}, {"value", txns_.value(mine.value)}}};
        continue;
      }
      const bool anti = step.kind & kRw;
      if (mine.write == anti || !other.write) continue;
      const VersionEdge* edge = ordered(version(mine), version(other));
      if (!edge) continue;
      std::string why = " (" + value_text(mine.value) + " is before " + value_text(other.value) + " by " +
                        std::string(to_string(edge->source)) + ")";
      return {to + " wrote " + key + " = " + value_text(other.value) + " after " + from + " had " +
                  (anti ? "read " : "written ") + value_text(mine.value) + why,
              {{"key", txns_.key(mine.key)},
               {"value", txns_.value(mine.value)},
               {"value'", txns_.value(other.value)},
               {"source", Value(to_string(edge->source))}}};
    }
  }
  return {from + " comes before " + to, {}};
}

class RwRegisterChecker final : public IsolationChecker {
 public:
  explicit RwRegisterChecker(IsolationOptions options)
      : options_(std::move(options)), txns_(Workload::rw_register, options_.memory_bytes) {}

  Result<void> take(Operation operation) override { return txns_.take(operation); }

  Result<Verdict> finish(const Budget& budget, Pool*) override {
    if (auto known = validate(options_); !known) return Failure(known.error());
    txns_.end();
    if (txns_.full()) return too_large("rw-register", txns_, options_);
    const AskedLevels asked = asked_levels(options_.consistency_models);
    Verdict verdict;
    if (asked.levels.empty() || !asked.models.empty() || !options_.anomalies.empty()) {
      options_.consistency_models = asked.models;
      verdict = by_dependencies(budget);
      if (!asked.levels.empty()) merge(verdict, check_levels(asked.levels, txns_, options_, budget));
    } else {
      verdict = check_levels(asked.levels, txns_, options_, budget);
    }
    verdict.checker = "rw-register";
    return verdict;
  }

 private:
  Verdict by_dependencies(const Budget& budget) {
    const Scope scope = scope_of(options_);
    RwRegister registers(txns_, options_, scope);
    registers.find_anomalies();
    registers.order_versions();
    CycleReport report;
    bool empty = false;
    {
      CycleProblem problem;
      registers.build(problem);
      add_orders(problem, txns_, scope);
      problem.steps_max = options_.search_steps_max;
      problem.examples_max = options_.examples_max;
      problem.held_bytes = txns_.bytes() + cycle_bytes(problem);
      empty = is_empty(problem);
      if (std::string why = too_large(problem, txns_, budget); !why.empty())
        registers.findings().doubts.push_back(std::move(why));
      else
        report = find_cycles(problem, budget);
    }
    add_cycles(registers.findings(), report, txns_,
               [&](const Step& step, const std::string& from, const std::string& to) {
                 return registers.explain(step, from, to);
               });
    return judge("rw-register", options_, txns_, registers.findings(), report, empty);
  }

  IsolationOptions options_;
  Transactions txns_;
};

}  // namespace
}  // namespace isolation

std::unique_ptr<IsolationChecker> make_rw_register_checker(IsolationOptions options) {
  return std::make_unique<isolation::RwRegisterChecker>(std::move(options));
}

Result<Verdict> check_rw_register(const History& history, const IsolationOptions& options, const Budget& budget,
                                  Pool* pool) {
  const std::unique_ptr<IsolationChecker> checker = make_rw_register_checker(options);
  for (const Operation& operation : history.operations) {
    if (auto taken = checker->take(operation); !taken) return Failure(taken.error());
  }
  return checker->finish(budget, pool);
}

}  // namespace shaketable

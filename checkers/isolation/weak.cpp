// Weak levels, by the axioms of Biswas & Enea (OOPSLA 2019): a level holds iff a commit order exists that contains the
// order of sessions and who read from whom, and in which, for every read of x from t1, every other writer of x that the
// level makes the reader see comes before t1. Those constraints are found as AWDIT does (Møldrup et al., PLDI 2025); a
// level is broken iff they have a cycle.

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "base/text.h"
#include "checkers/isolation/cycles.h"
#include "checkers/isolation/isolation.h"
#include "checkers/isolation/judge.h"
#include "checkers/isolation/writes.h"

namespace shaketable {
namespace isolation {
namespace {

struct Read {
  std::uint32_t key, from;  // the transaction that wrote what was read, or that of the initial state
};

struct Writer {
  std::uint32_t session, index, txn;
};

// Which levels a level implies, directly.
const std::vector<std::pair<WeakLevel, std::vector<WeakLevel>>>& weaker_levels() {
  using L = WeakLevel;
  static const std::vector<std::pair<L, std::vector<L>>> table = {
      {L::read_committed, {}},
      {L::read_atomic, {L::read_committed}},
      {L::causal, {L::read_atomic, L::writes_follow_reads, L::pram}},
      {L::monotonic_reads, {}},
      {L::monotonic_writes, {}},
      {L::read_your_writes, {}},
      {L::writes_follow_reads, {}},
      {L::pram, {L::monotonic_reads, L::read_your_writes}},
      {L::sequential, {L::causal}},
  };
  return table;
}

bool implies(WeakLevel strong, WeakLevel weak) {
  if (strong == weak) return true;
  for (const auto& [level, weaker] : weaker_levels()) {
    if (level == strong)
      return std::any_of(weaker.begin(), weaker.end(), [&](WeakLevel w) { return implies(w, weak); });
  }
  return false;
}

class Weak {
 public:
  Weak(const Transactions& txns, const IsolationOptions& options, const Budget& budget)
      : txns_(txns),
        options_(options),
        budget_(budget),
        findings_(options.examples_max),
        writes_(txns),
        initial_(txns.size()),
        nodes_(txns.size() + 1) {}

  Verdict check(WeakLevel level);

 private:
  struct Inferred {
    std::uint32_t from, to, reader, key;
  };

  void find_reads();
  void find_sessions();
  std::span<const Read> reads(std::uint32_t txn) const {
    return std::span(reads_).subspan(read_rows_[txn], read_rows_[txn + 1] - read_rows_[txn]);
  }
  std::span<const std::uint32_t> written(std::uint32_t txn) const {
    return std::span(written_).subspan(written_rows_[txn], written_rows_[txn + 1] - written_rows_[txn]);
  }
  bool writes(std::uint32_t txn, std::uint32_t key) const {
    const auto keys = written(txn);
    return std::binary_search(keys.begin(), keys.end(), key);
  }
  std::span<const Writer> writers(std::uint32_t key) const {
    return std::span(writers_).subspan(writer_rows_[key], writer_rows_[key + 1] - writer_rows_[key]);
  }

  void add(std::uint32_t from, std::uint32_t to, std::uint8_t kind) {
    if (from != to) edges_.push_back({from, to, kind});
  }
  // `from`, which `reader` must see, wrote the key that `reader` read of `to`.
  void infer(std::uint32_t from, std::uint32_t to, std::uint32_t reader, std::uint32_t key) {
    if (from == to || from == reader) return;
    if (!inferred_set_.insert((static_cast<std::uint64_t>(from) << 32) | to).second) return;
    add(from, to, kWw);
    inferred_.push_back({from, to, reader, key});
    if (to == initial_) add(initial_, from, kWw);  // it comes before everything
  }
  void add_sessions();
  void add_reads();
  template <class Joins, class Leaves>
  void add_hubs(const Joins& joins, const Leaves& leaves);

  void read_committed();
  void read_atomic();
  void causal();
  void monotonic_reads();
  void monotonic_writes();
  void read_your_writes();
  void writes_follow_reads();
  void pram();
  void sequential();
  bool saturate(std::span<const std::uint32_t> readers, const std::string& name);
  bool clocks_fit();
  bool clocks(const Graph& graph, std::vector<std::uint32_t>& clock) const;

  bool find_cycle(const std::string& name);
  std::string step_text(const Step& step, const std::map<std::uint32_t, std::string>& names) const;
  std::string op_text(std::uint32_t txn) const {
    return "operation " + std::to_string(txns_[txn].event - 1) + " " + txns_.text(txn);
  }
  std::string key_text(std::uint32_t key) const { return short_text(txns_.key(key)); }
  void find_bad(const char* name, std::uint32_t txn, const Mop& mop, const std::string& text) {
    if (findings_.count(name))
      findings_.add_example(
          name, op_text(txn) + " read " + key_text(mop.key) + " = " + short_text(txns_.value(mop.value)) + text,
          Value::map({{"op", Value(static_cast<std::int64_t>(txns_[txn].event) - 1)},
                      {"key", txns_.key(mop.key)},
                      {"mop", txns_.mop_value(mop)}}));
  }

  const Transactions& txns_;
  const IsolationOptions& options_;
  const Budget& budget_;
  Findings findings_;
  WriteIndex writes_;
  const std::uint32_t initial_;  // the node of the initial state
  std::uint32_t nodes_;          // transactions, the initial state, then hubs
  std::vector<bool> happened_;   // ok, or unknown but read from
  std::vector<Read> reads_;      // from outside, in program order
  std::vector<std::uint32_t> read_rows_, written_, written_rows_;
  std::vector<std::vector<std::uint32_t>> sessions_;
  std::vector<std::uint32_t> session_, index_;
  std::vector<Writer> writers_;  // by key, then session, then index
  std::vector<std::uint32_t> writer_rows_;
  std::vector<Edge> edges_;
  std::vector<Inferred> inferred_;
  std::unordered_set<std::uint64_t> inferred_set_;
};

void Weak::find_reads() {
  const std::uint32_t n = txns_.size();
  happened_.assign(n, false);
  std::uint64_t twice = 0;
  for (std::uint32_t k = 0; k < txns_.keys(); ++k) {
    if (writes_.written_twice(k) && twice++ == 0)
      findings_.doubts.push_back("a value was written twice to " + key_text(k) +
                                 ": who wrote what was read there is not known");
  }
  // A key's one value that nobody wrote is its initial one, if nil was never read.
  std::unordered_map<std::uint32_t, std::vector<Code>> unwritten;
  for (const Txn& txn : txns_.all()) {
    for (const Mop& mop : txns_.mops(txn)) {
      if (mop.write || writes_.find(mop.key, mop.value)) continue;
      std::vector<Code>& values = unwritten[mop.key];
      if (std::find(values.begin(), values.end(), mop.value) == values.end()) values.push_back(mop.value);
    }
  }
  read_rows_.assign(n + 1, 0);
  written_rows_.assign(n + 1, 0);
  for (std::uint32_t t = 0; t < n; ++t) {
    const Txn& txn = txns_[t];
    const std::span<const Mop> mops = txns_.mops(txn);
    if (txn.type != OpType::fail) {
      for (std::size_t i = 0; i < mops.size(); ++i) {
        const Mop& mop = mops[i];
        if (writes_.written_twice(mop.key)) continue;
        if (mop.write) {
          written_.push_back(mop.key);
          continue;
        }
        const Mop* own = nullptr;
        for (std::size_t j = i; j-- > 0 && !own;) {
          if (mops[j].write && mops[j].key == mop.key) own = &mops[j];
        }
        if (own) {
          if (own->value != mop.value)
            find_bad("internal", t, mop, " after it had written " + short_text(txns_.value(own->value)));
          continue;
        }
        const Write* write = writes_.find(mop.key, mop.value);
        if (!write) {
          const std::vector<Code>& values = unwritten[mop.key];
          if (mop.value != kNil && values.size() > 1)
            find_bad("garbage-read", t, mop, ", which nobody wrote");
          else
            reads_.push_back({mop.key, initial_});
        } else if (!writes_.alive(*write)) {
          find_bad("G1a", t, mop, " of " + op_text(write->txn) + ", which had failed");
        } else if (write->txn == t) {
          find_bad("future-read", t, mop, " before it wrote that itself");
        } else if (!write->final) {
          find_bad("G1b", t, mop, ", which " + op_text(write->txn) + " wrote before it wrote another");
        } else {
          reads_.push_back({mop.key, write->txn});
          happened_[write->txn] = true;
        }
      }
      happened_[t] = happened_[t] || txn.type == OpType::ok;
    }
    read_rows_[t + 1] = static_cast<std::uint32_t>(reads_.size());
    const auto begin = written_.begin() + written_rows_[t];
    std::sort(begin, written_.end());
    written_.erase(std::unique(begin, written_.end()), written_.end());
    written_rows_[t + 1] = static_cast<std::uint32_t>(written_.size());
  }
}

void Weak::find_sessions() {
  const std::uint32_t n = txns_.size();
  session_.assign(n, kNone);
  index_.assign(n, 0);
  std::vector<std::uint32_t> previous(n, kNone);
  std::vector<bool> followed(n, false);
  for (const auto& [from, to] : txns_.process_order()) {
    if (!happened_[to] || followed[from]) continue;
    followed[from] = true;
    previous[to] = from;
  }
  std::vector<std::uint32_t> next(n, kNone);
  for (std::uint32_t t = 0; t < n; ++t) {
    if (previous[t] != kNone) next[previous[t]] = t;
  }
  for (std::uint32_t t = 0; t < n; ++t) {
    if (!happened_[t] || previous[t] != kNone) continue;
    sessions_.emplace_back();
    for (std::uint32_t at = t; at != kNone; at = next[at]) {
      session_[at] = static_cast<std::uint32_t>(sessions_.size() - 1);
      index_[at] = static_cast<std::uint32_t>(sessions_.back().size());
      sessions_.back().push_back(at);
    }
  }
  writer_rows_.assign(txns_.keys() + 1, 0);
  for (std::uint32_t t = 0; t < n; ++t) {
    if (!happened_[t]) continue;
    for (const std::uint32_t key : written(t)) ++writer_rows_[key + 1];
  }
  for (std::size_t k = 1; k < writer_rows_.size(); ++k) writer_rows_[k] += writer_rows_[k - 1];
  writers_.resize(writer_rows_.back());
  std::vector<std::uint32_t> place(writer_rows_.begin(), writer_rows_.end() - 1);
  for (std::uint32_t s = 0; s < sessions_.size(); ++s) {
    for (const std::uint32_t t : sessions_[s]) {
      for (const std::uint32_t key : written(t)) writers_[place[key]++] = {s, index_[t], t};
    }
  }
}

void Weak::add_sessions() {
  for (const auto& session : sessions_) {
    for (std::size_t i = 1; i < session.size(); ++i) add(session[i - 1], session[i], kProcess);
  }
}

void Weak::add_reads() {
  for (std::uint32_t t = 0; t < txns_.size(); ++t) {
    for (const Read& read : reads(t)) {
      if (read.from != initial_) add(read.from, t, kWr);
    }
  }
}

// In each session: what joins at a transaction comes before every later one that leaves. A chain of hubs beside the
// session.
template <class Joins, class Leaves>
void Weak::add_hubs(const Joins& joins, const Leaves& leaves) {
  for (const auto& session : sessions_) {
    for (std::size_t i = 0; i < session.size(); ++i) {
      const std::uint32_t hub = nodes_++;
      joins(session[i], hub);
      if (i + 1 == session.size()) break;
      add(hub, hub + 1, kHop);
      if (leaves(session[i + 1])) add(hub, session[i + 1], kHop);
    }
  }
}

// A read sees what its transaction read from before it.
void Weak::read_committed() {
  std::unordered_map<std::uint32_t, std::vector<std::uint32_t>> places;  // key -> places of reads
  for (std::uint32_t t = 0; t < txns_.size(); ++t) {
    const auto all = reads(t);
    if (all.size() < 2) continue;
    places.clear();
    for (std::uint32_t i = 0; i < all.size(); ++i) places[all[i].key].push_back(i);
    std::unordered_set<std::uint32_t> seen;
    for (std::uint32_t i = 0; i < all.size(); ++i) {
      const std::uint32_t from = all[i].from;
      if (from == initial_ || !seen.insert(from).second) continue;
      const auto after = [&](std::uint32_t key, const std::vector<std::uint32_t>& of_key) {
        for (auto place = std::upper_bound(of_key.begin(), of_key.end(), i); place != of_key.end(); ++place) {
          if (all[*place].from == from) continue;
          infer(from, all[*place].from, t, key);
          break;  // what is read of this key later comes after that by the same rule
        }
      };
      if (written(from).size() < places.size()) {
        for (const std::uint32_t key : written(from)) {
          if (const auto found = places.find(key); found != places.end()) after(key, found->second);
        }
      } else {
        for (const auto& [key, of_key] : places) {
          if (writes(from, key)) after(key, of_key);
        }
      }
    }
  }
}

// A read sees whatever its transaction read from, and its session's past.
void Weak::read_atomic() {
  std::unordered_map<std::uint32_t, std::vector<std::uint32_t>> sources;  // key -> read from
  std::unordered_map<std::uint32_t, std::uint32_t> last;                  // key -> last writer in this session
  for (const auto& session : sessions_) {
    last.clear();
    for (const std::uint32_t t : session) {
      sources.clear();
      for (const Read& read : reads(t)) {
        std::vector<std::uint32_t>& of_key = sources[read.key];
        if (std::find(of_key.begin(), of_key.end(), read.from) == of_key.end()) of_key.push_back(read.from);
        if (const auto found = last.find(read.key); found != last.end()) infer(found->second, read.from, t, read.key);
      }
      std::unordered_set<std::uint32_t> seen;
      for (const Read& read : reads(t)) {
        if (read.from == initial_ || !seen.insert(read.from).second) continue;
        const auto each = [&](std::uint32_t key, const std::vector<std::uint32_t>& of_key) {
          for (const std::uint32_t other : of_key) infer(read.from, other, t, key);
        };
        if (written(read.from).size() < sources.size()) {
          for (const std::uint32_t key : written(read.from)) {
            if (const auto found = sources.find(key); found != sources.end()) each(key, found->second);
          }
        } else {
          for (const auto& [key, of_key] : sources) {
            if (writes(read.from, key)) each(key, of_key);
          }
        }
      }
      for (const std::uint32_t key : written(t)) last[key] = t;
    }
  }
}

// A read sees everything that happened before its transaction. A clock counts, for each session, how much of it that
// is; it is kept only while somebody still needs it.
void Weak::causal() {
  const Graph before(nodes_, edges_);  // sessions and reads
  std::vector<std::uint32_t> missing(nodes_, 0), needed(nodes_, 0);
  for (std::uint32_t e = 0; e < before.edges(); ++e) ++missing[before.to(e)];
  for (std::uint32_t node = 0; node < before.size(); ++node) needed[node] = before.end(node) - before.begin(node);
  std::vector<std::vector<std::uint32_t>> clock(nodes_), pred(nodes_);
  for (std::uint32_t t = 0; t < txns_.size(); ++t) {
    if (!happened_[t]) continue;
    if (index_[t] > 0) pred[t].push_back(sessions_[session_[t]][index_[t] - 1]);
    for (const Read& read : reads(t)) {
      if (read.from != initial_) pred[t].push_back(read.from);
    }
  }
  std::deque<std::uint32_t> ready;
  for (std::uint32_t t = 0; t < txns_.size(); ++t) {
    if (happened_[t] && missing[t] == 0) ready.push_back(t);
  }
  std::uint64_t done = 0;
  while (!ready.empty()) {
    const std::uint32_t t = ready.front();
    ready.pop_front();
    if (++done % 4096 == 0 && budget_.time_spent()) {
      findings_.doubts.emplace_back("the time for the check ended");
      return;
    }
    std::vector<std::uint32_t> mine(sessions_.size(), 0);
    for (const std::uint32_t p : pred[t]) {
      for (std::size_t s = 0; s < mine.size(); ++s) mine[s] = std::max(mine[s], clock[p][s]);
      mine[session_[p]] = std::max(mine[session_[p]], index_[p] + 1);
      if (--needed[p] == 0) std::vector<std::uint32_t>().swap(clock[p]);
    }
    std::vector<std::uint32_t>().swap(pred[t]);
    for (const Read& read : reads(t)) {
      const auto all = writers(read.key);
      for (std::size_t i = 0, j; i < all.size(); i = j) {
        const std::uint32_t session = all[i].session;
        j = static_cast<std::size_t>(std::partition_point(all.begin() + static_cast<std::ptrdiff_t>(i), all.end(),
                                                          [&](const Writer& w) { return w.session == session; }) -
                                     all.begin());
        const auto seen = std::partition_point(all.begin() + static_cast<std::ptrdiff_t>(i),
                                               all.begin() + static_cast<std::ptrdiff_t>(j),
                                               [&](const Writer& w) { return w.index < mine[session]; });
        if (seen != all.begin() + static_cast<std::ptrdiff_t>(i)) infer((seen - 1)->txn, read.from, t, read.key);
      }
    }
    if (needed[t] > 0) clock[t] = std::move(mine);
    for (std::uint32_t e = before.begin(t); e < before.end(t); ++e) {
      if (--missing[before.to(e)] == 0) ready.push_back(before.to(e));
    }
  }
}

// A read sees what its session has seen in earlier transactions.
void Weak::monotonic_reads() {
  std::unordered_map<std::uint32_t, std::vector<std::uint32_t>> seen;  // key -> writers of it seen
  for (const auto& session : sessions_) {
    seen.clear();
    for (const std::uint32_t t : session) {
      for (const Read& read : reads(t)) {
        const auto found = seen.find(read.key);
        if (found == seen.end()) continue;
        for (const std::uint32_t writer : found->second) infer(writer, read.from, t, read.key);
      }
      // What a key was read instead of comes before that already.
      for (const Read& read : reads(t)) seen.erase(read.key);
      for (const Read& read : reads(t)) {
        if (read.from == initial_) continue;
        for (const std::uint32_t key : written(read.from)) {
          std::vector<std::uint32_t>& of_key = seen[key];
          if (std::find(of_key.begin(), of_key.end(), read.from) == of_key.end()) of_key.push_back(read.from);
        }
      }
    }
  }
  add_hubs(
      [&](std::uint32_t t, std::uint32_t hub) {
        for (const Read& read : reads(t)) {
          if (read.from != initial_) add(read.from, hub, kWr);
        }
      },
      [&](std::uint32_t t) { return !reads(t).empty(); });
}

void Weak::read_your_writes() {
  std::unordered_map<std::uint32_t, std::vector<std::uint32_t>> own;
  for (const auto& session : sessions_) {
    own.clear();
    for (const std::uint32_t t : session) {
      for (const Read& read : reads(t)) {
        const auto found = own.find(read.key);
        if (found == own.end()) continue;
        for (const std::uint32_t writer : found->second) infer(writer, read.from, t, read.key);
      }
      for (const std::uint32_t key : written(t)) own[key].push_back(t);
    }
  }
  add_hubs(
      [&](std::uint32_t t, std::uint32_t hub) {
        if (!written(t).empty()) add(t, hub, kProcess);
      },
      [&](std::uint32_t t) { return !reads(t).empty(); });
}

// Who sees a transaction sees the writes of its session before it, and those come first.
void Weak::monotonic_writes() {
  for (const auto& session : sessions_) {
    std::uint32_t previous = kNone;
    for (const std::uint32_t t : session) {
      if (written(t).empty()) continue;
      if (previous != kNone) add(previous, t, kProcess);
      previous = t;
    }
  }
  for (std::uint32_t t = 0; t < txns_.size(); ++t) {
    for (const Read& seen : reads(t)) {
      if (seen.from == initial_) continue;
      for (const Read& read : reads(t)) {
        // The last write of the key in that session before it; those before that come first anyhow.
        const auto all = writers(read.key);
        const auto end = std::partition_point(all.begin(), all.end(), [&](const Writer& w) {
          return std::pair(w.session, w.index) < std::pair(session_[seen.from], index_[seen.from]);
        });
        if (end != all.begin() && (end - 1)->session == session_[seen.from])
          infer((end - 1)->txn, read.from, t, read.key);
      }
    }
  }
}

// Who sees a transaction sees what its session had read from until then, and that comes first.
void Weak::writes_follow_reads() {
  struct Seen {
    std::uint32_t index, writer;
  };
  std::unordered_map<std::uint64_t, std::vector<Seen>> seen;  // (session, key) -> writers of it that were read from
  for (std::uint32_t s = 0; s < sessions_.size(); ++s) {
    std::unordered_set<std::uint32_t> known;
    for (const std::uint32_t t : sessions_[s]) {
      for (const Read& read : reads(t)) {
        if (read.from == initial_ || !known.insert(read.from).second) continue;
        for (const std::uint32_t key : written(read.from))
          seen[(static_cast<std::uint64_t>(s) << 32) | key].push_back({index_[t], read.from});
      }
    }
  }
  for (std::uint32_t t = 0; t < txns_.size(); ++t) {
    for (const Read& via : reads(t)) {
      if (via.from == initial_) continue;
      for (const Read& read : reads(t)) {
        const auto found = seen.find((static_cast<std::uint64_t>(session_[via.from]) << 32) | read.key);
        if (found == seen.end()) continue;
        for (const Seen& one : found->second) {
          if (one.index <= index_[via.from]) infer(one.writer, read.from, t, read.key);
        }
      }
    }
  }
  add_hubs(
      [&](std::uint32_t t, std::uint32_t hub) {
        for (const Read& read : reads(t)) {
          if (read.from != initial_) add(read.from, hub, kWr);
        }
      },
      [&](std::uint32_t t) { return !written(t).empty(); });
}

// For each node how much of each session comes before it; false if the graph has a cycle. Only of transactions.
bool Weak::clocks(const Graph& graph, std::vector<std::uint32_t>& clock) const {
  const std::size_t width = sessions_.size();
  clock.assign(static_cast<std::size_t>(txns_.size()) * width, 0);
  std::vector<std::uint32_t> missing(graph.size(), 0);
  for (std::uint32_t e = 0; e < graph.edges(); ++e) ++missing[graph.to(e)];
  std::deque<std::uint32_t> ready;
  for (std::uint32_t node = 0; node < graph.size(); ++node) {
    if (missing[node] == 0) ready.push_back(node);
  }
  std::uint32_t done = 0;
  while (!ready.empty()) {
    const std::uint32_t node = ready.front();
    ready.pop_front();
    ++done;
    for (std::uint32_t e = graph.begin(node); e < graph.end(node); ++e) {
      const std::uint32_t to = graph.to(e);
      if (node < txns_.size() && to < txns_.size() && happened_[node]) {
        for (std::size_t s = 0; s < width; ++s)
          clock[to * width + s] = std::max(clock[to * width + s], clock[node * width + s]);
        std::uint32_t& own = clock[to * width + session_[node]];
        own = std::max(own, index_[node] + 1);
      }
      if (--missing[to] == 0) ready.push_back(to);
    }
  }
  return done == graph.size();
}

// Adds what every order must keep that explains these reads, until nothing more follows: what comes before a read of
// another writer's value comes before that writer, and what comes after the writer comes after the read. False if that
// contradicts itself, which is then found, or if the time is over.
bool Weak::saturate(std::span<const std::uint32_t> readers, const std::string& name) {
  std::vector<std::uint32_t> clock;
  const std::size_t width = sessions_.size();
  for (bool changed = true; changed;) {
    if (budget_.time_spent()) {
      findings_.doubts.emplace_back("the time for the check ended");
      return false;
    }
    const Graph graph(nodes_, edges_);
    if (!clocks(graph, clock)) {
      find_cycle(name);
      return false;
    }
    const std::size_t known = edges_.size();
    for (const std::uint32_t t : readers) {
      for (const Read& read : reads(t)) {
        const auto all = writers(read.key);
        for (std::size_t i = 0, j; i < all.size(); i = j) {
          const std::uint32_t s = all[i].session;
          for (j = i; j < all.size() && all[j].session == s; ++j) {
          }
          const auto begin = all.begin() + static_cast<std::ptrdiff_t>(i),
                     end = all.begin() + static_cast<std::ptrdiff_t>(j);
          auto seen = std::partition_point(begin, end, [&](const Writer& w) { return w.index < clock[t * width + s]; });
          // The latest before the read that is not what was read itself.
          if (seen != begin && (seen - 1)->txn == read.from) --seen;
          if (seen != begin) infer((seen - 1)->txn, read.from, t, read.key);
          const auto later = std::partition_point(begin, end, [&](const Writer& w) {
            if (read.from == initial_) return false;
            return w.txn == read.from || clock[w.txn * width + session_[read.from]] <= index_[read.from];
          });
          if (later != end && later->txn != t &&
              inferred_set_.insert((static_cast<std::uint64_t>(t) << 32) | later->txn).second) {
            add(t, later->txn, kRw);
            inferred_.push_back({t, later->txn, t, read.key});
          }
        }
      }
    }
    changed = edges_.size() != known;
  }
  return true;
}

bool Weak::clocks_fit() {
  const std::uint64_t bytes = static_cast<std::uint64_t>(txns_.size()) * sessions_.size() * 4;
  return bytes <= std::min<std::uint64_t>(budget_.memory_bytes(), std::uint64_t{4} << 30);
}

// Each session must be able to put everybody's writes in an order of its own that keeps the order of sessions and
// explains its reads. Its reads being in one order, saturation decides that.
void Weak::pram() {
  if (!clocks_fit()) {
    findings_.doubts.emplace_back("too many sessions and transactions for the memory allowed");
    return;
  }
  add_sessions();
  const std::vector<Edge> base = edges_;
  for (const auto& session : sessions_) {
    edges_ = base;
    inferred_.clear();
    inferred_set_.clear();
    for (const std::uint32_t t : session) {
      for (const Read& read : reads(t)) {
        if (read.from != initial_) add(read.from, t, kWr);
      }
    }
    if (!saturate(session, "pram-violation")) return;
  }
}

// Depth first over how far each session has come. A transaction that writes nothing goes as soon as it can: it hinders
// nobody.
void Weak::sequential() {
  add_sessions();
  add_reads();
  causal();
  if (find_cycle("sequential-violation")) return;
  if (clocks_fit()) {
    std::vector<std::uint32_t> all;
    for (const auto& session : sessions_) all.insert(all.end(), session.begin(), session.end());
    if (!saturate(all, "sequential-violation")) return;
  }
  const Graph order(nodes_, edges_);
  std::vector<std::uint32_t> missing(nodes_, 0);
  for (std::uint32_t e = 0; e < order.edges(); ++e) ++missing[order.to(e)];
  std::vector<std::uint32_t> at(sessions_.size(), 0), state(txns_.keys(), initial_);
  std::size_t left = 0;
  for (const auto& session : sessions_) left += session.size();
  const auto release = [&](std::uint32_t t, int by) {
    for (std::uint32_t e = order.begin(t); e < order.end(t); ++e)
      missing[order.to(e)] = static_cast<std::uint32_t>(static_cast<int>(missing[order.to(e)]) + by);
  };
  release(initial_, -1);
  struct Frame {
    std::uint32_t session;                                      // taken in this step
    std::vector<std::uint32_t> others;                          // to try after it, the next one last
    std::vector<std::pair<std::uint32_t, std::uint32_t>> undo;  // (key, writer)
  };
  const auto version = [](std::uint32_t writer, std::uint32_t key) {
    return (static_cast<std::uint64_t>(writer) << 32) | key;
  };
  std::unordered_map<std::uint64_t, std::uint32_t> readers;  // of a version, that have not gone yet
  const auto count_readers = [&](std::uint32_t t, int by) {
    const auto all = reads(t);
    for (std::size_t i = 0; i < all.size(); ++i) {
      const auto same = [&](const Read& r) { return r.key == all[i].key; };
      if (std::none_of(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(i), same))
        readers[version(all[i].from, all[i].key)] += static_cast<std::uint32_t>(by);
    }
  };
  for (const auto& session : sessions_) {
    for (const std::uint32_t t : session) count_readers(t, 1);
  }
  const auto enabled = [&](std::uint32_t s) {
    if (at[s] == sessions_[s].size()) return false;
    const std::uint32_t t = sessions_[s][at[s]];
    if (missing[t] != 0) return false;
    const auto all = reads(t);
    if (!std::all_of(all.begin(), all.end(), [&](const Read& r) { return state[r.key] == r.from; })) return false;
    const auto keys = written(t);
    return std::all_of(keys.begin(), keys.end(), [&](std::uint32_t key) {
      const auto waiting = readers.find(version(state[key], key));
      const bool itself = std::any_of(all.begin(), all.end(), [&](const Read& r) { return r.key == key; });
      return waiting == readers.end() || waiting->second == (itself ? 1u : 0u);
    });
  };
  // A digest of 128 bits stands for a place: the transactions taken, and who wrote each key last.
  std::pair<std::uint64_t, std::uint64_t> digest{0, 0};
  const auto mix = [&](std::uint64_t what, std::uint64_t more) {
    const auto mixed = [](std::uint64_t z) {
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
      z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
      return z ^ (z >> 31);
    };
    const std::uint64_t low = mixed(what * 0x9e3779b97f4a7c15ull + mixed(more + 1));
    digest.first ^= low;
    digest.second ^= mixed(low + 0x632be59bd9b4e019ull);
  };
  std::vector<Frame> stack;
  const auto take = [&](std::uint32_t s, std::vector<std::uint32_t> others) {
    const std::uint32_t t = sessions_[s][at[s]++];
    Frame frame{s, std::move(others), {}};
    for (const std::uint32_t key : written(t)) {
      frame.undo.emplace_back(key, state[key]);
      mix(key, state[key]);
      mix(key, t);
      state[key] = t;
    }
    mix(std::uint64_t{1} << 40, t);
    count_readers(t, -1);
    release(t, -1);
    stack.push_back(std::move(frame));
    --left;
  };
  const auto untake = [&] {
    Frame frame = std::move(stack.back());
    stack.pop_back();
    const std::uint32_t t = sessions_[frame.session][--at[frame.session]];
    release(t, 1);
    count_readers(t, 1);
    mix(std::uint64_t{1} << 40, t);
    for (const auto& [key, writer] : frame.undo) {
      mix(key, state[key]);
      mix(key, writer);
      state[key] = writer;
    }
    ++left;
    return frame;
  };
  std::set<std::pair<std::uint64_t, std::uint64_t>> visited;
  std::uint64_t steps = 0, bytes = 0;
  std::size_t best = SIZE_MAX;
  std::vector<std::uint32_t> farthest;
  const auto count = static_cast<std::uint32_t>(sessions_.size());
  std::vector<std::uint32_t> candidates;  // the next to try last
  bool fresh = true;                      // whether they are still to be found
  while (left > 0) {
    if (++steps > options_.search_steps_max / 16 || (steps % 4096 == 0 && budget_.time_spent()) ||
        bytes > std::min<std::uint64_t>(budget_.memory_bytes(), std::uint64_t{2} << 30)) {
      findings_.doubts.emplace_back("the search for one order of all ended with its budget");
      return;
    }
    if (fresh) {
      candidates.clear();
      for (std::uint32_t s = 0; s < count; ++s) {
        if (!enabled(s)) continue;
        if (written(sessions_[s][at[s]]).empty()) {
          candidates.assign(1, s);
          break;
        }
        candidates.push_back(s);
      }
      const auto event = [&](std::uint32_t s) { return txns_[sessions_[s][at[s]]].event; };
      std::sort(candidates.begin(), candidates.end(),
                [&](std::uint32_t a, std::uint32_t b) { return event(a) > event(b); });
    }
    if (!candidates.empty()) {
      const std::uint32_t chosen = candidates.back();
      candidates.pop_back();
      const bool choice = !candidates.empty() || !fresh;
      take(chosen, std::move(candidates));
      candidates = {};
      fresh = true;
      if (left < best) {
        best = left;
        farthest = at;
      }
      // Only where there was a choice can the same place be reached again.
      if (!choice) continue;
      bytes += 96;
      if (!visited.insert(digest).second) {
        candidates = untake().others;
        fresh = false;
      }
      continue;
    }
    if (stack.empty()) {
      findings_.count("sequential-violation");
      std::string text =
          "No order of all transactions keeps the order of each session and explains every read. The longest that "
          "could "
          "be ordered ends before:";
      for (std::uint32_t s = 0; s < count; ++s) {
        if (s < farthest.size() && farthest[s] < sessions_[s].size())
          text += "\n  " + op_text(sessions_[s][farthest[s]]);
      }
      findings_.add_example("sequential-violation", std::move(text), Value());
      return;
    }
    candidates = untake().others;
    fresh = false;
  }
}

std::string Weak::step_text(const Step& step, const std::map<std::uint32_t, std::string>& names) const {
  const std::string from = names.at(step.from), to = names.at(step.to);
  if (step.from == initial_) return from + " comes before " + to;
  if (step.kind & kProcess) return to + " came after " + from + " in its session";
  for (const Inferred& one : inferred_) {
    if (one.from != step.from || one.to != step.to || !(step.kind & (kWw | kRw))) continue;
    const auto found = names.find(one.reader);
    const std::string reader = found != names.end() ? found->second : op_text(one.reader);
    if (step.kind & kRw)
      return to + " wrote " + key_text(one.key) + " after what " + from + " read of it, so after " + from;
    return to + " comes after " + from + ": " + reader + " read " + key_text(one.key) + " of " + to +
           ", and had to see that " + from + " wrote it too";
  }
  return to + " saw what " + from + " had written";
}

bool Weak::find_cycle(const std::string& name) {
  const Graph graph(nodes_, edges_);
  const auto cyclic = components(graph, UINT8_MAX);
  for (const auto& nodes : cyclic) {
    if (!findings_.count(name)) continue;
    const std::vector<Step> steps = shortest_cycle(graph, nodes, options_.search_steps_max);
    std::map<std::uint32_t, std::string> labels;
    std::string text = "Let:";
    std::vector<Value> path;
    for (const Step& step : steps) {
      if (step.from == initial_) {
        labels.emplace(initial_, "the initial state");
      } else if (labels.emplace(step.from, "T" + std::to_string(labels.size() + 1)).second) {
        text += "\n  " + labels[step.from] + " = " + op_text(step.from);
        path.emplace_back(static_cast<std::int64_t>(txns_[step.from].event) - 1);
      }
    }
    text += "\nThen:";
    std::vector<Value> reasons;
    for (const Step& step : steps) {
      const std::string reason = step_text(step, labels);
      text += "\n  " + reason + (&step == &steps.back() ? "." : ",");
      reasons.emplace_back(reason);
    }
    findings_.add_example(
        name, std::move(text),
        Value::map({{"cycle", Value::list(std::move(path))}, {"steps", Value::list(std::move(reasons))}}));
  }
  return !cyclic.empty();
}

Verdict Weak::check(WeakLevel level) {
  const std::string name(to_string(level));
  find_reads();
  find_sessions();
  switch (level) {
    case WeakLevel::read_committed:
    case WeakLevel::read_atomic:
    case WeakLevel::causal:
      add_sessions();
      add_reads();
      if (level == WeakLevel::read_committed) read_committed();
      if (level == WeakLevel::read_atomic) read_atomic();
      if (level == WeakLevel::causal) causal();
      find_cycle(name + "-violation");
      break;
    case WeakLevel::pram:
      pram();
      break;
    case WeakLevel::sequential:
      sequential();
      break;
    default:
      add_reads();
      if (level == WeakLevel::monotonic_reads) monotonic_reads();
      if (level == WeakLevel::monotonic_writes) monotonic_writes();
      if (level == WeakLevel::read_your_writes) read_your_writes();
      if (level == WeakLevel::writes_follow_reads) writes_follow_reads();
      find_cycle(name + "-violation");
  }
  Verdict verdict;
  verdict.checker = name;
  verdict.operations = txns_.size();
  verdict.anomalies = findings_.examples();
  std::vector<std::pair<Value, Value>> counts;
  std::vector<std::string> bad;
  for (const auto& [anomaly, count] : findings_.counts()) {
    counts.emplace_back(Value(anomaly), Value(static_cast<std::int64_t>(count)));
    bad.push_back(anomaly);
  }
  if (!bad.empty()) {
    verdict.valid = Validity::invalid;
    verdict.reason = join(bad) + (bad.size() == 1 ? " was" : " were") + " found";
    verdict.not_models = {name};
    for (const auto& [other, _] : weaker_levels()) {
      if (other != level && implies(other, level)) verdict.also_not.emplace_back(to_string(other));
    }
    verdict.explanation = "The history is not " + name + ".\n";
    for (const std::string& anomaly : bad)
      verdict.explanation += "\n" + anomaly + "\n" + verdict.anomalies[anomaly].front().text + "\n";
  } else if (!findings_.doubts.empty()) {
    verdict.valid = Validity::unknown;
    verdict.reason = join(findings_.doubts, "; ");
  } else if (reads_.empty()) {
    verdict.valid = Validity::unknown;
    verdict.reason = "nothing was read: too little happened to judge";
  } else {
    verdict.valid = Validity::valid;
  }
  std::vector<Value> notes;
  for (const std::string& note : txns_.notes()) notes.emplace_back(note);
  verdict.details = Value::map({{"counts", Value::map(std::move(counts))},
                                {"notes", Value::list(std::move(notes))},
                                {"sessions", Value(static_cast<std::int64_t>(sessions_.size()))}});
  return verdict;
}

class WeakChecker final : public IsolationChecker {
 public:
  WeakChecker(WeakLevel level, IsolationOptions options)
      : level_(level), options_(std::move(options)), txns_(Workload::rw_register) {}

  Result<void> take(Operation operation) override { return txns_.take(operation); }

  Result<Verdict> finish(const Budget& budget, Pool*) override {
    txns_.end();
    return Weak(txns_, options_, budget).check(level_);
  }

 private:
  WeakLevel level_;
  IsolationOptions options_;
  Transactions txns_;
};

}  // namespace
}  // namespace isolation

std::unique_ptr<IsolationChecker> make_weak_checker(WeakLevel level, IsolationOptions options) {
  return std::make_unique<isolation::WeakChecker>(level, std::move(options));
}

Result<Verdict> check_weak(const History& history, WeakLevel level, const IsolationOptions& options,
                           const Budget& budget, Pool* pool) {
  const std::unique_ptr<IsolationChecker> checker = make_weak_checker(level, options);
  for (const Operation& operation : history.operations) {
    if (auto taken = checker->take(operation); !taken) return Failure(taken.error());
  }
  return checker->finish(budget, pool);
}

}  // namespace shaketable

// Levels that ask for an order of transactions: one for each session (PRAM), or one for all (sequential).

#include <algorithm>
#include <deque>
#include <set>
#include <unordered_map>

#include "checkers/isolation/weak.h"

namespace shaketable::isolation {

// The transactions that matter to the reads of some of them, and their places in arrays of their own: of the rest only
// the order of sessions counts, which goes on through them.
struct Weak::Relevant {
  std::vector<std::uint32_t> txns;    // by session, then index
  std::vector<std::uint32_t> local;   // transaction (and the initial state) -> node
  std::vector<std::uint32_t> column;  // session -> column of the clocks
  std::size_t width = 0;
  std::vector<Edge> chains;  // local

  std::uint64_t clock_bytes() const { return txns.size() * width * 4; }
};

Weak::Relevant Weak::relevant_to(std::span<const std::uint32_t> readers) const {
  Relevant all;
  std::vector<bool> wanted(txns_.size(), false), keys(txns_.keys(), false);
  for (const std::uint32_t t : readers) {
    wanted[t] = true;
    for (const Read& read : reads(t)) {
      if (keys[read.key]) continue;
      keys[read.key] = true;
      for (const Writer& writer : writers(read.key)) wanted[writer.txn] = true;
    }
  }
  all.local.assign(txns_.size() + 1, kNone);
  all.column.assign(sessions_.size(), kNone);
  for (std::uint32_t s = 0; s < sessions_.size(); ++s) {
    for (const std::uint32_t t : sessions_[s]) {
      if (!wanted[t]) continue;
      const auto node = static_cast<std::uint32_t>(all.txns.size());
      if (all.column[s] == kNone)
        all.column[s] = static_cast<std::uint32_t>(all.width++);
      else
        all.chains.push_back({node - 1, node, kProcess});
      all.local[t] = node;
      all.txns.push_back(t);
    }
  }
  all.local[initial_] = static_cast<std::uint32_t>(all.txns.size());
  return all;
}

// For each node how much of each session comes before it; false if the graph has a cycle.
bool Weak::clocks(const Graph& graph, const Relevant& of, std::vector<std::uint32_t>& clock) const {
  clock.assign(of.txns.size() * of.width, 0);
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
      if (node < of.txns.size() && to < of.txns.size()) {
        const std::uint32_t t = of.txns[node];
        std::uint32_t* const theirs = clock.data() + to * of.width;
        const std::uint32_t* const mine = clock.data() + node * of.width;
        for (std::size_t s = 0; s < of.width; ++s) theirs[s] = std::max(theirs[s], mine[s]);
        std::uint32_t& own = theirs[of.column[session_[t]]];
        own = std::max(own, index_[t] + 1);
      }
      if (--missing[to] == 0) ready.push_back(to);
    }
  }
  return done == graph.size();
}

// Adds what every order must keep that explains these reads, until nothing more follows: what comes before a read of
// another writer's value comes before that writer, and what comes after the writer comes after the read. False if that
// contradicts itself, which is then found, or if the time is over or the memory does not suffice. The first `sessions`
// edges are the order of sessions.
bool Weak::saturate(std::span<const std::uint32_t> readers, std::size_t sessions, const std::string& name) {
  const Relevant of = relevant_to(readers);
  if (!clocks_fit(of)) {
    findings_.doubts.emplace_back("too many sessions and transactions for the memory allowed (--memory)");
    return false;
  }
  std::vector<std::uint32_t> clock;
  const auto row = [&](std::uint32_t t) { return clock.data() + of.local[t] * of.width; };
  for (bool changed = true; changed;) {
    if (budget_.time_spent()) {
      findings_.doubts.emplace_back("the time for the check ended");
      return false;
    }
    std::vector<Edge> local = of.chains;
    for (std::size_t e = sessions; e < edges_.size(); ++e)
      local.push_back({of.local[edges_[e].from], of.local[edges_[e].to], edges_[e].kind});
    if (!clocks(Graph(static_cast<std::uint32_t>(of.txns.size() + 1), local), of, clock)) {
      find_cycle(name);
      return false;
    }
    const std::size_t known = edges_.size();
    for (const std::uint32_t t : readers) {
      for (const Read& read : reads(t)) {
        const auto all = writers(read.key);
        for (std::size_t i = 0, j; i < all.size(); i = j) {
          const std::uint32_t s = all[i].session, column = of.column[s];
          for (j = i; j < all.size() && all[j].session == s; ++j) {
          }
          const auto begin = all.begin() + static_cast<std::ptrdiff_t>(i),
                     end = all.begin() + static_cast<std::ptrdiff_t>(j);
          auto seen = std::partition_point(begin, end, [&](const Writer& w) { return w.index < row(t)[column]; });
          // The latest before the read that is not what was read itself.
          if (seen != begin && (seen - 1)->txn == read.from) --seen;
          // What comes before anyway needs no edge.
          const bool before = seen != begin && read.from != initial_ && (seen - 1)->index < row(read.from)[column];
          if (seen != begin && !before) infer((seen - 1)->txn, read.from, t, read.key);
          if (read.from == initial_) {
            if (begin->txn != t) after(t, begin->txn, read.key);
            continue;
          }
          const std::uint32_t from = of.column[session_[read.from]];
          const auto later = std::partition_point(
              begin, end, [&](const Writer& w) { return w.txn == read.from || row(w.txn)[from] <= index_[read.from]; });
          if (later != end && later->txn != t && row(later->txn)[of.column[session_[t]]] <= index_[t])
            after(t, later->txn, read.key);
        }
      }
    }
    changed = edges_.size() != known;
  }
  return true;
}

void Weak::after(std::uint32_t reader, std::uint32_t writer, std::uint32_t key) {
  if (!inferred_set_.insert((static_cast<std::uint64_t>(reader) << 32) | writer).second) return;
  add(reader, writer, kRw);
  inferred_.push_back({reader, writer, reader, key});
}

bool Weak::clocks_fit(const Relevant& of) const {
  return of.clock_bytes() <= std::min<std::uint64_t>(budget_.memory_bytes(), std::uint64_t{4} << 30);
}

// Each session must be able to put everybody's writes in an order of its own that keeps the order of sessions and
// explains its reads. Its reads being in one order, saturation decides that.
void Weak::pram() {
  add_sessions();
  const std::vector<Edge> base = edges_;
  for (const auto& session : sessions_) {
    edges_ = base;
    inferred_.clear();
    inferred_set_.clear();
    bool reads_any = false;
    for (const std::uint32_t t : session) {
      for (const Read& read : reads(t)) {
        reads_any = true;
        if (read.from != initial_) add(read.from, t, kWr);
      }
    }
    if (reads_any && !saturate(session, base.size(), "PRAM-violation")) return;
  }
}

// Depth first over how far each session has come. A transaction that writes nothing goes as soon as it can: it hinders
// nobody.
void Weak::sequential() {
  add_sessions();
  const std::size_t base = edges_.size();
  add_reads();
  causal();
  if (find_cycle("sequential-violation")) return;
  {
    std::vector<std::uint32_t> all;
    for (const auto& session : sessions_) all.insert(all.end(), session.begin(), session.end());
    const std::size_t doubts = findings_.doubts.size();
    if (!saturate(all, base, "sequential-violation")) {
      if (findings_.doubts.size() == doubts) return;
      findings_.doubts.resize(doubts);  // the search below may do without
    }
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

}  // namespace shaketable::isolation

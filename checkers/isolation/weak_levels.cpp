// What each weak level makes a read see (docs/checkers-isolation.md has the table).

#include <algorithm>
#include <deque>
#include <unordered_map>
#include <unordered_set>

#include "checkers/isolation/weak.h"

namespace shaketable::isolation {

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
  // The writers of each key, one group a session.
  struct Group {
    std::uint32_t session, begin, end;
  };
  std::vector<Group> groups;
  std::vector<std::uint32_t> group_rows(txns_.keys() + 1, 0);
  for (std::uint32_t key = 0; key < txns_.keys(); ++key) {
    for (std::uint32_t i = writer_rows_[key]; i < writer_rows_[key + 1]; ++i) {
      if (i == writer_rows_[key] || writers_[i].session != groups.back().session)
        groups.push_back({writers_[i].session, i, i});
      groups.back().end = i + 1;
    }
    group_rows[key + 1] = static_cast<std::uint32_t>(groups.size());
  }
  const std::vector<std::uint32_t> nothing(sessions_.size(), 0);
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
    }
    for (const Read& read : reads(t)) {
      // What happened before the writer comes before it anyway.
      const std::vector<std::uint32_t>& known = read.from == initial_ ? nothing : clock[read.from];
      for (std::uint32_t g = group_rows[read.key]; g < group_rows[read.key + 1]; ++g) {
        const Group& group = groups[g];
        if (mine[group.session] <= known[group.session]) continue;
        const auto begin = writers_.begin() + group.begin, end = writers_.begin() + group.end;
        const auto seen =
            std::partition_point(begin, end, [&](const Writer& w) { return w.index < mine[group.session]; });
        if (seen != begin && (seen - 1)->index >= known[group.session]) infer((seen - 1)->txn, read.from, t, read.key);
      }
    }
    for (const std::uint32_t p : pred[t]) {
      if (--needed[p] == 0) std::vector<std::uint32_t>().swap(clock[p]);
    }
    std::vector<std::uint32_t>().swap(pred[t]);
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

}  // namespace shaketable::isolation

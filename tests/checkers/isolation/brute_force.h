#pragma once
// Small random histories, and slow judges that try everything: the definitions, without an idea in them.

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "checkers/isolation/models.h"
#include "tests/checkers/isolation/histories.h"

namespace shaketable::isolation {

struct SmallMop {
  bool write = false;
  int key = 0;
  int value = 0;          // written; or the register read, 0 for nil
  std::vector<int> list;  // the list read
  friend bool operator==(const SmallMop&, const SmallMop&) = default;
};

struct SmallTxn {
  std::vector<SmallMop> mops;
  OpType type = OpType::ok;
  int process = 0;
  int invoke = 0, complete = 0;  // places among all events
};

struct SmallHistory {
  std::vector<SmallTxn> txns;
  bool lists = true;

  Value value(const SmallTxn& txn, bool with_reads) const {
    std::vector<Value> mops;
    for (const SmallMop& mop : txn.mops) {
      Value argument;
      if (mop.write) {
        argument = Value(mop.value);
      } else if (with_reads && lists) {
        std::vector<Value> items(mop.list.begin(), mop.list.end());
        if (!items.empty()) argument = Value::list(std::move(items));
      } else if (with_reads && mop.value != 0) {
        argument = Value(mop.value);
      }
      mops.push_back(Value::list({Value(mop.write ? (lists ? "append" : "w") : "r"), Value(mop.key), argument}));
    }
    return Value::list(std::move(mops));
  }

  History history() const {
    std::map<int, Operation> events;
    for (const SmallTxn& txn : txns) {
      Operation invoke;
      invoke.process = txn.process;
      invoke.value = value(txn, false);
      events[txn.invoke] = invoke;
      Operation complete = invoke;
      complete.type = txn.type;
      if (txn.type == OpType::ok) complete.value = value(txn, true);
      events[txn.complete] = complete;
    }
    History history;
    for (auto& [_, operation] : events) history.operations.push_back(std::move(operation));
    return history;
  }

  std::string text() const {
    std::string text;
    for (const Operation& op : history().operations)
      text += std::string(to_string(op.type)) + " " + std::to_string(op.process) + " " + to_json(op.value) + "\n";
    return text;
  }
};

// More of them with SHAKETABLE_TEST_ROUNDS=N: N times as many.
inline int rounds(int usual) {
  const char* times = std::getenv("SHAKETABLE_TEST_ROUNDS");
  return times ? usual * std::atoi(times) : usual;
}

enum class Store : std::uint8_t { serial, snapshot, dirty, stale };

// Transactions by a few processes on a store that is as bad as `store` says; the order in which they took effect has
// only now and then to do with when they were invoked.
inline SmallHistory draw(Random& random, bool lists, std::size_t txns_max, Store store, bool read_first = false) {
  SmallHistory history;
  history.lists = lists;
  const std::size_t n = 2 + random.below(txns_max - 1);
  const auto keys = static_cast<int>(1 + random.below(3));
  std::map<int, int> next_value;
  for (std::size_t t = 0; t < n; ++t) {
    SmallTxn txn;
    const std::size_t mops = 1 + random.below(3);
    for (std::size_t m = 0; m < mops; ++m) {
      SmallMop mop;
      mop.key = static_cast<int>(random.below(static_cast<std::uint64_t>(keys)));
      mop.write = random.chance(0.5);
      const bool seen =
          std::any_of(txn.mops.begin(), txn.mops.end(), [&](const SmallMop& other) { return other.key == mop.key; });
      if (mop.write && read_first && !seen) txn.mops.push_back({false, mop.key, 0, {}});
      if (mop.write) mop.value = ++next_value[mop.key];
      txn.mops.push_back(mop);
    }
    if (random.chance(0.08))
      txn.type = OpType::fail;
    else if (!read_first && random.chance(0.1))
      txn.type = OpType::info;
    history.txns.push_back(std::move(txn));
  }
  // Start and commit points in the store: a random merge, each start before its commit.
  std::vector<std::pair<std::size_t, bool>> points;  // (transaction, commits)
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  random.shuffle(order);
  if (store == Store::serial) {
    for (const std::size_t t : order) {
      points.emplace_back(t, false);
      points.emplace_back(t, true);
    }
  } else {
    for (const std::size_t t : order) points.emplace_back(t, false);
    for (const std::size_t t : order) {
      const auto start =
          static_cast<std::size_t>(std::find(points.begin(), points.end(), std::pair(t, false)) - points.begin());
      points.insert(points.begin() + static_cast<std::ptrdiff_t>(start + 1 + random.below(points.size() - start)),
                    {t, true});
    }
  }
  using State = std::map<int, std::vector<int>>;
  State state;
  std::vector<State> versions = {state};
  std::vector<bool> happens(n);
  for (std::size_t t = 0; t < n; ++t)
    happens[t] = history.txns[t].type == OpType::ok || (history.txns[t].type == OpType::info && random.chance(0.5)) ||
                 random.chance(0.1);
  const auto execute = [&](SmallTxn& txn, State& seen, bool reads_stale) {
    for (SmallMop& mop : txn.mops) {
      if (mop.write) {
        seen[mop.key].push_back(mop.value);
        continue;
      }
      std::vector<int> list = seen[mop.key];
      if (reads_stale && random.chance(0.4)) list = versions[random.below(versions.size())][mop.key];
      mop.list = list;
      mop.value = list.empty() ? 0 : list.back();
    }
  };
  for (const auto& [t, commits] : points) {
    SmallTxn& txn = history.txns[t];
    if (!commits) {
      if (store == Store::dirty) {
        State scratch = state;
        execute(txn, happens[t] ? state : scratch, false);
        versions.push_back(state);
      } else {
        State snapshot = state;
        execute(txn, snapshot, store == Store::stale);
      }
      continue;
    }
    if (store == Store::dirty || !happens[t]) continue;
    for (const SmallMop& mop : txn.mops) {
      if (mop.write) state[mop.key].push_back(mop.value);
    }
    versions.push_back(state);
  }
  // Events: as in the store, stretched at random, or unrelated to it. No two of a process overlap.
  const std::size_t style = random.below(3);
  std::vector<std::pair<std::size_t, bool>> events = points;
  if (style == 1) {
    for (std::size_t round = 0; round < 2 * events.size(); ++round) {
      const std::size_t i = random.below(events.size() - 1);
      if (events[i].first != events[i + 1].first && events[i].second && !events[i + 1].second)
        std::swap(events[i], events[i + 1]);
    }
  } else if (style == 2) {
    random.shuffle(events);
    for (std::size_t t = 0; t < n; ++t) {
      const auto start = std::find(events.begin(), events.end(), std::pair(t, false)),
                 end = std::find(events.begin(), events.end(), std::pair(t, true));
      if (end < start) std::iter_swap(start, end);
    }
  }
  std::vector<bool> busy;
  std::vector<int> slot_process;
  int next_process = 0;
  for (std::size_t i = 0; i < events.size(); ++i) {
    SmallTxn& txn = history.txns[events[i].first];
    if (!events[i].second) {
      txn.invoke = static_cast<int>(i);
      std::size_t slot = 0;
      while (slot < busy.size() && (busy[slot] || random.chance(0.3))) ++slot;
      if (slot == busy.size()) {
        busy.push_back(false);
        slot_process.push_back(next_process++);
      }
      busy[slot] = true;
      txn.process = slot_process[slot];
    } else {
      txn.complete = static_cast<int>(i);
      const auto slot = static_cast<std::size_t>(std::find(slot_process.begin(), slot_process.end(), txn.process) -
                                                 slot_process.begin());
      busy[slot] = false;
      if (txn.type == OpType::info) slot_process[slot] = next_process++;
    }
  }
  return history;
}

inline bool precedes(const SmallTxn& a, const SmallTxn& b) {
  return a.type == OpType::ok && a.complete < b.invoke;
}

enum class Order : std::uint8_t { none, process, realtime };

inline bool ordered(const SmallTxn& a, const SmallTxn& b, Order order) {
  if (order == Order::none || !precedes(a, b)) return false;
  return order == Order::realtime || a.process == b.process;
}

// Applies a transaction; false if it reads what is not there.
inline bool run_txn(const SmallHistory& history, const SmallTxn& txn, std::map<int, std::vector<int>>& state) {
  for (const SmallMop& mop : txn.mops) {
    std::vector<int>& now = state[mop.key];
    if (mop.write) {
      now.push_back(mop.value);
    } else if (txn.type == OpType::ok) {
      if (history.lists ? mop.list != now : mop.value != (now.empty() ? 0 : now.back())) return false;
    }
  }
  return true;
}

// Whether some serial order of the ok transactions and any of the info ones explains every read.
inline bool serializable(const SmallHistory& history, Order order) {
  const std::size_t n = history.txns.size();
  std::vector<bool> used(n, false);
  const auto place = [&](const auto& self, const std::map<int, std::vector<int>>& state) -> bool {
    bool done = true;
    for (std::size_t t = 0; t < n; ++t) {
      const SmallTxn& txn = history.txns[t];
      if (used[t] || txn.type == OpType::fail) continue;
      done &= txn.type != OpType::ok;
      bool ready = true;
      for (std::size_t u = 0; u < n && ready; ++u)
        ready = used[u] || u == t || history.txns[u].type == OpType::fail || !ordered(history.txns[u], txn, order);
      if (!ready) continue;
      auto next = state;
      if (!run_txn(history, txn, next)) continue;
      used[t] = true;
      if (self(self, next)) return true;
      used[t] = false;
    }
    return done;
  };
  return place(place, {});
}

// Whether starts and commits can be put in an order such that each transaction reads what was committed before its
// start and its own writes, and of two that wrote one key, one had committed before the other's start. With an order, a
// transaction starts after the commits of those before it.
inline bool snapshot_isolated(const SmallHistory& history, Order order) {
  const std::size_t n = history.txns.size();
  std::vector<int> phase(n, 0);  // 0 not started, 1 started, 2 committed
  std::vector<std::set<std::size_t>> concurrent(n);
  const auto writes_same = [&](std::size_t a, std::size_t b) {
    for (const SmallMop& x : history.txns[a].mops) {
      for (const SmallMop& y : history.txns[b].mops) {
        if (x.write && y.write && x.key == y.key) return true;
      }
    }
    return false;
  };
  const auto place = [&](const auto& self, const std::map<int, std::vector<int>>& state) -> bool {
    bool done = true;
    for (std::size_t t = 0; t < n; ++t) {
      const SmallTxn& txn = history.txns[t];
      if (txn.type == OpType::fail || phase[t] == 2) continue;
      done &= txn.type != OpType::ok && phase[t] == 0;
      if (phase[t] == 0) {
        bool ready = true;
        for (std::size_t u = 0; u < n && ready; ++u)
          ready =
              u == t || phase[u] == 2 || history.txns[u].type == OpType::fail || !ordered(history.txns[u], txn, order);
        auto snapshot = state;
        if (!ready || !run_txn(history, txn, snapshot)) continue;
        // Whoever is started now conflicts; an order in which this one starts needs them to write elsewhere.
        bool conflict = false;
        for (std::size_t u = 0; u < n; ++u) conflict |= phase[u] == 1 && writes_same(t, u);
        if (conflict) continue;
        phase[t] = 1;
        if (self(self, state)) return true;
        phase[t] = 0;
      } else {
        auto next = state;
        for (const SmallMop& mop : txn.mops) {
          if (mop.write) next[mop.key].push_back(mop.value);
        }
        phase[t] = 2;
        if (self(self, next)) return true;
        phase[t] = 1;
      }
    }
    return done;
  };
  return place(place, {});
}

}  // namespace shaketable::isolation

// Every level of the lattice by the definitions of Adya (1999): which phenomena it rules out, each looked for pair by
// pair and cycle by cycle in small random histories of list-append.

#include "tests/checkers/isolation/slow_graph.h"

namespace shaketable::isolation {
namespace {

// What kinds of cycles a level rules out, from the dependencies with the order of `order`.
enum Cycles { kNoCycles, kWrites, kDependencies, kOneAnti, kNonadjacent, kAllCycles };

struct Level {
  const char* model;
  Order order;
  Cycles cycles;  // with `order`
  Cycles plain;   // by dependencies alone
  bool g1, lost_update, internal;
};

constexpr Level kLevels[] = {
    {"read-uncommitted", Order::none, kNoCycles, kWrites, false, false, false},
    {"read-committed", Order::none, kNoCycles, kDependencies, true, false, false},
    {"monotonic-view", Order::none, kNoCycles, kDependencies, true, false, false},
    {"cursor-stability", Order::none, kNoCycles, kDependencies, true, true, false},
    {"consistent-view", Order::none, kNoCycles, kOneAnti, true, true, false},
    {"forward-consistent-view", Order::none, kNoCycles, kOneAnti, true, true, false},
    {"snapshot-isolation", Order::none, kNoCycles, kNonadjacent, true, true, true},
    {"repeatable-read", Order::none, kNoCycles, kAllCycles, true, true, false},
    {"serializable", Order::none, kNoCycles, kAllCycles, true, true, true},
    {"strong-session-read-uncommitted", Order::process, kWrites, kWrites, false, false, false},
    {"strong-session-read-committed", Order::process, kDependencies, kDependencies, true, false, false},
    {"strong-session-snapshot-isolation", Order::process, kNonadjacent, kNonadjacent, true, true, true},
    {"strong-session-serializable", Order::process, kAllCycles, kAllCycles, true, true, true},
    {"strong-read-uncommitted", Order::realtime, kWrites, kWrites, false, false, false},
    {"strong-read-committed", Order::realtime, kDependencies, kDependencies, true, false, false},
    {"strong-snapshot-isolation", Order::realtime, kNonadjacent, kNonadjacent, true, true, true},
    {"strict-serializable", Order::realtime, kAllCycles, kAllCycles, true, true, true},
};

// The kinds of cycles, whatever order they need.
bool has(const Names& kinds, Cycles up_to) {
  return std::any_of(kinds.begin(), kinds.end(), [&](const std::string& kind) {
    return (up_to >= kWrites && kind.starts_with("G0")) || (up_to >= kDependencies && kind.starts_with("G1c")) ||
           (up_to >= kOneAnti && kind.starts_with("G-single")) ||
           (up_to >= kNonadjacent && kind.starts_with("G-nonadjacent")) ||
           (up_to >= kAllCycles && kind.starts_with("G2"));
  });
}

// Phenomena that are no cycles, by their definitions.
class Phenomena {
 public:
  explicit Phenomena(const SmallHistory& history) : history_(history) {
    for (std::size_t t = 0; t < history.txns.size(); ++t) {
      if (history.txns[t].type != OpType::ok) continue;
      const auto& mops = history.txns[t].mops;
      for (std::size_t i = 0; i < mops.size(); ++i) {
        if (mops[i].write) continue;
        reads(t, mops[i]);
        sees_itself(mops, i);
      }
    }
    lost_updates();
  }
  bool g1 = false, internal = false, lost_update = false;

 private:
  void reads(std::size_t reader, const SmallMop& read) {
    for (std::size_t t = 0; t < history_.txns.size(); ++t) {
      const auto& mops = history_.txns[t].mops;
      for (std::size_t i = 0; i < mops.size(); ++i) {
        if (!mops[i].write || mops[i].key != read.key) continue;
        const bool read_it = std::count(read.list.begin(), read.list.end(), mops[i].value) > 0;
        const bool replaced = std::any_of(mops.begin() + static_cast<std::ptrdiff_t>(i) + 1, mops.end(),
                                          [&](const SmallMop& m) { return m.write && m.key == read.key; });
        g1 |= read_it && history_.txns[t].type == OpType::fail;  // G1a
        g1 |= read_it && replaced && t != reader && history_.txns[t].type != OpType::fail &&
              read.list.back() == mops[i].value;  // G1b
      }
    }
    // Two reads that no order of appends explains: one of them saw what was undone.
    for (const SmallTxn& txn : history_.txns) {
      if (txn.type != OpType::ok) continue;
      for (const SmallMop& other : txn.mops) {
        if (other.write || other.key != read.key || other.list.size() < read.list.size()) continue;
        g1 |= !std::equal(read.list.begin(), read.list.end(), other.list.begin());
      }
    }
  }
  void sees_itself(const std::vector<SmallMop>& mops, std::size_t at) {
    const SmallMop& read = mops[at];
    std::optional<std::vector<int>> expected;  // the list, as far as its beginning is known
    std::vector<int> own;
    for (std::size_t i = 0; i < at; ++i) {
      if (mops[i].key != read.key) continue;
      if (mops[i].write) {
        own.push_back(mops[i].value);
        if (expected) expected->push_back(mops[i].value);
      } else {
        expected = mops[i].list;
        own.clear();
      }
    }
    if (expected) internal |= read.list != *expected;
    if (!expected)
      internal |= read.list.size() < own.size() || !std::equal(own.rbegin(), own.rend(), read.list.rbegin());
    // What it appends only later is a future read: information from itself, G1c.
    for (std::size_t i = at + 1; i < mops.size(); ++i)
      g1 |=
          mops[i].write && mops[i].key == read.key && std::count(read.list.begin(), read.list.end(), mops[i].value) > 0;
  }
  // Two that read one version of a key from outside and appended to it.
  void lost_updates() {
    std::map<std::pair<int, std::vector<int>>, int> updates;
    for (const SmallTxn& txn : history_.txns) {
      if (txn.type != OpType::ok) continue;
      std::set<int> touched;
      for (std::size_t i = 0; i < txn.mops.size(); ++i) {
        const SmallMop& mop = txn.mops[i];
        if (!touched.insert(mop.key).second || mop.write) continue;
        const bool writes = std::any_of(txn.mops.begin() + static_cast<std::ptrdiff_t>(i), txn.mops.end(),
                                        [&](const SmallMop& m) { return m.write && m.key == mop.key; });
        if (writes) lost_update |= ++updates[{mop.key, mop.list}] == 2;
      }
    }
  }

  const SmallHistory& history_;
};

// Faults that the stores do not have: versions installed in another order, a transaction undone after it was read, a
// read that lags.
void spoil(SmallHistory& history, Random& random) {
  const auto key = static_cast<int>(random.below(3));
  const std::size_t at = random.below(2);
  const bool swaps = random.chance(0.7);
  for (SmallTxn& txn : history.txns) {
    for (SmallMop& mop : txn.mops) {
      if (mop.write) continue;
      if (swaps && mop.key == key && mop.list.size() > at + 1) std::swap(mop.list[at], mop.list[at + 1]);
      if (!mop.list.empty() && random.chance(0.1)) mop.list.pop_back();
    }
    if (txn.type == OpType::info && random.chance(0.5)) txn.type = OpType::fail;
  }
}

TEST_CASE("each level of the lattice is broken exactly when its phenomena are there") {
  constexpr Store kStores[] = {Store::serial, Store::snapshot, Store::dirty, Store::stale};
  Random random(20261122);
  std::map<std::string, std::size_t> broken, kept;
  for (int round = 0; round < rounds(1600); ++round) {
    SmallHistory history = draw(random, true, 6, kStores[round % 4]);
    if (round % 8 >= 3) spoil(history, random);
    INFO(history.text());
    const SlowGraph plain(history, false, false), process(history, true, false), realtime(history, true, true);
    if (plain.ambiguous()) continue;
    const Phenomena phenomena(history);
    for (const Level& level : kLevels) {
      INFO(level.model);
      const Names& ordered = level.order == Order::realtime  ? realtime.kinds()
                             : level.order == Order::process ? process.kinds()
                                                             : plain.kinds();
      const bool expected = has(ordered, level.cycles) || has(plain.kinds(), level.plain) ||
                            (level.g1 && phenomena.g1) || (level.lost_update && phenomena.lost_update) ||
                            (level.internal && phenomena.internal);
      const Result<Verdict> verdict = check_list_append(history.history(), asking(level.model));
      REQUIRE(verdict);
      INFO(verdict->explanation << verdict->reason);
      CHECK((verdict->valid == Validity::invalid) == expected);
      ++(expected ? broken : kept)[level.model];
    }
  }
  for (const Level& level : kLevels) {
    INFO(level.model << ": " << kept[level.model] << " hold, " << broken[level.model] << " do not");
    CHECK(kept[level.model] > 10);
    CHECK(broken[level.model] > 10);
  }
}

}  // namespace
}  // namespace shaketable::isolation

// Registers against judges that try everything, on small random histories.

#include "tests/checkers/isolation/brute_force.h"

namespace shaketable::isolation {
namespace {

constexpr Store kStores[] = {Store::serial, Store::snapshot, Store::dirty, Store::stale};

struct Setting {
  const char* model;
  bool snapshot;
  Order order;
};
constexpr Setting kSettings[] = {{"serializable", false, Order::none},
                                 {"strong-session-serializable", false, Order::process},
                                 {"strict-serializable", false, Order::realtime},
                                 {"snapshot-isolation", true, Order::none},
                                 {"strong-session-snapshot-isolation", true, Order::process},
                                 {"strong-snapshot-isolation", true, Order::realtime}};

bool holds(const SmallHistory& history, const Setting& setting) {
  return setting.snapshot ? snapshot_isolated(history, setting.order) : serializable(history, setting.order);
}

TEST_CASE("rw-register never finds what is not there") {
  Random random(5);
  std::map<std::string, std::size_t> valid, invalid, found;
  for (int round = 0; round < rounds(1500); ++round) {
    const SmallHistory history = draw(random, false, 5, kStores[round % 4]);
    INFO(history.text());
    for (const Setting& setting : kSettings) {
      INFO(setting.model);
      const Result<Verdict> verdict = check_rw_register(history.history(), asking(setting.model));
      REQUIRE(verdict);
      INFO(verdict->explanation << verdict->reason);
      const bool expected = holds(history, setting);
      if (expected) CHECK(verdict->valid != Validity::invalid);
      ++(expected ? valid : invalid)[setting.model];
      found[setting.model] += verdict->valid == Validity::invalid;
      // What it rules out is ruled out: every level below that holds is not among them.
      if (verdict->valid != Validity::invalid) continue;
      for (const Setting& other : kSettings) {
        if (!holds(history, other)) continue;
        const std::string name(friendly_model(canonical_model(other.model)));
        CHECK(std::count(verdict->not_models.begin(), verdict->not_models.end(), name) == 0);
        CHECK(std::count(verdict->also_not.begin(), verdict->also_not.end(), name) == 0);
      }
    }
  }
  for (const Setting& setting : kSettings) {
    INFO(setting.model << ": " << valid[setting.model] << " hold, " << invalid[setting.model] << " do not, "
                       << found[setting.model] << " found");
    CHECK(valid[setting.model] > 60);
    CHECK(found[setting.model] * 2 > invalid[setting.model]);
  }
}

TEST_CASE("rw-register is exact where every write follows a read of its key") {
  Random random(11);
  std::map<std::string, std::size_t> valid, invalid;
  for (int round = 0; round < rounds(1500); ++round) {
    const SmallHistory history = draw(random, false, 5, kStores[round % 4], true);
    INFO(history.text());
    for (const Setting& setting : kSettings) {
      INFO(setting.model);
      const Result<Verdict> verdict = check_rw_register(history.history(), asking(setting.model));
      REQUIRE(verdict);
      INFO(verdict->explanation << verdict->reason);
      const bool expected = holds(history, setting);
      CHECK((verdict->valid != Validity::invalid) == expected);
      ++(expected ? valid : invalid)[setting.model];
    }
  }
  for (const Setting& setting : kSettings) {
    INFO(setting.model);
    CHECK(valid[setting.model] > 60);
    CHECK(invalid[setting.model] > 60);
  }
}

// Every pair of transactions by its definition.
bool realtime_order_is_cyclic(const SmallHistory& history) {
  std::set<std::pair<int, int>> before;
  std::set<int> versions;
  const auto touch = [&](const SmallTxn& txn) {
    std::optional<int> first, last;
    for (const SmallMop& mop : txn.mops) {
      if (txn.type == OpType::fail || (!mop.write && txn.type != OpType::ok)) continue;
      if (!mop.write && !first) first = last = mop.value;
      if (mop.write) last = mop.value;
    }
    return std::pair(first ? first : last, last);
  };
  for (const SmallTxn& a : history.txns) {
    const auto [first, last] = touch(a);
    if (!first) continue;
    versions.insert(*first);
    versions.insert(*last);
    if (first != last) before.emplace(*first, *last);
    for (const SmallTxn& b : history.txns) {
      const auto next = touch(b).first;
      if (next && precedes(a, b) && *last != *next) before.emplace(*last, *next);
    }
  }
  for (const int k : versions) {
    for (const int i : versions) {
      for (const int j : versions) {
        if (before.contains({i, k}) && before.contains({k, j})) before.emplace(i, j);
      }
    }
  }
  return std::any_of(versions.begin(), versions.end(), [&](int v) { return before.contains({v, v}); });
}

TEST_CASE("the real-time order of a key is exact") {
  Random random(3);
  std::size_t cyclic = 0, acyclic = 0;
  for (int round = 0; round < rounds(8000); ++round) {
    SmallHistory history = draw(random, false, 9, kStores[round % 4]);
    // One key, one operation a transaction, no reads of what failed.
    std::set<int> failed;
    for (SmallTxn& txn : history.txns) {
      std::erase_if(txn.mops, [](const SmallMop& m) { return m.key != 0; });
      if (txn.mops.size() > 1) txn.mops.resize(1);
      if (txn.type == OpType::fail && !txn.mops.empty()) failed.insert(txn.mops[0].value);
    }
    std::set<int> written = {0};
    for (const SmallTxn& txn : history.txns) {
      for (const SmallMop& mop : txn.mops) {
        if (mop.write && txn.type != OpType::fail) written.insert(mop.value);
      }
    }
    std::erase_if(history.txns, [&](const SmallTxn& txn) {
      return txn.type == OpType::fail || (!txn.mops.empty() && !txn.mops[0].write && txn.type == OpType::ok &&
                                          !written.contains(txn.mops[0].value));
    });
    INFO(history.text());
    IsolationOptions options = asking("serializable");
    options.version_orders = {VersionOrder::realtime};
    const Result<Verdict> verdict = check_rw_register(history.history(), options);
    REQUIRE(verdict);
    const bool expected = realtime_order_is_cyclic(history);
    CHECK(verdict->anomalies.contains("cyclic-versions") == expected);
    ++(expected ? cyclic : acyclic);
  }
  CHECK(cyclic > 60);
  CHECK(acyclic > 200);
}

TEST_CASE("a history that is linearizable by construction has no anomaly by any version order") {
  Random random(17);
  for (int round = 0; round < rounds(400); ++round) {
    // A strict-serializable store: each transaction takes effect at one moment between its events.
    SmallHistory history;
    history.lists = false;
    std::map<int, int> state, next;
    struct Running {
      SmallTxn txn;
      bool applied = false;
    };
    std::vector<Running> running;
    std::vector<int> idle = {0, 1, 2, 3, 4, 5};
    int events = 0;
    for (int left = 60; left > 0 || !running.empty();) {
      if (left > 0 && !idle.empty() && (running.empty() || random.chance(0.4))) {
        Running one;
        one.txn.process = idle.back();
        idle.pop_back();
        one.txn.invoke = events++;
        const std::size_t mops = 1 + random.below(3);
        for (std::size_t m = 0; m < mops; ++m) {
          SmallMop mop;
          mop.write = random.chance(0.5);
          mop.key = static_cast<int>(random.below(3));
          if (mop.write) mop.value = ++next[mop.key];
          one.txn.mops.push_back(mop);
        }
        running.push_back(std::move(one));
        --left;
        continue;
      }
      const std::size_t i = random.below(running.size());
      Running& one = running[i];
      if (!one.applied) {
        one.applied = true;
        for (SmallMop& mop : one.txn.mops) {
          if (mop.write)
            state[mop.key] = mop.value;
          else
            mop.value = state[mop.key];
        }
        continue;
      }
      one.txn.complete = events++;
      idle.push_back(one.txn.process);
      history.txns.push_back(one.txn);
      running.erase(running.begin() + static_cast<std::ptrdiff_t>(i));
    }
    INFO(history.text());
    for (const bool asserted : {false, true}) {
      IsolationOptions options = asking("strict-serializable");
      if (asserted) {
        options.version_orders.push_back(VersionOrder::process);
        options.version_orders.push_back(VersionOrder::realtime);
      }
      const Result<Verdict> verdict = check_rw_register(history.history(), options);
      REQUIRE(verdict);
      INFO(verdict->explanation);
      CHECK(verdict->valid == Validity::valid);
    }
  }
}

}  // namespace
}  // namespace shaketable::isolation

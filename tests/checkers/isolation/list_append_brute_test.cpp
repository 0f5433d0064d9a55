// List-append against judges that try everything, on small random histories.

#include "tests/checkers/isolation/slow_graph.h"

namespace shaketable::isolation {
namespace {

constexpr Store kStores[] = {Store::serial, Store::snapshot, Store::dirty, Store::stale};

bool starts_with_g(const std::string& name) {
  return name.starts_with("G0") || name.starts_with("G1c") || name.starts_with("G-") || name.starts_with("G2");
}

// All that the kinds imply of what a level prohibits.
Names closed(const Names& kinds) {
  Names all;
  for (const std::string& kind : kinds) all.insert(implied_anomalies(kind).begin(), implied_anomalies(kind).end());
  return all;
}

TEST_CASE("list-append finds the kinds of cycles that enumeration finds") {
  struct Setting {
    const char* model;
    bool process, realtime;
  };
  const Setting settings[] = {{"serializable", false, false},
                              {"strong-session-serializable", true, false},
                              {"strict-serializable", true, true}};
  Random random(20261121);
  std::size_t cyclic = 0;
  for (int round = 0; round < rounds(1500); ++round) {
    const SmallHistory history = draw(random, true, 5, kStores[round % 4]);
    INFO(history.text());
    for (const Setting& setting : settings) {
      INFO(setting.model);
      const SlowGraph slow(history, setting.process, setting.realtime);
      if (slow.ambiguous()) continue;
      const Names& expected = slow.kinds();
      const Result<Verdict> verdict = check_list_append(history.history(), asking(setting.model));
      REQUIRE(verdict);
      Names found;
      for (const std::string& name : names_of(*verdict)) {
        if (starts_with_g(name)) found.insert(name);
      }
      found.erase("G1a");
      found.erase("G1b");
      // Every kind found exists, and whatever exists is implied by what was found.
      for (const std::string& name : found) CHECK(expected.contains(name));
      const Boundary seen = ruled_out_by(found), all = ruled_out_by(expected);
      CHECK(seen.not_models == all.not_models);
      CHECK(seen.also_not == all.also_not);
      for (const char* one : {"G0", "G1c", "G-single-item"}) {
        if (expected.contains(one)) CHECK(closed(found).contains(one));
      }
      cyclic += !expected.empty();
    }
  }
  CHECK(cyclic > 300);
}

// The largest number of transactions that appended to one key what nobody read.
std::size_t unseen_max(const SmallHistory& history) {
  std::map<int, std::set<std::size_t>> unseen;
  std::set<std::pair<int, int>> seen;
  for (const SmallTxn& txn : history.txns) {
    for (const SmallMop& mop : txn.mops) {
      if (txn.type == OpType::ok && !mop.write) {
        for (const int value : mop.list) seen.emplace(mop.key, value);
      }
    }
  }
  std::size_t most = 0;
  for (std::size_t t = 0; t < history.txns.size(); ++t) {
    for (const SmallMop& mop : history.txns[t].mops) {
      if (!mop.write || history.txns[t].type == OpType::fail || seen.contains({mop.key, mop.value})) continue;
      unseen[mop.key].insert(t);
      most = std::max(most, unseen[mop.key].size());
    }
  }
  return most;
}

TEST_CASE("list-append is exact for serializability and snapshot isolation") {
  struct Setting {
    const char* model;
    bool snapshot;
    Order order;
  };
  const Setting settings[] = {{"serializable", false, Order::none},
                              {"strong-session-serializable", false, Order::process},
                              {"strict-serializable", false, Order::realtime},
                              {"snapshot-isolation", true, Order::none},
                              {"strong-session-snapshot-isolation", true, Order::process},
                              {"strong-snapshot-isolation", true, Order::realtime}};
  Random random(7);
  std::map<std::string, std::size_t> valid, invalid;
  for (int round = 0; round < rounds(1200); ++round) {
    const SmallHistory history = draw(random, true, 5, kStores[round % 4]);
    INFO(history.text());
    for (const Setting& setting : settings) {
      INFO(setting.model);
      const Result<Verdict> verdict = check_list_append(history.history(), asking(setting.model));
      REQUIRE(verdict);
      INFO(verdict->explanation << verdict->reason);
      const bool expected =
          setting.snapshot ? snapshot_isolated(history, setting.order) : serializable(history, setting.order);
      if (expected) CHECK(verdict->valid != Validity::invalid);
      // Snapshot isolation orders transactions that wrote one key. Where two appended and nobody read, the order could
      // be either, and only trying both would tell.
      if (!expected && (!setting.snapshot || unseen_max(history) < 2)) CHECK(verdict->valid == Validity::invalid);
      ++(expected ? valid : invalid)[setting.model];
    }
  }
  for (const Setting& setting : settings) {
    INFO(setting.model);
    CHECK(valid[setting.model] > 60);
    CHECK(invalid[setting.model] > 60);
  }
}

}  // namespace
}  // namespace shaketable::isolation

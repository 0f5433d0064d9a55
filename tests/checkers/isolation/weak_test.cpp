// Weak levels: recorded histories, and small random ones against every commit order there is.

#include "tests/checkers/isolation/brute_force.h"

namespace shaketable::isolation {
namespace {

constexpr int kInitial = -1;

// What a history says, transaction by transaction, for judges that try every order.
class Small {
 public:
  explicit Small(const SmallHistory& history) : history_(history), n_(static_cast<int>(history.txns.size())) {
    for (const SmallTxn& txn : history.txns) happened_.push_back(txn.type == OpType::ok);
    reads_.resize(history.txns.size());
    for (int t = 0; t < n_; ++t) {
      const SmallTxn& txn = history.txns[static_cast<std::size_t>(t)];
      if (txn.type != OpType::ok) continue;
      std::map<int, int> own;
      for (const SmallMop& mop : txn.mops) {
        if (mop.write) {
          own[mop.key] = mop.value;
        } else if (own.contains(mop.key)) {
          bad_ |= own[mop.key] != mop.value;
        } else if (mop.value == 0) {
          reads_[static_cast<std::size_t>(t)].emplace_back(mop.key, kInitial);
        } else {
          const int writer = writer_of(mop.key, mop.value);
          bad_ |= writer == t || history.txns[static_cast<std::size_t>(writer)].type == OpType::fail ||
                  last_write(writer, mop.key) != mop.value;
          reads_[static_cast<std::size_t>(t)].emplace_back(mop.key, writer);
          happened_[static_cast<std::size_t>(writer)] = true;
        }
      }
    }
    for (int t = 0; t < n_; ++t) {
      if (happened_[static_cast<std::size_t>(t)]) order_.push_back(t);
    }
  }

  bool holds(WeakLevel level) {
    if (bad_) return false;
    if (level == WeakLevel::sequential) return serializable(history_, Order::process);
    if (level == WeakLevel::pram) return pram();
    std::sort(order_.begin(), order_.end());
    do {
      if (explains(level)) return true;
    } while (std::next_permutation(order_.begin(), order_.end()));
    return false;
  }
  bool nothing_read() const {
    return std::all_of(reads_.begin(), reads_.end(), [](const auto& r) { return r.empty(); });
  }

 private:
  int writer_of(int key, int value) const {
    for (int t = 0; t < n_; ++t) {
      for (const SmallMop& mop : history_.txns[static_cast<std::size_t>(t)].mops) {
        if (mop.write && mop.key == key && mop.value == value) return t;
      }
    }
    return kInitial;
  }
  int last_write(int t, int key) const {
    int last = 0;
    for (const SmallMop& mop : history_.txns[static_cast<std::size_t>(t)].mops) {
      if (mop.write && mop.key == key) last = mop.value;
    }
    return last;
  }
  bool writes(int t, int key) const { return last_write(t, key) != 0; }
  bool so(int a, int b) const {
    return ordered(history_.txns[static_cast<std::size_t>(a)], history_.txns[static_cast<std::size_t>(b)],
                   Order::process);
  }
  bool wr(int a, int b) const {
    const auto& all = reads_[static_cast<std::size_t>(b)];
    return std::any_of(all.begin(), all.end(), [&](const auto& r) { return r.second == a; });
  }
  bool writer(int t) const {
    const auto& mops = history_.txns[static_cast<std::size_t>(t)].mops;
    return std::any_of(mops.begin(), mops.end(), [](const SmallMop& m) { return m.write; });
  }
  bool happened_before(int a, int b) const {
    std::set<int> seen = {a};
    for (bool grown = true; grown;) {
      grown = false;
      for (const int x : order_) {
        if (seen.contains(x) && x != a) continue;
        for (const int y : std::set<int>(seen)) {
          if ((so(y, x) || wr(y, x)) && seen.insert(x).second) grown = true;
          if ((so(y, x) || wr(y, x)) && x == b) return true;
        }
      }
    }
    return false;
  }
  // Whether the level makes `reader`, at its read number `place`, see `other`.
  bool sees(WeakLevel level, int other, int reader, std::size_t place) const {
    const auto& mine = reads_[static_cast<std::size_t>(reader)];
    switch (level) {
      case WeakLevel::read_committed:
        return std::any_of(mine.begin(), mine.begin() + static_cast<std::ptrdiff_t>(place),
                           [&](const auto& r) { return r.second == other; });
      case WeakLevel::read_atomic:
        return so(other, reader) || wr(other, reader);
      case WeakLevel::causal:
        return happened_before(other, reader);
      case WeakLevel::read_your_writes:
        return so(other, reader);
      case WeakLevel::monotonic_reads:
        return std::any_of(order_.begin(), order_.end(), [&](int t) { return wr(other, t) && so(t, reader); });
      case WeakLevel::monotonic_writes:
        return std::any_of(order_.begin(), order_.end(), [&](int t) { return so(other, t) && wr(t, reader); });
      case WeakLevel::writes_follow_reads:
        return std::any_of(order_.begin(), order_.end(), [&](int t) {
          return wr(t, reader) &&
                 std::any_of(order_.begin(), order_.end(), [&](int u) { return wr(other, u) && (u == t || so(u, t)); });
        });
      default:
        return false;
    }
  }
  bool explains(WeakLevel level) const {
    std::map<int, std::size_t> place;
    for (std::size_t i = 0; i < order_.size(); ++i) place[order_[i]] = i;
    const bool all_sessions =
        level == WeakLevel::read_committed || level == WeakLevel::read_atomic || level == WeakLevel::causal;
    for (const int a : order_) {
      for (const int b : order_) {
        if (place[a] < place[b]) continue;
        // a comes after b here, or is b: nothing may want it before.
        if (wr(a, b) || (all_sessions && so(a, b))) return false;
        if (level == WeakLevel::read_your_writes && so(a, b) && writer(a) &&
            !reads_[static_cast<std::size_t>(b)].empty())
          return false;
        if (level == WeakLevel::monotonic_writes && so(a, b) && writer(a) && writer(b)) return false;
        if (level == WeakLevel::monotonic_reads && !reads_[static_cast<std::size_t>(b)].empty() && sees(level, a, b, 0))
          return false;
        if (level == WeakLevel::writes_follow_reads && writer(b) &&
            std::any_of(order_.begin(), order_.end(), [&](int u) { return wr(a, u) && so(u, b); }))
          return false;
      }
    }
    for (const int t : order_) {
      const auto& mine = reads_[static_cast<std::size_t>(t)];
      for (std::size_t i = 0; i < mine.size(); ++i) {
        for (const int other : order_) {
          if (other == t || other == mine[i].second || !writes(other, mine[i].first) || !sees(level, other, t, i))
            continue;
          if (mine[i].second == kInitial || place[other] > place[mine[i].second]) return false;
        }
      }
    }
    return true;
  }
  bool pram() {
    std::set<int> processes;
    for (const int t : order_) processes.insert(history_.txns[static_cast<std::size_t>(t)].process);
    for (const int process : processes) {
      std::sort(order_.begin(), order_.end());
      bool found = false;
      do {
        bool good = true;
        std::map<int, int> state;
        for (std::size_t i = 0; i < order_.size() && good; ++i) {
          for (std::size_t j = i + 1; j < order_.size() && good; ++j) good = !so(order_[j], order_[i]);
          const int t = order_[i];
          if (history_.txns[static_cast<std::size_t>(t)].process == process) {
            for (const auto& [key, from] : reads_[static_cast<std::size_t>(t)])
              good &= (state.contains(key) ? state[key] : kInitial) == from;
          }
          for (const SmallMop& mop : history_.txns[static_cast<std::size_t>(t)].mops) {
            if (mop.write) state[mop.key] = t;
          }
        }
        found = good;
      } while (!found && std::next_permutation(order_.begin(), order_.end()));
      if (!found) return false;
    }
    return true;
  }

  const SmallHistory& history_;
  int n_;
  bool bad_ = false;
  std::vector<bool> happened_;
  std::vector<std::vector<std::pair<int, int>>> reads_;  // (key, writer), from outside
  std::vector<int> order_;
};

TEST_CASE("weak levels agree with a search through all orders") {
  constexpr Store kStores[] = {Store::snapshot, Store::dirty, Store::stale};
  Random random(23);
  std::map<std::string, std::size_t> valid, invalid;
  for (int round = 0; round < rounds(2400); ++round) {
    SmallHistory history = draw(random, false, 5, kStores[round % 3]);
    // Half of the histories are of single operations, for which the session guarantees were made.
    if (round % 2 == 0) {
      for (SmallTxn& txn : history.txns) txn.mops.resize(1);
      std::set<std::pair<int, int>> written;
      for (const SmallTxn& txn : history.txns) {
        if (txn.mops[0].write) written.emplace(txn.mops[0].key, txn.mops[0].value);
      }
      for (SmallTxn& txn : history.txns) {
        SmallMop& mop = txn.mops[0];
        if (!mop.write && !written.contains({mop.key, mop.value})) mop.value = 0;
      }
    }
    INFO(history.text());
    Small small(history);
    for (const std::string_view name : weak_level_names()) {
      INFO(name);
      const WeakLevel level = *weak_level(name);
      const Result<Verdict> verdict = check_weak(history.history(), level);
      REQUIRE(verdict);
      INFO(verdict->explanation << verdict->reason);
      const bool expected = small.holds(level);
      CHECK((verdict->valid != Validity::invalid) == expected);
      if (expected) CHECK((verdict->valid == Validity::unknown) == small.nothing_read());
      for (const std::string& stronger : verdict->also_not) {
        INFO("also not " << stronger);
        if (!weak_level(stronger)) continue;  // of the lattice
        CHECK_FALSE(small.holds(*weak_level(stronger)));
      }
      ++(expected ? valid : invalid)[std::string(name)];
    }
  }
  for (const std::string_view name : weak_level_names()) {
    INFO(name << ": " << valid[std::string(name)] << " hold, " << invalid[std::string(name)] << " do not");
    CHECK(valid[std::string(name)] > 60);
    CHECK(invalid[std::string(name)] > 60);
  }
}

TEST_CASE("two sessions may see concurrent writes in different orders: PRAM holds, no order of commits exists") {
  const History history = history_of(R"([["ok", 0, [["w", "x", 1]]], ["ok", 1, [["w", "x", 2]]],
                                         ["ok", 2, [["r", "x", 1]]], ["ok", 2, [["r", "x", 2]]],
                                         ["ok", 3, [["r", "x", 2]]], ["ok", 3, [["r", "x", 1]]]])");
  CHECK(check_weak(history, WeakLevel::pram)->valid == Validity::valid);
  CHECK(check_weak(history, WeakLevel::monotonic_reads)->valid == Validity::invalid);
  CHECK(check_weak(history, WeakLevel::causal)->valid == Validity::invalid);
}

// Bouajjani et al., POPL 2017, figure 3: causally convergent, not a causal memory.
TEST_CASE("causal does not imply PRAM") {
  const History history =
      history_of(R"([["ok", 0, [["w", "z", 1]]], ["ok", 0, [["w", "x", 1]]], ["ok", 0, [["w", "y", 1]]],
                                         ["ok", 1, [["w", "x", 2]]], ["ok", 1, [["r", "z", null]]], ["ok", 1, [["r", "y", 1]]],
                                         ["ok", 1, [["r", "x", 2]]]])");
  CHECK(check_weak(history, WeakLevel::causal)->valid == Validity::valid);
  CHECK(check_weak(history, WeakLevel::pram)->valid == Validity::invalid);
}

TEST_CASE("AWDIT's histories hold at the level that their folder names, and at no stronger one") {
  const auto folder = corpus();
  if (!folder) return;
  const std::vector<std::pair<const char*, WeakLevel>> levels = {{"read-committed", WeakLevel::read_committed},
                                                                 {"read-atomic", WeakLevel::read_atomic},
                                                                 {"causal", WeakLevel::causal}};
  std::size_t files = 0;
  for (std::size_t strongest = 0; strongest <= levels.size(); ++strongest) {
    const auto under = *folder / "awdit" / (strongest == 0 ? "none" : levels[strongest - 1].first);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(under)) {
      if (entry.path().extension() != ".txt") continue;
      ++files;
      const History history = read_corpus(entry.path());
      for (std::size_t i = 0; i < levels.size(); ++i) {
        INFO(entry.path() << " at " << levels[i].first);
        const Result<Verdict> verdict = check_weak(history, levels[i].second);
        REQUIRE(verdict);
        INFO(verdict->explanation << verdict->reason);
        CHECK(to_string(verdict->valid) == to_string(i < strongest ? Validity::valid : Validity::invalid));
      }
    }
  }
  CHECK(files == 22);
}

}  // namespace
}  // namespace shaketable::isolation

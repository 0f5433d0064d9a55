#pragma once
// The dependencies of list-append, and every cycle of them, by enumeration.

#include "checkers/isolation/cycles.h"
#include "tests/checkers/isolation/brute_force.h"

namespace shaketable::isolation {

// Dependencies by their definitions, one pair at a time; every simple cycle is classified.
class SlowGraph {
 public:
  SlowGraph(const SmallHistory& history, bool process, bool realtime) : history_(history), n_(history.txns.size()) {
    for (const SmallTxn& txn : history.txns) {
      if (txn.type != OpType::ok) continue;
      for (const SmallMop& mop : txn.mops) {
        std::vector<int>& longest = longest_[mop.key];
        if (!mop.write && mop.list.size() > longest.size()) longest = mop.list;
      }
    }
    for (std::size_t a = 0; a < n_; ++a) {
      for (std::size_t b = 0; b < n_; ++b) {
        if (a == b || history.txns[a].type == OpType::fail || history.txns[b].type == OpType::fail) continue;
        dependencies(a, b);
        if (process && ordered(history.txns[a], history.txns[b], Order::process)) edges_[a].emplace(b, kProcess);
        if (realtime && ordered(history.txns[a], history.txns[b], Order::realtime)) edges_[a].emplace(b, kRealtime);
      }
    }
    for (std::size_t start = 0; start < n_; ++start) walk(start, start, {});
  }
  const Names& kinds() const { return kinds_; }

  // Whether two different lists are the longest of a key: then either may be taken for its order.
  bool ambiguous() const {
    for (const SmallTxn& txn : history_.txns) {
      if (txn.type != OpType::ok) continue;
      for (const SmallMop& mop : txn.mops) {
        if (!mop.write && mop.list.size() == longest_.at(mop.key).size() && mop.list != longest_.at(mop.key))
          return true;
      }
    }
    return false;
  }

 private:
  bool alive(int key, int value) const {
    for (const SmallTxn& txn : history_.txns) {
      for (const SmallMop& mop : txn.mops) {
        if (mop.write && mop.key == key && mop.value == value) return txn.type != OpType::fail;
      }
    }
    return false;
  }
  // Versions after the first `seen` of the longest list: the next living one, or all that nobody saw.
  std::set<int> next_versions(int key, std::size_t seen) const {
    const auto found = longest_.find(key);
    const std::vector<int> list = found == longest_.end() ? std::vector<int>() : found->second;
    for (std::size_t i = seen; i < list.size(); ++i) {
      if (alive(key, list[i])) return {list[i]};
    }
    std::set<int> unseen;
    for (const SmallTxn& txn : history_.txns) {
      for (const SmallMop& mop : txn.mops) {
        if (mop.write && mop.key == key && txn.type != OpType::fail &&
            std::find(list.begin(), list.end(), mop.value) == list.end())
          unseen.insert(mop.value);
      }
    }
    return unseen;
  }
  bool appended(std::size_t t, int key, const std::set<int>& values) const {
    return std::any_of(history_.txns[t].mops.begin(), history_.txns[t].mops.end(),
                       [&](const SmallMop& m) { return m.write && m.key == key && values.contains(m.value); });
  }
  bool is_prefix(const SmallMop& read) const {
    const std::vector<int>& list = longest_.at(read.key);
    return read.list.size() <= list.size() && std::equal(read.list.begin(), read.list.end(), list.begin());
  }
  void dependencies(std::size_t a, std::size_t b) {
    for (const SmallMop& mop : history_.txns[a].mops) {
      if (!mop.write) {
        if (history_.txns[a].type == OpType::ok && is_prefix(mop) &&
            appended(b, mop.key, next_versions(mop.key, mop.list.size()))) {
          // Who read the last version and appended what nobody saw comes before the others who did, or an update was
          // lost.
          const std::vector<int>& list = longest_[mop.key];
          const std::set<int> next = next_versions(mop.key, mop.list.size());
          const bool unseen = std::none_of(next.begin(), next.end(),
                                           [&](int v) { return std::find(list.begin(), list.end(), v) != list.end(); });
          edges_[a].emplace(b, unseen && appended(a, mop.key, next) ? kWw | kRw : kRw);
        }
        continue;
      }
      const std::vector<int>& list = longest_[mop.key];
      const auto place = std::find(list.begin(), list.end(), mop.value);
      if (place != list.end() &&
          appended(b, mop.key, next_versions(mop.key, static_cast<std::size_t>(place - list.begin()) + 1)))
        edges_[a].emplace(b, kWw);
      if (history_.txns[b].type != OpType::ok) continue;
      for (const SmallMop& read : history_.txns[b].mops) {
        if (read.write || read.key != mop.key || read.list.empty()) continue;
        std::vector<int> living;
        for (const int value : read.list) {
          if (alive(read.key, value)) living.push_back(value);
        }
        const int last = is_prefix(read) ? (living.empty() ? 0 : living.back()) : read.list.back();
        if (last == mop.value) edges_[a].emplace(b, kWr);
      }
    }
  }
  void walk(std::size_t start, std::size_t at, std::vector<Step> steps) {
    for (const auto& [to, kind] : edges_[at]) {
      if (to < start) continue;
      const bool closes = to == start;
      if (!closes && (std::any_of(steps.begin(), steps.end(), [&](const Step& s) { return s.to == to; }))) continue;
      std::vector<Step> more = steps;
      more.push_back({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(to), kind});
      if (closes)
        kinds_.insert(cycle_kind(more));
      else
        walk(start, to, std::move(more));
    }
  }

  const SmallHistory& history_;
  std::size_t n_;
  std::map<int, std::vector<int>> longest_;
  std::map<std::size_t, std::set<std::pair<std::size_t, std::uint8_t>>> edges_;
  Names kinds_;
};

}  // namespace shaketable::isolation

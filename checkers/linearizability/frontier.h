#pragma once
// Breadth-first just-in-time linearization (Lowe, “Testing for linearizability”, 2017, section 5; the windowed form is
// justified by Lee & Mathur, “Fast linearizability monitoring by frontier graphs”, 2025): the set of all configurations
// after each completion. Operations are linearized only when a completion demands it, so the set depends on what is
// open now and not on the length of the history.

#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "checkers/linearizability/config.h"
#include "checkers/linearizability/meter.h"
#include "checkers/linearizability/window.h"

namespace shaketable::linearizability {

template <class Space, int W>
class Frontier {
 public:
  using Conf = Config<W>;

  Frontier(const Problem& problem, const Layout& layout, Space& space, Ledger& ledger)
      : space_(space), window_(problem, layout, space), meter_(ledger) {
    Conf start;
    start.state = space_.initial();
    current_.push_back(start);
  }

  // Goes on for about `quota` configurations. `stop`: an event index; the history is taken to end there.
  Outcome run(std::uint64_t quota, std::size_t stop) {
    const std::uint64_t until = expanded_ + quota;
    for (;;) {
      if (!expanding_) {
        if (window_.at_end() || window_.next() >= stop) return Outcome::valid;
        const Event event = window_.event();
        const int slot = window_.slot(event);
        if (slot < 0) {
          window_.forward();
          continue;
        }
        if (!event.completion) {
          window_.forward();
          for (Conf& c : current_) space_.invoked(c, slot, window_.op_in(slot));
          continue;
        }
        x_ = slot;
        source_ = 0;
        next_.clear();
        seen_.clear();
        expanding_ = true;
      }
      if (!expand(until)) {
        if (const Outcome bound = meter_.check(bytes()); bound != Outcome::running) return bound;
        polled_ = expanded_;
        if (expanded_ >= until) return Outcome::running;
        continue;
      }
      if (next_.empty()) return Outcome::invalid;  // the window stays before the completion that failed
      thin_out();
      current_.swap(next_);
      window_.forward();
      expanding_ = false;
      if (++expanded_ - polled_ >= kPoll) {
        if (const Outcome bound = meter_.check(bytes()); bound != Outcome::running) return bound;
        polled_ = expanded_;
      }
      if (expanded_ >= until) return Outcome::running;
    }
  }

  const std::vector<Conf>& current() const { return current_; }
  const Window<Space, W>& window() const { return window_; }
  std::uint64_t expanded() const { return expanded_; }
  // With what the vectors need while they grow.
  std::size_t bytes() const {
    return 3 * (current_.capacity() + next_.capacity() + stack_.capacity()) * sizeof(Conf) + seen_.bytes() +
           space_.bytes();
  }

 private:
  static constexpr std::uint64_t kPoll = 2048;

  // True once every configuration has been brought past the completion of x_.
  bool expand(std::uint64_t until) {
    const bool pure = space_.pure(window_.op_in(x_).call);
    for (;;) {
      while (!stack_.empty()) {
        if (expanded_ >= until || expanded_ - polled_ >= kPoll) return false;
        ++expanded_;
        const Conf c = stack_.back();
        stack_.pop_back();
        if (pure) {
          // Linearized on the way. Whatever else could come now can also come after the completion.
          if (!c.owed.has(x_)) {
            emit(c);
            continue;
          }
        } else if (Conf d = c; space_.apply(d, x_)) {
          emit(d);
        }
        for (const int slot : window_.changers()) {
          if (slot == x_ || !c.may.has(slot) || !space_.useful(c, slot, x_) || window_.has_better_twin(c, slot))
            continue;
          Conf d = c;
          if (space_.apply(d, slot) && seen_.insert(d)) stack_.push_back(d);
        }
      }
      if (source_ == current_.size()) return true;
      const Conf c = current_[source_++];
      if (!c.owed.has(x_)) {
        emit(c);
        if (!c.may.has(x_) || !space_.worth_a_trace(x_, static_cast<std::uint32_t>(window_.next()))) continue;
      }
      if (seen_.insert(c)) stack_.push_back(c);
    }
  }

  void emit(Conf c) {
    c.owed.clear(x_);
    c.may.clear(x_);
    if (next_.size() <= kPairwise) {
      for (std::size_t i = 0; i < next_.size();) {
        if (next_[i].dominates(c)) return;
        if (c.dominates(next_[i])) {
          next_[i] = next_.back();
          next_.pop_back();
        } else {
          ++i;
        }
      }
    }
    next_.push_back(c);
  }

  // Dominated configurations go. Sorted, so that what follows does not depend on how the set came about.
  void thin_out() {
    if (next_.size() <= 1) return;
    std::sort(next_.begin(), next_.end(), [](const Conf& a, const Conf& b) {
      if (a.state != b.state) return a.state < b.state;
      const int x = a.owed.count() - a.may.count(), y = b.owed.count() - b.may.count();
      return x != y ? x < y : a < b;  // those that may dominate first
    });
    next_.erase(std::unique(next_.begin(), next_.end()), next_.end());
    if (next_.size() <= kPairwise) return;
    std::size_t kept = 0, group = 0;
    for (std::size_t i = 0; i < next_.size(); ++i) {
      if (next_[i].state != next_[group].state) group = kept;
      bool dominated = false;
      for (std::size_t j = group; j < kept && j < group + kCompared && !dominated; ++j)
        dominated = next_[j].dominates(next_[i]);
      if (dominated) continue;
      next_[kept++] = next_[i];
    }
    next_.resize(kept);
  }

  static constexpr std::size_t kPairwise = 64;   // so few are compared with each other as they come
  static constexpr std::size_t kCompared = 512;  // and of more, each with so many of its state

  Space& space_;
  Window<Space, W> window_;
  Meter meter_;
  std::vector<Conf> current_, next_, stack_;
  FlatSet<Conf> seen_;
  std::size_t source_ = 0;
  std::uint64_t expanded_ = 0, polled_ = 0;
  int x_ = 0;
  bool expanding_ = false;
};

}  // namespace shaketable::linearizability

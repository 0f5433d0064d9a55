#pragma once
// Depth-first just-in-time linearization with a memory of the configurations that were tried (Wing & Gong 1993, Lowe
// 2017 section 4), over the same windowed configurations as frontier.h. Wins on valid histories with many crashed
// operations: there the set of all configurations is large, and one that gets through is found soon.

#include <cstdint>
#include <vector>

#include "checkers/linearizability/config.h"
#include "checkers/linearizability/meter.h"
#include "checkers/linearizability/window.h"

namespace shaketable::linearizability {

template <class Space, int W>
class DepthFirst {
 public:
  using Conf = Config<W>;

  DepthFirst(const Problem& problem, const Layout& layout, Space& space, Ledger& ledger)
      : space_(space), window_(problem, layout, space), meter_(ledger) {
    Conf start;
    start.state = space_.initial();
    arrive(start);
  }

  // Tries about `quota` configurations. `stop`: an event index; the history is taken to end there. `invalid` when all
  // were tried in vain.
  Outcome run(std::uint64_t quota, std::size_t stop) {
    const std::uint64_t until = expanded_ + quota;
    while (!through_ && furthest_ < stop) {
      if (stack_.empty()) return Outcome::invalid;
      if (expanded_ - polled_ >= kPoll) {
        polled_ = expanded_;
        if (const Outcome bound = meter_.check(bytes()); bound != Outcome::running) return bound;
        // Its memory grows for as long as it searches; the frontier must be left with enough to decide.
        if (bytes() > meter_.limit() / 2) return Outcome::out_of_memory;
      }
      if (expanded_ >= until) return Outcome::running;
      Frame& frame = stack_.back();
      while (window_.next() > frame.event) window_.back();
      if (!try_next(frame)) stack_.pop_back();
    }
    return Outcome::valid;
  }

  // The completion beyond which no configuration got: where the history fails, once run() has answered `invalid`.
  std::size_t furthest() const { return furthest_; }
  std::size_t bytes() const { return 3 * stack_.capacity() * sizeof(Frame) + tried_.bytes() + space_.bytes(); }

 private:
  static constexpr std::uint64_t kPoll = 2048;

  struct Frame {
    Conf config;
    std::uint32_t event;  // of the completion that comes next
    std::int32_t child;   // what to try next: 0 go on without, 1 the completing operation itself, then window changers
  };
  struct Tried {
    Conf config;
    std::uint32_t event;
    std::uint64_t hash() const { return config.hash() ^ event * 0xd6e8feb86659fd93ull; }
    friend bool operator==(const Tried&, const Tried&) = default;
  };

  // Takes the next choice of the frame; false when there is none left. Pushes at most one frame.
  bool try_next(Frame& frame) {
    const Event event = window_.event();
    const int x = window_.slot(event);
    const Conf c = frame.config;
    const auto& changers = window_.changers();
    if (frame.child == 0) {
      frame.child = 1;
      if (!c.owed.has(x)) {
        const bool last = !c.may.has(x) || !space_.worth_a_trace(x, frame.event);
        if (last) frame.child = kDone;
        pass(c, x);
        return true;
      }
      if (space_.pure(window_.op_in(x).call)) frame.child = 2;
    }
    if (frame.child == 1) {
      frame.child = 2;
      Conf d = c;
      if (space_.apply(d, x)) {
        pass(d, x);
        return true;
      }
    }
    // Operations that complete are tried before crashed ones, which may be of better use later.
    const auto count = static_cast<std::int32_t>(changers.size());
    while (frame.child < 2 + 2 * count) {
      const std::int32_t k = frame.child++ - 2;
      const int slot = changers[k % count];
      if (slot == x || window_.op_in(slot).crashed() != (k >= count) || !c.may.has(slot) ||
          !space_.useful(c, slot, x) || window_.has_better_twin(c, slot))
        continue;
      Conf d = c;
      if (!space_.apply(d, slot)) continue;
      if (!tried_.insert({d, frame.event})) continue;
      ++expanded_;
      stack_.push_back({d, frame.event, 0});  // invalidates `frame`
      return true;
    }
    return false;
  }

  void pass(Conf c, int x) {
    c.owed.clear(x);
    c.may.clear(x);
    window_.forward();
    arrive(c);
  }

  // Moves over invocations to the next completion, and leaves a frame there.
  void arrive(Conf c) {
    while (!window_.at_end()) {
      const Event event = window_.event();
      const int slot = window_.slot(event);
      if (slot >= 0 && event.completion) break;
      window_.forward();
      if (slot >= 0) space_.invoked(c, slot, window_.op_in(slot));
    }
    ++expanded_;
    if (window_.at_end()) {
      through_ = true;
      return;
    }
    if (window_.next() > furthest_) furthest_ = window_.next();
    const auto event = static_cast<std::uint32_t>(window_.next());
    if (tried_.insert({c, event})) stack_.push_back({c, event, 0});
  }

  static constexpr std::int32_t kDone = INT32_MAX;

  Space& space_;
  Window<Space, W> window_;
  Meter meter_;
  std::vector<Frame> stack_;
  FlatSet<Tried> tried_;
  std::size_t furthest_ = 0;
  std::uint64_t expanded_ = 0, polled_ = 0;
  bool through_ = false;
};

}  // namespace shaketable::linearizability

#pragma once
// Registers with reads, writes and compare-and-sets, for the search of frontier.h. The state is the value's id.
// What makes it fast is knowing, by value, which open operations are waiting for that value.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "checkers/linearizability/config.h"
#include "checkers/linearizability/problem.h"

namespace shaketable::linearizability {

// Calls of a register. A compare-and-set that succeeded and changed nothing is encoded as a read.
struct RegisterCall {
  static constexpr std::uint8_t kRead = 0;   // a: the value read
  static constexpr std::uint8_t kWrite = 1;  // a: the value written
  static constexpr std::uint8_t kCas = 2;    // a → b, succeeded; a ≠ b

  // The value that the call leaves, or -1.
  static Id leaves(const Call& call) { return call.f == kWrite ? call.a : call.f == kCas ? call.b : -1; }
  // The value that the call needs to find, or -1.
  static Id needs(const Call& call) { return call.f == kWrite ? -1 : call.a; }
};

// Until which event (index into Problem::events) each value can still be observed, by an operation that matters.
class LastSeen {
 public:
  static constexpr std::uint32_t kForEver = UINT32_MAX;

  explicit LastSeen(const Problem& problem) {
    Id largest = problem.initial[0];
    for (const Event event : problem.events) {
      const Call& call = problem.ops[event.op].call;
      largest = std::max({largest, call.a, call.b});
    }
    last_.assign(largest + 1, 0);
    ignored_.assign(problem.ops.size(), false);
    std::vector<std::pair<std::uint32_t, std::uint32_t>> crashed;  // op, the event of its invocation
    for (std::uint32_t i = 0; i < problem.events.size(); ++i) {
      const std::uint32_t op = problem.events[i].op;
      const Call& call = problem.ops[op].call;
      if (problem.ops[op].crashed()) {
        crashed.emplace_back(op, i);
        ignored_[op] = true;
      } else if (problem.events[i].completion && RegisterCall::needs(call) >= 0) {
        last_[RegisterCall::needs(call)] = i + 1;
      }
    }
    // A crashed operation matters only if the value that it leaves can be observed after its invocation, by a completed
    // operation or by a crashed compare-and-set that matters itself. Least fixed point. The others can be struck from
    // any linearization: take the last such operation in it; nothing finds its value before the next write, so without
    // it everything else stays as it was.
    for (bool again = true; again;) {
      again = false;
      for (const auto& [op, event] : crashed) {
        const Call& call = problem.ops[op].call;
        if (!ignored_[op] || last_[RegisterCall::leaves(call)] <= event + 1) continue;
        ignored_[op] = false;
        if (RegisterCall::needs(call) >= 0 && last_[RegisterCall::needs(call)] != kForEver) {
          last_[RegisterCall::needs(call)] = kForEver;
          again = true;
        }
      }
    }
  }

  const std::vector<bool>& ignored() const { return ignored_; }
  bool observable_after(Id value, std::uint32_t event) const { return last_[value] > event + 1; }
  std::size_t values() const { return last_.size(); }

 private:
  std::vector<std::uint32_t> last_;  // event + 1, 0: never
  std::vector<bool> ignored_;
};

template <int W>
class RegisterSpace {
 public:
  using Conf = Config<W>;

  RegisterSpace(const Problem& problem, const LastSeen& last_seen)
      : initial_(problem.initial[0]),
        last_seen_(last_seen),
        settled_(last_seen.values()),
        from_(last_seen.values()),
        calls_(W * 64) {}

  std::int32_t initial() { return initial_; }
  static bool pure(const Call& call) { return call.f == RegisterCall::kRead; }

  void open(int slot, const Op& op) {
    const Call& call = calls_[slot] = op.call;
    if (call.f == RegisterCall::kCas) from_[call.a].set(slot);
    if (op.crashed()) return;
    if (call.f != RegisterCall::kCas) settled_[call.a].set(slot);
    if (call.f == RegisterCall::kWrite) writes_.set(slot);
  }
  void close(int slot, const Op& op) {
    if (op.call.f == RegisterCall::kCas) from_[op.call.a].clear(slot);
    if (op.crashed()) return;
    if (op.call.f != RegisterCall::kCas) settled_[op.call.a].clear(slot);
    if (op.call.f == RegisterCall::kWrite) writes_.clear(slot);
  }

  void place(std::size_t) {}

  // Adds a just invoked operation to a configuration. Eager reads: a read of the value that is there is linearized at
  // once, for it changes nothing that others could miss. Likewise a write of the value that is there need not be
  // linearized any more, but still may be.
  void invoked(Conf& c, int slot, const Op& op) const {
    if (!pure(op.call)) c.may.set(slot);
    if (!op.crashed() && !settled_[c.state].has(slot)) c.owed.set(slot);
  }

  bool apply(Conf& c, int slot) const {
    const Call& call = calls_[slot];
    if (call.f == RegisterCall::kCas) {
      if (c.state != call.a) return false;
      c.state = call.b;
    } else {
      // Every open write that has not been linearized could be put right before this one, where nobody sees it.
      c.owed.remove(writes_);
      c.state = call.a;
    }
    c.owed.clear(slot);
    c.may.clear(slot);
    c.owed.remove(settled_[c.state]);
    return true;
  }

  // Whether linearizing `slot`, which is not the completing operation `x`, can lead anywhere that is not reached
  // without it. After a write whose value nobody open waits for, the next to be linearized would be another write, and
  // that one hides this one (or is x itself, which is a read of the value, hence waits for it). The same write is worth
  // it only to hide other owed writes. A crashed compare-and-set is never owed, so the same holds for it.
  bool useful(const Conf& c, int slot, int x) const {
    const Call& call = calls_[slot];
    if (call.f == RegisterCall::kWrite) return call.a == c.state ? c.owed.meets(writes_) : awaited(c, call.a, x);
    return call.a == c.state && (c.owed.has(slot) || awaited(c, call.b, x));
  }

  // Whether an optional operation that completes at `event` is worth linearizing at last. Its value stands until the
  // next write; if nobody can ever observe it, that write, or the owed write that comes to completion before it, hides
  // it and everything that it would have hidden.
  bool worth_a_trace(int slot, std::uint32_t event) const {
    return last_seen_.observable_after(RegisterCall::leaves(calls_[slot]), event);
  }

  std::size_t bytes() const { return (settled_.size() + from_.size()) * sizeof(Bits<W>); }

 private:
  bool awaited(const Conf& c, Id value, int x) const {
    if (RegisterCall::needs(calls_[x]) == value || c.may.meets(from_[value])) return true;
    for (int i = 0; i < W; ++i)  // owed reads
      if (c.owed.words[i] & settled_[value].words[i] & ~writes_.words[i]) return true;
    return false;
  }

  std::int32_t initial_;
  const LastSeen& last_seen_;
  std::vector<Bits<W>> settled_;  // by value: completed reads and writes of it that are open
  std::vector<Bits<W>> from_;     // by value: open compare-and-sets from it
  Bits<W> writes_;                // open writes that complete
  std::vector<Call> calls_;       // by slot
};

}  // namespace shaketable::linearizability

#pragma once
// Any Model, for the search of frontier.h: states and calls are numbered, and every step is computed once.

#include <bit>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "checkers/linearizability/config.h"
#include "checkers/linearizability/layout.h"
#include "checkers/linearizability/model.h"
#include "checkers/linearizability/problem.h"

namespace shaketable::linearizability {

// States seen so far, and what each call does in them.
class StepTable {
 public:
  StepTable(const Problem& problem, const Model& model, const Interner& values);

  std::int32_t initial() { return state_id(problem_.initial); }
  std::int32_t call_id(std::size_t op) const { return call_of_[op]; }
  const Call& call(std::int32_t id) const { return calls_[id]; }
  const State& state(std::int32_t id) const { return *states_[id]; }
  std::int32_t step(std::int32_t state, std::int32_t call);  // the state after, or -1: illegal
  std::size_t bytes() const { return bytes_ + memo_.capacity() * sizeof(Memo); }

 private:
  struct StateHash {
    std::size_t operator()(const State& state) const;
  };
  struct Memo {
    std::int32_t state = -1, call = -1, after = -1;
  };
  std::int32_t state_id(const State& state);
  void grow();

  const Problem& problem_;
  const Model& model_;
  const Interner& values_;
  std::vector<Call> calls_;
  std::vector<std::int32_t> call_of_;  // by operation
  std::unordered_map<State, std::int32_t, StateHash> ids_;
  std::vector<const State*> states_;  // keys of ids_
  std::vector<Memo> memo_;            // open addressing
  std::size_t memo_used_ = 0;
  std::size_t bytes_ = 0;
  State scratch_;
};

template <int W>
class TableSpace {
 public:
  using Conf = Config<W>;

  // `foresight` and the slots it is told in: null to search without looking ahead.
  TableSpace(const Problem& problem, const Model& model, const Interner& values, const Foresight* foresight = nullptr,
             const Layout* layout = nullptr)
      : problem_(problem),
        model_(model),
        values_(values),
        foresight_(foresight && !foresight->goals.empty() ? foresight : nullptr),
        layout_(layout),
        table_(problem, model, values),
        calls_(W * 64) {}

  std::int32_t initial() { return table_.initial(); }
  bool pure(const Call& call) const { return model_.pure(call); }

  void open(int slot, const Op& op) {
    calls_[slot] = {table_.call_id(static_cast<std::size_t>(&op - problem_.ops.data())), model_.overwrites(op.call)};
    if (!op.crashed() && model_.total(op.call)) total_.set(slot);
  }
  void close(int slot, const Op&) { total_.clear(slot); }
  void place(std::size_t next) { place_ = next; }

  // As for registers: what changes nothing in the state that is there need not be linearized any more, and is over if
  // it never changes any.
  void invoked(Conf& c, int slot, const Op& op) {
    if (!pure(op.call)) c.may.set(slot);
    if (!op.crashed() && table_.step(c.state, calls_[slot].id) != c.state) c.owed.set(slot);
  }

  bool apply(Conf& c, int slot) {
    const std::int32_t after = table_.step(c.state, calls_[slot].id);
    if (after < 0) return false;
    // Any number of calls that are legal everywhere could have come right before one that leaves the same state
    // whatever was there.
    if (calls_[slot].overwrites) c.owed.remove(total_);
    c.owed.clear(slot);
    c.may.clear(slot);
    c.state = after;
    if (foresight_ && !hopeful(c)) return false;
    settle(c);
    return true;
  }

  // What changes nothing is worth linearizing only for what it hides.
  bool useful(const Conf& c, int slot, int) {
    const std::int32_t after = table_.step(c.state, calls_[slot].id);
    return after >= 0 && (after != c.state || (calls_[slot].overwrites && c.owed.meets(total_)));
  }
  bool worth_a_trace(int, std::uint32_t) const { return true; }

  const State& state(const Conf& c) const { return table_.state(c.state); }
  std::size_t bytes() const { return table_.bytes(); }

 private:
  bool hopeful(const Conf& c) const {
    const std::int32_t goal = foresight_->at[place_];
    if (goal < 0) return true;
    for (const std::uint32_t op : foresight_->goals[static_cast<std::size_t>(goal)].escapes)
      if (c.may.has(layout_->slot[op])) return true;
    return model_.leads_to(table_.state(c.state), foresight_->goals[static_cast<std::size_t>(goal)].value, values_);
  }

  // Calls that change nothing here do not get in each other's way, so all of them are settled at once.
  void settle(Conf& c) {
    c.owed.each([&](int slot) {
      if (table_.step(c.state, calls_[slot].id) == c.state) c.owed.clear(slot);
    });
  }

  struct SlotCall {
    std::int32_t id = -1;
    bool overwrites = false;
  };

  const Problem& problem_;
  const Model& model_;
  const Interner& values_;
  const Foresight* foresight_;
  const Layout* layout_;
  std::size_t place_ = 0;
  StepTable table_;
  std::vector<SlotCall> calls_;
  Bits<W> total_;  // open operations that complete and are legal in every state
};

}  // namespace shaketable::linearizability

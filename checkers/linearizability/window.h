#pragma once
// A place in the history between two events: which operations are open there, and in which slots.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "checkers/linearizability/config.h"
#include "checkers/linearizability/layout.h"
#include "checkers/linearizability/problem.h"

namespace shaketable::linearizability {

// Space: register_space.h or table_space.h. Moves in both directions; the searches keep the configurations.
template <class Space, int W>
class Window {
 public:
  Window(const Problem& problem, const Layout& layout, Space& space)
      : problem_(problem), layout_(layout), space_(space), op_(W * 64, 0), twins_(W * 64) {}

  std::size_t next() const { return next_; }  // index of the event after this place
  bool at_end() const { return next_ == problem_.events.size(); }
  Event event() const { return problem_.events[next_]; }
  int slot(Event event) const { return layout_.slot[event.op]; }
  const Op& op_in(int slot) const { return problem_.ops[op_[slot]]; }
  std::uint32_t op_index(int slot) const { return op_[slot]; }

  void forward() {
    const Event e = event();
    if (slot(e) >= 0) e.completion ? close(slot(e)) : open(slot(e), e.op);
    space_.place(++next_);
  }
  void back() {
    space_.place(--next_);
    const Event e = event();
    if (slot(e) >= 0) e.completion ? open(slot(e), e.op) : close(slot(e));
  }

  // Open operations that may change the state, by slot. The same at the same place, however it was reached.
  const std::vector<int>& changers() const { return changers_; }

  // Whether `slot` can be passed over in `c` because an open operation with the same call does as well: one that
  // completes no later, and that is owed if `slot` is. Whatever could follow after `slot`, follows after the other,
  // with `slot` taking its place later on, where it is still open (it completes later), or never being linearized if
  // the other was not.
  bool has_better_twin(const Config<W>& c, int slot) const {
    return twins_[slot].meets(c.owed.has(slot) ? c.owed : c.may);
  }

 private:
  void open(int slot, std::uint32_t index) {
    const Op& op = problem_.ops[index];
    op_[slot] = index;
    space_.open(slot, op);
    if (space_.pure(op.call)) return;
    for (const int other : changers_) {
      const Op& that = op_in(other);
      if (!(that.call == op.call)) continue;
      const bool that_first = that.complete != op.complete ? that.complete < op.complete : op_[other] < index;
      that_first ? twins_[slot].set(other) : twins_[other].set(slot);
    }
    changers_.insert(std::lower_bound(changers_.begin(), changers_.end(), slot), slot);
  }
  void close(int slot) {
    const Op& op = op_in(slot);
    space_.close(slot, op);
    if (space_.pure(op.call)) return;
    twins_[slot] = {};
    for (std::size_t i = 0; i < changers_.size();) {
      if (changers_[i] == slot) {
        changers_.erase(changers_.begin() + static_cast<std::ptrdiff_t>(i));
      } else {
        twins_[changers_[i]].clear(slot);
        ++i;
      }
    }
  }

  const Problem& problem_;
  const Layout& layout_;
  Space& space_;
  std::size_t next_ = 0;
  std::vector<std::uint32_t> op_;  // by slot
  std::vector<int> changers_;
  std::vector<Bits<W>> twins_;  // by slot: better ones with the same call
};

}  // namespace shaketable::linearizability

#pragma once
// A sequential object: which calls it takes, and what each does to its state. One file each in models/;
// docs/checkers.md shows how to add one. Models hold no mutable state: any thread may ask.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "checkers/linearizability/linearizable.h"
#include "checkers/linearizability/problem.h"
#include "history/operation.h"

namespace shaketable::linearizability {

// One operation of the history as a model sees it.
struct Invocation {
  Name f;
  const Value& argument;  // the invocation's value
  const Value* result;    // the value of the completion `ok`; null when the operation crashed
  std::int64_t process;
};

class Model;

// What lies ahead: from the place before event i on, every linearization passes through a state that shows the value of
// goals[at[i]] (Model::leads_to), unless one of its escapes, operations open there, is linearized first. It prunes; but
// a search that looks ahead says no earlier than it must only about the whole history that it looks at.
struct Foresight {
  struct Goal {
    Id value = -1;
    std::vector<std::uint32_t> escapes;  // ops that have been invoked and are not linearized yet
  };
  std::vector<Goal> goals;
  std::vector<std::int32_t> at;  // by event; -1: nothing is known
};

struct Part {
  Problem problem;  // initial state included
  std::unique_ptr<const Model> model;
};

class Model {
 public:
  virtual ~Model() = default;

  // The call that `op` made, or nullopt when it says nothing and may be left out (a read that crashed). The error says
  // what the model takes; the caller puts the operation's place before it.
  virtual Result<std::optional<Call>> encode(const Invocation& op, Interner& values) const = 0;

  // The state before the history. `initial` is the user's; without one, the model's own.
  virtual Result<State> initial(const std::optional<Value>& initial, Interner& values) const = 0;

  // False: `call` with its result cannot happen in `before`. Else `after` is the state it leaves. Deterministic.
  virtual bool step(const State& before, const Call& call, const Interner& values, State& after) const = 0;

  // Promises that the search builds on. Each may say false for want of knowledge, never true wrongly.
  virtual bool pure(const Call&) const { return false; }        // changes no state in which it is legal
  virtual bool total(const Call&) const { return false; }       // legal in every state
  virtual bool overwrites(const Call&) const { return false; }  // total, and leaves the same state whatever was before

  // For people: "write 3", "read → 4"; "the register holds 3".
  virtual std::string describe(const Call& call, bool crashed, const Interner& values) const = 0;
  virtual std::string describe(const State& state, const Interner& values) const = 0;

  // The registers' own engines apply: state = {value}, calls are of RegisterCall (register_space.h).
  virtual bool is_register() const { return false; }

  // The verdict on the first `end` events, where there is a faster way to it than searching; nothing when the history
  // does not qualify. Calls that are open at `end` may take effect, with the result they will have.
  virtual std::optional<bool> decide(const Problem&, std::size_t /*end*/, const Interner&) const {
    return std::nullopt;
  }

  // Whether a history that decide() answers stays linearizable when all calls about one value (Call::a) are left out,
  // and also without a call about none that did not crash. Then a refutation is told with the few values that it takes.
  virtual bool forgets_values() const { return false; }

  // What is known about the way from the results within the first `end` events; empty: nothing.
  virtual Foresight foresee(const Problem&, std::size_t /*end*/, const Interner&) const { return {}; }
  // Whether calls that are not escapes can lead from `state` to one that shows the goal's value. May say true wrongly.
  virtual bool leads_to(const State&, Id /*value*/, const Interner&) const { return true; }

  // P-compositionality (Herlihy & Wing 1990, theorem 1; Horn & Kroening 2015): objects that the history shows to be
  // independent of each other, each judged on its own, with the model that fits it. Empty: it is one object.
  virtual std::vector<Part> split(const Problem&, Interner&) const { return {}; }
};

struct ModelEntry {
  ModelInfo info;
  std::unique_ptr<const Model> (*make)(const LinearizableOptions& options);
};

// All models, in the order in which they are listed.
const std::vector<ModelEntry>& models();

}  // namespace shaketable::linearizability

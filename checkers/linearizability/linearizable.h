#pragma once
// Linearizability (Herlihy & Wing 1990): is there an order of the operations, each between its invocation and its
// completion, that a sequential object could have produced? docs/checkers.md has the models and the algorithms.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "checkers/verdict.h"
#include "history/history.h"

namespace shaketable {

struct LinearizableOptions {
  std::string model = "cas-register";  // a name of linearizability_models()
  std::optional<Value> initial;        // the state before the history; without it, the model's own (docs/checkers.md)
  enum NilRead {
    absent,  // a read of nil saw nil: nothing had been written
    any,     // a read of nil says nothing and is left out, as Knossos has it
  } nil_read = absent;
  bool keyed = false;   // values are [key value] tuples: one object for each key
  bool explain = true;  // false: the verdict alone, of an invalid history too
};

struct ModelInfo {
  std::string_view name;
  std::string_view description;  // one line: functions and their values
};

std::vector<ModelInfo> linearizability_models();

// Takes a history as a stream and keeps only compact columns of it; check() judges what was taken.
//
// An invocation that was completed `fail` did not happen; one completed `info`, or not at all, may take effect at any
// time after its invocation or never. Negative processes (the nemesis) are ignored. A completion `ok` whose invocation
// is missing counts as invoked before the history. A process that invokes again before it completed leaves its earlier
// operation open for ever.
//
// Errors are bad_input: an unknown model, an initial state or an operation the model cannot take (which one, and what
// was expected). One thread at a time.
class LinearizableChecker final : public OperationSink {
 public:
  static Result<LinearizableChecker> create(const LinearizableOptions& options);
  LinearizableChecker(LinearizableChecker&&) noexcept;
  LinearizableChecker& operator=(LinearizableChecker&&) noexcept;
  ~LinearizableChecker() override;

  Result<void> take(Operation operation) override;

  // Once, after the last take(). An empty history is `unknown`; one that only a nemesis was in is valid.
  // Verdict::checker is "linearizable"; an invalid one has one anomaly, "nonlinearizable", about the object whose
  // violation completes first in the history. `budget.memory_bytes()` bounds the search, not the columns. The pool, if
  // any, is used over the objects of a keyed history; the answer does not depend on it.
  Result<Verdict> check(const Budget& budget, Pool* pool = nullptr);

 private:
  struct Impl;
  explicit LinearizableChecker(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The same for a history in memory.
Result<Verdict> check_linearizable(const History& history, const LinearizableOptions& options, const Budget& budget,
                                   Pool* pool = nullptr);

}  // namespace shaketable

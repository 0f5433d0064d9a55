#pragma once
// A whole history in memory, and the stream that readers and checkers hand operations through.

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.h"
#include "history/operation.h"

namespace shaketable {

// Takes operations in the order of the history's total event order. An error ends the reading.
class OperationSink {
 public:
  virtual ~OperationSink() = default;
  virtual Result<void> take(Operation operation) = 0;
};

// What a reader made of imperfect input (completions without invocation, missing times …): said once, in words.
struct ReadNotes {
  std::vector<std::string> notes;
};

struct History {
  std::vector<Operation> operations;  // in event order; the position is the index
};

class HistoryBuilder final : public OperationSink {
 public:
  explicit HistoryBuilder(History& history) : history_(history) {}
  Result<void> take(Operation operation) override {
    history_.operations.push_back(std::move(operation));
    return {};
  }

 private:
  History& history_;
};

}  // namespace shaketable

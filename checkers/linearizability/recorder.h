#pragma once
// From a stream of events to one Problem for each object.

#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "checkers/linearizability/model.h"
#include "checkers/linearizability/problem.h"
#include "history/operation.h"

namespace shaketable::linearizability {

class Recorder {
 public:
  Recorder(const Model& model, bool keyed) : model_(model), keyed_(keyed) {}

  Result<void> take(Operation&& operation);
  // After the last operation: what is still open has crashed. The problems hold only operations that count; their
  // initial states are still to be set.
  Result<void> finish();

  std::deque<Problem>& problems() { return problems_; }
  Interner& values() { return values_; }
  std::int64_t operations() const { return operations_; }  // invocations by clients
  std::uint32_t events() const { return next_index_; }     // of all kinds, the nemesis's too

 private:
  struct Pending {
    Name f;
    Value argument;
    std::uint32_t problem, op;
  };

  std::optional<Pending>& pending(std::int64_t process);
  Result<std::uint32_t> object(Value& value);
  Result<void> complete(Pending& pending, const Operation* completion);
  Result<void> completed_only(const Operation& completion);

  const Model& model_;
  const bool keyed_;
  Interner values_;
  std::deque<Problem> problems_;
  std::unordered_map<Value, std::uint32_t, ValueHash> keys_;
  std::vector<std::optional<Pending>> few_;  // by process
  std::unordered_map<std::int64_t, std::optional<Pending>> many_;
  std::unordered_map<std::uint32_t, std::vector<Event>> early_;  // by problem: invoked before the history
  std::uint32_t next_index_ = 0;
  std::int64_t operations_ = 0;
};

}  // namespace shaketable::linearizability

#pragma once
// Linearizability by trying everything, and small random histories to try it on. Shares no code with the checker.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "checkers/linearizability/linearizable.h"
#include "history/history.h"

namespace shaketable::brute {

// A sequential object. `result`: null when nobody learned it (the operation crashed).
struct Object {
  LinearizableOptions options;
  Value initial;
  // All states that `f` with `argument` and `result` can leave; empty: it cannot happen here.
  std::function<std::vector<Value>(const Value& state, std::string_view f, const Value& argument, const Value* result)>
      step;
  std::function<std::pair<std::string, Value>(Random&)> invoke;  // a random function and argument
  std::function<std::vector<Value>(std::string_view f, const Value& argument)> results;  // what it may answer
  bool crashed_reads = true;  // whether operations of any kind may crash
  int operations_max = 9;
};

History random_history(const Object& object, Random& random);

// nullopt: linearizable. Else the index of the completion with which the shortest prefix ends that is not.
std::optional<std::size_t> first_failure(const History& history, const Object& object);

std::string to_text(const History& history);

}  // namespace shaketable::brute

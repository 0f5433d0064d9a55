#pragma once
// How queue operations are written. Internal to checkers/aggregate/.

#include <vector>

#include "checkers/aggregate/input.h"

namespace shaketable::aggregate {

inline bool is_enqueue(const Call& call) {
  return call.f.text() == "enqueue";
}
inline bool is_drain(const Call& call) {
  return call.f.text() == "drain";
}
inline bool is_dequeue(const Call& call) {
  return call.f.text() == "dequeue";
}

// What a call is known to have taken out.
inline std::vector<Value> taken_by(const Call& call) {
  if (!call.ok()) return {};
  const Value& answer = call.answer();
  if (is_dequeue(call) && !answer.is_nil()) return {answer};
  if (is_drain(call) && (answer.is_list() || answer.kind() == Value::Kind::set))
    return {answer.items().begin(), answer.items().end()};
  return {};
}

}  // namespace shaketable::aggregate

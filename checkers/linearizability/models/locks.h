#pragma once
// What the models of locks share.

#include "checkers/linearizability/model.h"

namespace shaketable::linearizability {

// Who acquires or releases: the entry `client` of a map, if the value is one, else the process.
inline Id holder(const Invocation& op, Interner& values) {
  const Value* client = op.argument.kind() == Value::Kind::map ? op.argument.find("client") : nullptr;
  if (!client && op.argument.kind() == Value::Kind::map) client = op.argument.find(Value::keyword("client"));
  return values.id(client ? *client : Value(op.process));
}

}  // namespace shaketable::linearizability

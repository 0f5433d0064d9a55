#pragma once

#include "checkers/linearizability/model.h"

namespace shaketable::linearizability {

// Several registers under one roof. `txn` takes a list of [f key value], f being read (or r) or write (or w), and does
// them in order and atomically; reads see the transaction's own writes. `read` and `write` of [key value] are
// transactions of one. Initially nil each, or what the map given as initial state says.
std::unique_ptr<const Model> make_multi_register(const LinearizableOptions& options);

}  // namespace shaketable::linearizability

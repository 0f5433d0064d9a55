#pragma once
// The models by name. Each is described at its class, and for users in docs/checkers.md.

#include "checkers/linearizability/model.h"

namespace shaketable::linearizability {

using MakeModel = std::unique_ptr<const Model>(const LinearizableOptions& options);

MakeModel make_multi_register;
MakeModel make_kv_append;
MakeModel make_set, make_gset;
MakeModel make_fifo_queue, make_unordered_queue, make_stack, make_priority_queue;
MakeModel make_mutex, make_reentrant_mutex, make_fenced_mutex, make_semaphore;
MakeModel make_counter;
MakeModel make_log;

}  // namespace shaketable::linearizability

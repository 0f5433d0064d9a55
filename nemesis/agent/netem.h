#pragma once
// Whether this node's kernel has what packet faults are made of.

#include "base/result.h"

namespace shaketable::agent {

// Tried once, in a network namespace of a child's own, so nothing of the node's is touched but that its kernel
// may load the module. An error says what is missing. One thread.
Result<void> netem_is_there();

}  // namespace shaketable::agent

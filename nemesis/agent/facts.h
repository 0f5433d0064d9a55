#pragma once
// What this node is and has: addresses, tables, and what stands in the way of a fault.

#include "base/result.h"
#include "nemesis/agent/protocol.h"

namespace shaketable::agent {

// uid; address4, address6 (each, loopback excepted); iptables, ip6tables (version) or problem4, problem6 (why not).
Fields facts();

// Rules (`rule`) and qdiscs that somebody chose (`qdisc`), of others than shaketable.
Result<Fields> foreign_state();

}  // namespace shaketable::agent

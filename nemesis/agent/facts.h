#pragma once
// What this node is and has: addresses, tables, and what stands in the way of a fault.

#include "nemesis/agent/protocol.h"

namespace shaketable::agent {

// uid; address4, address6 (each, loopback excepted); iptables, ip6tables (version) or problem4, problem6 (why not).
Fields facts();

}  // namespace shaketable::agent

#pragma once
// Every interface in this process's memory, for tests and benchmarks: correct and linearizable, unless told otherwise.
// Never touches the network.

#include <memory>

#include "workloads/client.h"

namespace shaketable {

// Options: `latency` (how long an operation takes), `fail` and `lose` (shares of operations that fail before they
// happen, or whose answer is lost: info, whether it happened or not), `bug` and `bug_share` (a planted violation),
// `seed` (of those choices). Clients whose settings name the same run and interface share their data, for the life of
// the program. Without an interface they are registers.
ClientInfo memory_client();

}  // namespace shaketable

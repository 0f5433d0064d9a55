#pragma once
// Registers in this process's memory, for tests and benchmarks: linearizable, unless told otherwise. Functions: read,
// write, cas on [key value] tuples. Never touches the network.

#include <memory>

#include "workloads/client.h"

namespace shaketable {

// Options: `latency` (how long an operation takes), `fail` and `lose` (shares of operations that fail before they
// happen, or whose answer is lost: info, whether it happened or not), `stale_reads` (the share of reads that see the
// value before the last one: a planted violation), `seed` (of those choices). Clients whose settings name the same run
// share their registers, for as long as one of them exists.
ClientInfo memory_client();

}  // namespace shaketable

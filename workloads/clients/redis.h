#pragma once
// Redis 7: one server, a master that Sentinel names, or a cluster (docs/clients.md has the table of which error means
// what).

#include "workloads/client.h"

namespace shaketable {

ClientInfo redis_client();

}  // namespace shaketable

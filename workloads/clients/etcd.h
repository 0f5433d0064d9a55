#pragma once
// etcd 3.4 and later over its JSON gateway (docs/clients.md has the requests of each interface, and the table of which
// error means what).

#include "workloads/client.h"

namespace shaketable {

ClientInfo etcd_client();

}  // namespace shaketable

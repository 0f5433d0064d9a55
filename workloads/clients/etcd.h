#pragma once
// etcd 3.4 and later over its JSON gateway. Functions: read, write, cas on registers (docs/clients.md has the table of
// which error means what).

#include "workloads/client.h"

namespace shaketable {

ClientInfo etcd_client();

}  // namespace shaketable

#pragma once
// MariaDB (10.11 was tried), alone or in a Galera cluster, by MariaDB Connector/C. docs/clients.md has the interfaces,
// and the table of which error means what.

#include "workloads/client.h"

namespace shaketable {

ClientInfo mariadb_client();

}  // namespace shaketable

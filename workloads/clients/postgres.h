#pragma once
// PostgreSQL (15 was tried) by libpq. docs/clients.md has the interfaces, and the table of which error means what.

#include "workloads/client.h"

namespace shaketable {

ClientInfo postgres_client();

}  // namespace shaketable

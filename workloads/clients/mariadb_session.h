#pragma once
// A connection by MariaDB's Connector/C, in its non-blocking mode.

#include "workloads/clients/sql_session.h"

namespace shaketable {

std::unique_ptr<SqlSession> mariadb_session(const SqlSettings& settings);

}  // namespace shaketable

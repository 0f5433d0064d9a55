#pragma once
// A connection by libpq, in its non-blocking mode.

#include "workloads/clients/sql_session.h"

namespace shaketable {

std::unique_ptr<SqlSession> postgres_session(const SqlSettings& settings);

}  // namespace shaketable

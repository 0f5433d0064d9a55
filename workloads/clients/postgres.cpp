#include "workloads/clients/postgres.h"

#include <fmt/format.h>

#include "workloads/clients/sql.h"
#ifdef SHAKETABLE_WITH_POSTGRES
#include "workloads/clients/postgres_session.h"
#endif

namespace shaketable {
namespace {

[[maybe_unused]] SqlDialect postgres_dialect() {
  SqlDialect dialect;
  dialect.name = "postgres";
  dialect.begin = "BEGIN";
  dialect.text_type = dialect.key_type = "text COLLATE \"C\"";
  dialect.serial_type = "bigserial PRIMARY KEY";
  dialect.lock_share = "FOR SHARE";
  dialect.lock_update = "FOR UPDATE";
  dialect.old_value = "t.v";
  dialect.upsert = [](std::string_view table, std::string_view values, std::string_view update) {
    return fmt::format("INSERT INTO {0} AS t (k, v) VALUES ({1}) ON CONFLICT (k) DO UPDATE SET v = {2}", table, values,
                       update);
  };
  dialect.concat = [](std::string_view a, std::string_view b, std::string_view c) {
    return fmt::format("{} || {} || {}", a, b, c);
  };
  return dialect;
}

}  // namespace

ClientInfo postgres_client() {
  ClientInfo info;
  info.name = "postgres";
  info.about = "PostgreSQL (libpq)";
  info.interfaces = sql_interfaces();
  info.parameters = sql_parameters("read-committed");
#ifdef SHAKETABLE_WITH_POSTGRES
  info.make = [](const ClientSettings& settings) { return sql_client(settings, postgres_dialect(), postgres_session); };
#else
  info.missing = "libpq-dev";
#endif
  return info;
}

}  // namespace shaketable

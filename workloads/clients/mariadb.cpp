#include "workloads/clients/mariadb.h"

#include <fmt/format.h>

#include "workloads/clients/sql.h"
#ifdef SHAKETABLE_WITH_MARIADB
#include "workloads/clients/mariadb_session.h"
#endif

namespace shaketable {
namespace {

[[maybe_unused]] SqlDialect mariadb_dialect() {
  SqlDialect dialect;
  dialect.name = "mariadb";
  dialect.begin = "START TRANSACTION";
  dialect.text_type = "mediumtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";
  dialect.key_type = "varchar(190) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";
  dialect.serial_type = "bigint AUTO_INCREMENT PRIMARY KEY";
  dialect.lock_share = "LOCK IN SHARE MODE";
  dialect.lock_update = "FOR UPDATE";
  dialect.backslash_escapes = true;
  dialect.old_value = "v";
  dialect.upsert = [](std::string_view table, std::string_view values, std::string_view update) {
    return fmt::format("INSERT INTO {0} (k, v) VALUES ({1}) ON DUPLICATE KEY UPDATE v = {2}", table, values, update);
  };
  dialect.concat = [](std::string_view a, std::string_view b, std::string_view c) {
    return fmt::format("CONCAT({}, {}, {})", a, b, c);
  };
  return dialect;
}

}  // namespace

ClientInfo mariadb_client() {
  ClientInfo info;
  info.name = "mariadb";
  info.about = "MariaDB, and Galera (libmariadb)";
  info.interfaces = sql_interfaces();
  info.parameters = sql_parameters("repeatable-read");
#ifdef SHAKETABLE_WITH_MARIADB
  info.make = [](const ClientSettings& settings) { return sql_client(settings, mariadb_dialect(), mariadb_session); };
#else
  info.missing = "libmariadb-dev";
#endif
  return info;
}

}  // namespace shaketable

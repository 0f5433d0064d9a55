#include "history/database.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cstring>

#include "base/log.h"
#include "history/records.h"

namespace shaketable {
namespace {

constexpr int kApplicationId = 0x7368616b;  // "shak"

constexpr std::string_view kTables = R"(
CREATE TABLE {0}.meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE {0}.nodes(name TEXT PRIMARY KEY, address TEXT NOT NULL, about TEXT NOT NULL) STRICT;
CREATE TABLE {0}.operations(
  position INTEGER PRIMARY KEY, process INTEGER NOT NULL, worker INTEGER NOT NULL, node TEXT, f TEXT,
  value TEXT NOT NULL, invoked_ns INTEGER NOT NULL,
  completed INTEGER, type TEXT, result TEXT, error TEXT, completed_ns INTEGER, checksum INTEGER NOT NULL,
  due_ns INTEGER) STRICT;
CREATE TABLE {0}.faults(
  id INTEGER PRIMARY KEY, fault TEXT NOT NULL, parameters TEXT NOT NULL, targets TEXT NOT NULL,
  intended_start_ns INTEGER, intended_end_ns INTEGER, actual_start_ns INTEGER, actual_end_ns INTEGER,
  undo TEXT NOT NULL, proof TEXT NOT NULL, nodes TEXT NOT NULL, notes TEXT NOT NULL) STRICT;
CREATE TABLE {0}.clock_offsets(
  time_ns INTEGER NOT NULL, node TEXT NOT NULL, offset_ns INTEGER NOT NULL, uncertainty_ns INTEGER NOT NULL) STRICT;
CREATE TABLE {0}.notes(time_ns INTEGER NOT NULL, text TEXT NOT NULL) STRICT;
)";

constexpr const char* kMainOnly = R"(
CREATE TABLE main.verdicts(
  judged_wall_ns INTEGER NOT NULL, version TEXT NOT NULL, checker TEXT NOT NULL, valid TEXT NOT NULL,
  json TEXT NOT NULL) STRICT;
CREATE VIEW main.events AS
  SELECT position, 'invoke' AS type, process, f, value, NULL AS error, invoked_ns AS time_ns, node FROM operations
  UNION ALL
  SELECT completed, type, process, f, coalesce(result, value), error, completed_ns, node FROM operations
    WHERE completed IS NOT NULL
  ORDER BY position;
)";

Failure sqlite_error(sqlite3* database, int code, const std::string& path) {
  std::string what = database ? sqlite3_errmsg(database) : sqlite3_errstr(code);
  const bool from_system = (code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CANTOPEN;
  if (const int number = from_system && database ? sqlite3_system_errno(database) : 0; number != 0)
    what += fmt::format(" ({})", std::strerror(number));
  switch (code & 0xff) {
    case SQLITE_NOTADB:
      return bad_input(fmt::format("{}: not a history: the file is not an SQLite database", path));
    case SQLITE_CORRUPT:
    case SQLITE_FORMAT:
      return bad_input(fmt::format("{}: the file is damaged ({})", path, what));
    case SQLITE_ERROR:  // a column or a table that our schema has is missing
    case SQLITE_MISMATCH:
      return bad_input(fmt::format("{}: not a history as this program writes it ({})", path, what));
    default:
      return infrastructure(fmt::format("{}: {}", path, what));
  }
}

Result<std::int64_t> pragma(Database& database, std::string_view which) {
  Result<Statement> statement = database.prepare(which);
  if (!statement) return tl::unexpected(statement.error());
  if (Result<bool> row = statement->step(); !row) return tl::unexpected(row.error());
  return statement->integer(0);
}

}  // namespace

Statement::~Statement() {
  sqlite3_finalize(statement_);
}

void Statement::bind(int at, std::int64_t value) {
  sqlite3_bind_int64(statement_, at, value);
}

void Statement::bind(int at, std::string_view text) {
  // An empty view may have no address, which SQLite would take for NULL.
  sqlite3_bind_text(statement_, at, text.empty() ? "" : text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
}

void Statement::bind_null(int at) {
  sqlite3_bind_null(statement_, at);
}

void Statement::bind_time(int at, std::int64_t ns) {
  if (ns == kNotYet)
    bind_null(at);
  else
    bind(at, ns);
}

Result<bool> Statement::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  sqlite3* database = sqlite3_db_handle(statement_);
  const char* path = sqlite3_db_filename(database, "main");
  return sqlite_error(database, code, path ? path : "");
}

void Statement::reset() {
  sqlite3_reset(statement_);
}

Result<void> Statement::run() {
  while (true) {
    Result<bool> row = step();
    if (!row || !*row) {
      reset();
      if (!row) return tl::unexpected(row.error());
      return {};
    }
  }
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::int64_t Statement::time(int column) const {
  return is_null(column) ? kNotYet : integer(column);
}

std::string_view Statement::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (!text) return {};
  return {text, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

Database::Database(Database&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)), path_(std::move(other.path_)) {}

Database& Database::operator=(Database&& other) noexcept {
  std::swap(database_, other.database_);
  std::swap(path_, other.path_);
  return *this;
}

Database::~Database() {
  sqlite3_close_v2(database_);
}

Result<Database> Database::open(const std::string& path, Mode mode) {
  Database result;
  result.path_ = path;
  int flags = SQLITE_OPEN_NOMUTEX;
  if (mode == Mode::create) flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  if (mode == Mode::read_write) flags |= SQLITE_OPEN_READWRITE;
  if (mode == Mode::read_only) flags |= SQLITE_OPEN_READONLY;
  if (const int code = sqlite3_open_v2(path.c_str(), &result.database_, flags, nullptr); code != SQLITE_OK)
    return sqlite_error(result.database_, code, path);
  sqlite3_extended_result_codes(result.database_, 1);
  sqlite3_busy_timeout(result.database_, 5000);
  int was = 0;
  sqlite3_db_config(result.database_, SQLITE_DBCONFIG_DEFENSIVE, 1, &was);
  sqlite3_db_config(result.database_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, &was);
  sqlite3_db_config(result.database_, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, &was);
  if (auto set = result.execute("PRAGMA temp_store=MEMORY; PRAGMA cell_size_check=ON"); !set)
    return tl::unexpected(set.error());
  return result;
}

Result<void> Database::execute(const char* sql) {
  const int code = sqlite3_exec(database_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return sqlite_error(database_, code, path_);
  return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(database_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                                      &statement, nullptr);
  if (code != SQLITE_OK) return sqlite_error(database_, code, path_);
  return Statement(statement);
}

void Database::make_plain() {
  sqlite3_busy_timeout(database_, 200);
  if (auto plain = execute("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode=DELETE"); !plain)
    log::debug("{}: left with its write-ahead log: {}", path_, plain.error().message);
}

Result<void> create_schema(Database& database, std::string_view where) {
  if (auto made = database.execute(fmt::format(fmt::runtime(kTables), where).c_str()); !made) return made;
  if (where != "main") return {};
  if (auto made = database.execute(kMainOnly); !made) return made;
  return database.execute(
      fmt::format("PRAGMA application_id={}; PRAGMA user_version={}", kApplicationId, kSchemaVersion).c_str());
}

Result<void> check_schema(Database& database) {
  Result<std::int64_t> application = pragma(database, "PRAGMA application_id");
  if (!application) return tl::unexpected(application.error());
  Result<std::int64_t> schema = pragma(database, "PRAGMA user_version");
  if (!schema) return tl::unexpected(schema.error());
  if (*application != kApplicationId)
    return bad_input(fmt::format("{}: an SQLite database, but not a history of shaketable", database.path()));
  if (*schema > kSchemaVersion)
    return bad_input(
        fmt::format("{}: written by a newer shaketable (schema {}, this one reads up to {}): use the newer one",
                    database.path(), *schema, kSchemaVersion));
  if (*schema < 1) return bad_input(fmt::format("{}: a history without a schema version", database.path()));
  return {};
}

Result<void> upgrade_schema(Database& database) {
  Result<std::int64_t> schema = pragma(database, "PRAGMA user_version");
  if (!schema) return tl::unexpected(schema.error());
  if (*schema >= kSchemaVersion) return {};
  return database.execute(
      fmt::format("ALTER TABLE main.operations ADD COLUMN due_ns INTEGER; PRAGMA user_version={}", kSchemaVersion)
          .c_str());
}

Result<std::string> operation_columns(Database& database) {
  Result<std::int64_t> schema = pragma(database, "PRAGMA user_version");
  if (!schema) return tl::unexpected(schema.error());
  return fmt::format(
      "position, process, worker, node, f, value, invoked_ns, completed, type, result, error, completed_ns, checksum, "
      "{}",
      *schema >= 2 ? "due_ns" : "NULL AS due_ns");
}

}  // namespace shaketable

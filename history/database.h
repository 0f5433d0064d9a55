#pragma once
// SQLite behind Result: a connection and its statements. Nothing here knows what a history is but for the schema.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace shaketable {

// Values are bound by position from 1 and read by column from 0. Bound texts must outlive the step.
class Statement {
 public:
  Statement() = default;
  Statement(Statement&& other) noexcept : statement_(std::exchange(other.statement_, nullptr)) {}
  Statement& operator=(Statement&& other) noexcept {
    std::swap(statement_, other.statement_);
    return *this;
  }
  ~Statement();

  void bind(int at, std::int64_t value);
  void bind(int at, std::string_view text);
  void bind_null(int at);
  // NULL for kNotYet.
  void bind_time(int at, std::int64_t ns);

  Result<bool> step();  // true: there is a row
  void reset();
  Result<void> run();  // step to the end, then reset

  bool is_null(int column) const;
  std::int64_t integer(int column) const;
  std::int64_t time(int column) const;      // kNotYet for NULL
  std::string_view text(int column) const;  // until the next step; empty for NULL

 private:
  friend class Database;
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  sqlite3_stmt* statement_ = nullptr;
};

// Used by one thread at a time.
class Database {
 public:
  enum class Mode { create, read_write, read_only };

  Database() = default;
  Database(Database&& other) noexcept;
  Database& operator=(Database&& other) noexcept;
  ~Database();

  // Files that others made are read defensively: no code of their schemas runs.
  static Result<Database> open(const std::string& path, Mode mode);

  Result<void> execute(const char* sql);
  Result<Statement> prepare(std::string_view sql);
  // Leaves one plain file, without a write-ahead log, which a read-only medium can hold too. While somebody else reads
  // it, it stays as it is, which does no harm.
  void make_plain();
  const std::string& path() const { return path_; }

 private:
  sqlite3* database_ = nullptr;
  std::string path_;
};

inline constexpr int kSchemaVersion = 2;  // 2: operations.due_ns

// An empty database becomes a history; `where` is "main" or "temp".
Result<void> create_schema(Database& database, std::string_view where);
// Errors are bad_input: not SQLite, not a history, of a newer schema.
Result<void> check_schema(Database& database);
// A history of an older schema becomes one of this. Inside a transaction of the caller's.
Result<void> upgrade_schema(Database& database);
// The columns of main.operations in the order of this schema, for a SELECT: NULL stands for those it does not have.
Result<std::string> operation_columns(Database& database);

}  // namespace shaketable

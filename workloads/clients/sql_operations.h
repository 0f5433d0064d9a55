#pragma once
// Each function of the interfaces as SQL statements. Knows nothing of connections: a statement is handed to `run`.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/parameters.h"
#include "history/value.h"
#include "workloads/clients/sql.h"

namespace shaketable {

using SqlRun = std::function<SqlAnswer(const std::string& statement)>;

struct SqlOperation {
  bool reads_only = false;
  bool one_statement = false;  // sent without BEGIN and COMMIT
  // Runs the statements and puts the answer's value into `result`. Returns why it has to end without effect (the
  // statement's problem, or one of its own: "did not match"); nullopt: all was done, and may be committed.
  std::function<std::optional<std::string>(const SqlRun&, Value& result)> body;
};

struct SqlStyle {
  std::string locks;            // none, share, update
  bool client_updates = false;  // read, compute here, write back; else one statement does it
};

// Any thread, once made.
class SqlOperations {
 public:
  SqlOperations(const SqlDialect& dialect, const std::string& prefix, const std::string& interface,
                const Parameters& workload, const SqlStyle& style);
  // nullopt: the interface has no such function, or the value is none of its.
  std::optional<SqlOperation> find(std::string_view f, const Value& value) const;
  std::vector<std::string> setup() const;    // may be run twice
  std::vector<std::string> removal() const;  // of all tables of the prefix

 private:
  std::optional<SqlOperation> on_register(std::string_view f, const Value& value) const;
  std::optional<SqlOperation> on_set(std::string_view f, const Value& value) const;
  std::optional<SqlOperation> on_queue(std::string_view f, const Value& value) const;
  std::optional<SqlOperation> on_counter(std::string_view f, const Value& value) const;
  std::optional<SqlOperation> on_bank(std::string_view f, const Value& value) const;
  std::optional<SqlOperation> on_ids(std::string_view f) const;
  std::optional<SqlOperation> on_monotonic(std::string_view f, const Value& value) const;
  std::optional<SqlOperation> on_predicate(std::string_view f, const Value& value) const;
  std::optional<SqlOperation> on_effects(std::string_view f, const Value& value) const;
  std::optional<SqlOperation> transaction(std::string_view f, const Value& value) const;
  std::optional<std::string> micro_operation(const SqlRun& run, const Value& operation, Value& result) const;
  std::optional<std::string> append(const SqlRun& run, const Value& key, const Value& element) const;

  std::string table(std::string_view name) const { return prefix_ + std::string(name); }
  std::string quoted(std::string_view text) const;
  std::string json(const Value& value) const;  // as a literal
  std::string locked(std::string select) const;

  const SqlDialect dialect_;
  const std::string prefix_, interface_;
  const SqlStyle style_;
  std::int64_t accounts_ = 0, total_ = 0, keys_ = 0;
};

}  // namespace shaketable

#include "workloads/clients/sql_operations.h"

#include <fmt/format.h>

#include "workloads/clients/sql_helpers.h"

namespace shaketable {

using namespace sql;

SqlOperations::SqlOperations(const SqlDialect& dialect, const std::string& prefix, const std::string& interface,
                             const Parameters& workload, const SqlStyle& style)
    : dialect_(dialect), prefix_(prefix), interface_(interface), style_(style) {
  if (interface == "bank") {
    accounts_ = workload.integer("accounts");
    total_ = workload.integer("total");
  }
  if (interface == "monotonic") keys_ = workload.integer("keys");
}

std::string SqlOperations::quoted(std::string_view text) const {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || (c == '\\' && dialect_.backslash_escapes)) out += c;
    out += c;
  }
  return out + "'";
}

std::string SqlOperations::json(const Value& value) const {
  return quoted(to_json(value));
}

std::string SqlOperations::locked(std::string select) const {
  if (style_.locks == "share") select += " " + dialect_.lock_share;
  if (style_.locks == "update") select += " " + dialect_.lock_update;
  return select;
}

std::optional<SqlOperation> SqlOperations::find(std::string_view f, const Value& value) const {
  if (interface_ == "register") return on_register(f, value);
  if (interface_ == "list-transactions" || interface_ == "register-transactions") return transaction(f, value);
  if (interface_ == "set") return on_set(f, value);
  if (interface_ == "queue") return on_queue(f, value);
  if (interface_ == "counter") return on_counter(f, value);
  if (interface_ == "bank") return on_bank(f, value);
  if (interface_ == "ids") return on_ids(f);
  if (interface_ == "monotonic") return on_monotonic(f, value);
  if (interface_ == "predicate-insert") return on_predicate(f, value);
  if (interface_ == "exactly-once") return on_effects(f, value);
  return std::nullopt;
}

std::optional<SqlOperation> SqlOperations::on_register(std::string_view f, const Value& value) const {
  if (!value.is_list() || value.size() != 2) return std::nullopt;
  const std::string name = table("registers");
  const Value key = value[0], argument = value[1];
  if (f == "read")
    return one_statement(true, [=, this](const SqlRun& run, Value& result) -> Problem {
      const SqlAnswer answer = run(fmt::format("SELECT v FROM {} WHERE k = {}", name, json(key)));
      if (!answer.ok()) return answer.problem;
      Value found;
      if (!answer.rows.empty())
        if (auto problem = read_json(text_of(answer.rows[0], 0), found)) return problem;
      result = Value::list({key, found});
      return std::nullopt;
    });
  if (f == "write")
    return one_statement(false, [=, this](const SqlRun& run, Value&) -> Problem {
      const std::string values = fmt::format("{}, {}", json(key), json(argument));
      const SqlAnswer answer = run(dialect_.upsert(name, values, json(argument)));
      return answer.ok() ? Problem() : answer.problem;
    });
  if (f != "cas" || !argument.is_list() || argument.size() != 2) return std::nullopt;
  const Value old = argument[0], next = argument[1];
  if (style_.client_updates)
    return several_statements(false, [=, this](const SqlRun& run, Value&) -> Problem {
      const SqlAnswer found = run(locked(fmt::format("SELECT v FROM {} WHERE k = {}", name, json(key))));
      if (!found.ok()) return found.problem;
      Value current;
      if (!found.rows.empty())
        if (auto problem = read_json(text_of(found.rows[0], 0), current)) return problem;
      if (!(current == old)) return "did not match";
      const SqlAnswer answer = run(dialect_.upsert(name, fmt::format("{}, {}", json(key), json(next)), json(next)));
      return answer.ok() ? Problem() : answer.problem;
    });
  return one_statement(false, [=, this](const SqlRun& run, Value&) -> Problem {
    const SqlAnswer answer =
        run(old.is_nil()
                ? fmt::format("INSERT INTO {} (k, v) VALUES ({}, {})", name, json(key), json(next))
                : fmt::format("UPDATE {} SET v = {} WHERE k = {} AND v = {}", name, json(next), json(key), json(old)));
    if (!answer.ok()) return answer.duplicate ? "did not match" : answer.problem;
    return answer.affected == 1 ? Problem() : "did not match";
  });
}

std::optional<SqlOperation> SqlOperations::transaction(std::string_view f, const Value& value) const {
  if ((f != "txn" && !f.empty()) || !value.is_list() || value.size() == 0) return std::nullopt;
  const std::string_view writes = interface_ == "list-transactions" ? "append" : "w";
  bool reads_only = true;
  for (const Value& operation : value.items()) {
    if (!operation.is_list() || operation.size() < 2 || !is_text(operation[0])) return std::nullopt;
    const bool reads = operation[0].text() == "r";
    if (!reads && (operation[0].text() != writes || operation.size() != 3)) return std::nullopt;
    reads_only &= reads;
  }
  SqlOperation operation;
  operation.reads_only = reads_only;
  operation.one_statement = value.size() == 1 && (reads_only || !style_.client_updates || writes == "w");
  operation.body = [=, this](const SqlRun& run, Value& result) -> Problem {
    std::vector<Value> results;
    for (const Value& micro : value.items())
      if (auto problem = micro_operation(run, micro, results.emplace_back())) return problem;
    result = Value::list(std::move(results));
    return std::nullopt;
  };
  return operation;
}

std::optional<std::string> SqlOperations::micro_operation(const SqlRun& run, const Value& operation,
                                                          Value& result) const {
  const bool lists = interface_ == "list-transactions";
  const std::string name = table(lists ? "lists" : "registers");
  const Value& key = operation[1];
  result = operation;
  if (operation[0].text() == "r") {
    const SqlAnswer answer = run(locked(fmt::format("SELECT v FROM {} WHERE k = {}", name, json(key))));
    if (!answer.ok()) return answer.problem;
    Value found;
    if (!answer.rows.empty()) {
      const std::string text = text_of(answer.rows[0], 0);
      if (auto problem = read_json(lists ? "[" + text + "]" : text, found)) return problem;
    }
    result = Value::list({operation[0], key, found});
    return std::nullopt;
  }
  if (lists) return append(run, key, operation[2]);
  const SqlAnswer answer =
      run(dialect_.upsert(name, fmt::format("{}, {}", json(key), json(operation[2])), json(operation[2])));
  return answer.ok() ? Problem() : answer.problem;
}

// Elements are kept as JSON with commas between them, so that one statement can append.
std::optional<std::string> SqlOperations::append(const SqlRun& run, const Value& key, const Value& element) const {
  const std::string name = table("lists"), more = to_json(element);
  if (!style_.client_updates) {
    const SqlAnswer answer = run(dialect_.upsert(name, fmt::format("{}, {}", json(key), quoted(more)),
                                                 dialect_.concat(dialect_.old_value, "','", quoted(more))));
    return answer.ok() ? Problem() : answer.problem;
  }
  const SqlAnswer found = run(locked(fmt::format("SELECT v FROM {} WHERE k = {}", name, json(key))));
  if (!found.ok()) return found.problem;
  const SqlAnswer answer =
      run(found.rows.empty() ? fmt::format("INSERT INTO {} (k, v) VALUES ({}, {})", name, json(key), quoted(more))
                             : fmt::format("UPDATE {} SET v = {} WHERE k = {}", name,
                                           quoted(text_of(found.rows[0], 0) + "," + more), json(key)));
  if (!answer.ok()) return answer.problem;
  return answer.affected == 1 ? Problem() : "the row that was read is gone";
}

std::vector<std::string> SqlOperations::setup() const {
  const auto keyed = [this](const char* name) {
    return fmt::format("CREATE TABLE IF NOT EXISTS {} (k {} PRIMARY KEY, v {} NOT NULL)", table(name),
                       dialect_.key_type, dialect_.text_type);
  };
  std::vector<std::string> statements;
  if (interface_ == "register" || interface_ == "register-transactions" || interface_ == "exactly-once")
    statements = {keyed("registers")};
  if (interface_ == "list-transactions") statements = {keyed("lists")};
  if (interface_ == "set" || interface_ == "queue" || interface_ == "ids")
    statements = {fmt::format("CREATE TABLE IF NOT EXISTS {} (id {}, v {} NOT NULL)", table("elements"),
                              dialect_.serial_type, dialect_.text_type)};
  if (interface_ == "predicate-insert")
    // Two rows with one key are what the workload looks for: the key is no primary key of theirs.
    for (const char* side : {"first", "second"}) {
      statements.push_back(fmt::format("CREATE TABLE IF NOT EXISTS {} (id {}, k {} NOT NULL, v {} NOT NULL)",
                                       table(side), dialect_.serial_type, dialect_.key_type, dialect_.text_type));
      statements.push_back(fmt::format("CREATE INDEX IF NOT EXISTS {0}_k ON {0} (k)", table(side)));
    }
  if (interface_ == "counter" || interface_ == "bank" || interface_ == "monotonic") {
    statements = {
        fmt::format("CREATE TABLE IF NOT EXISTS {} (id bigint PRIMARY KEY, n bigint NOT NULL)", table("numbers"))};
    const std::int64_t rows = interface_ == "bank" ? accounts_ : interface_ == "monotonic" ? keys_ : 1;
    for (std::int64_t id = 0; id < rows; ++id)
      statements.push_back(
          fmt::format("INSERT INTO {0} (id, n) SELECT {1}, {2} WHERE NOT EXISTS (SELECT 1 FROM {0} "
                      "WHERE id = {1})",
                      table("numbers"), id, interface_ == "bank" ? total_ / accounts_ : 0));
  }
  return statements;
}

std::vector<std::string> SqlOperations::removal() const {
  std::vector<std::string> statements;
  for (const char* name : {"registers", "lists", "elements", "first", "second", "numbers"})
    statements.push_back("DROP TABLE IF EXISTS " + table(name));
  return statements;
}

}  // namespace shaketable

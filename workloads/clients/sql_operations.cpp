#include "workloads/clients/sql_operations.h"

#include <fmt/format.h>

#include <cstdlib>

#include "history/text.h"

namespace shaketable {
namespace {

using Problem = std::optional<std::string>;

std::string text_of(const SqlRow& row, std::size_t column) {
  return column < row.size() && row[column] ? *row[column] : "";
}
std::int64_t number_of(const SqlRow& row, std::size_t column) {
  return std::strtoll(text_of(row, column).c_str(), nullptr, 10);
}

bool is_text(const Value& value) {
  return value.kind() == Value::Kind::string || value.kind() == Value::Kind::keyword;
}

// The JSON that this client wrote. Anything else in its table is an error, never a crash.
Problem read_json(const std::string& text, Value& into) {
  auto parsed = parse_json(text);
  if (!parsed) return "what was read is not what this client writes: " + text.substr(0, 100);
  into = std::move(*parsed);
  return std::nullopt;
}

// Column 0 of every row, each JSON.
Problem read_list(const SqlAnswer& answer, Value& into) {
  std::vector<Value> items;
  for (const SqlRow& row : answer.rows)
    if (auto problem = read_json(text_of(row, 0), items.emplace_back())) return problem;
  into = Value::list(std::move(items));
  return std::nullopt;
}

SqlOperation one_statement(bool reads_only, std::function<Problem(const SqlRun&, Value&)> body) {
  return {reads_only, true, std::move(body)};
}
SqlOperation several_statements(bool reads_only, std::function<Problem(const SqlRun&, Value&)> body) {
  return {reads_only, false, std::move(body)};
}

}  // namespace

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

std::optional<SqlOperation> SqlOperations::on_set(std::string_view f, const Value& value) const {
  const std::string name = table("elements");
  if (f == "add")
    return one_statement(false, [=, this](const SqlRun& run, Value&) -> Problem {
      const SqlAnswer answer = run(fmt::format("INSERT INTO {} (v) VALUES ({})", name, json(value)));
      return answer.ok() ? Problem() : answer.problem;
    });
  if (f != "read") return std::nullopt;
  return one_statement(true, [=](const SqlRun& run, Value& result) -> Problem {
    const SqlAnswer answer = run(fmt::format("SELECT v FROM {}", name));
    return answer.ok() ? read_list(answer, result) : answer.problem;
  });
}

std::optional<SqlOperation> SqlOperations::on_queue(std::string_view f, const Value& value) const {
  const std::string name = table("elements");
  if (f == "enqueue") return on_set("add", value);
  if (f == "dequeue")
    return several_statements(false, [=](const SqlRun& run, Value& result) -> Problem {
      // SKIP LOCKED: what another transaction is taking out is none of ours, and not worth waiting for.
      const SqlAnswer found = run(fmt::format("SELECT id, v FROM {} ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED", name));
      if (!found.ok()) return found.problem;
      result = Value();
      if (found.rows.empty()) return std::nullopt;
      if (auto problem = read_json(text_of(found.rows[0], 1), result)) return problem;
      const SqlAnswer taken = run(fmt::format("DELETE FROM {} WHERE id = {}", name, number_of(found.rows[0], 0)));
      if (!taken.ok()) return taken.problem;
      return taken.affected == 1 ? Problem() : "the element was taken by somebody else";
    });
  if (f != "drain") return std::nullopt;
  return one_statement(false, [=](const SqlRun& run, Value& result) -> Problem {
    const SqlAnswer answer = run(fmt::format("DELETE FROM {} RETURNING v", name));
    return answer.ok() ? read_list(answer, result) : answer.problem;
  });
}

std::optional<SqlOperation> SqlOperations::on_counter(std::string_view f, const Value& value) const {
  const std::string name = table("numbers");
  if (f == "read")
    return one_statement(true, [=](const SqlRun& run, Value& result) -> Problem {
      const SqlAnswer answer = run(fmt::format("SELECT n FROM {} WHERE id = 0", name));
      if (!answer.ok()) return answer.problem;
      if (answer.rows.empty()) return "the counter's row is not there";
      result = number_of(answer.rows[0], 0);
      return std::nullopt;
    });
  if (f != "add" || !value.is_integer()) return std::nullopt;
  const std::int64_t by = value.integer();
  if (!style_.client_updates)
    return one_statement(false, [=](const SqlRun& run, Value&) -> Problem {
      const SqlAnswer answer = run(fmt::format("UPDATE {} SET n = n + ({}) WHERE id = 0", name, by));
      if (!answer.ok()) return answer.problem;
      return answer.affected == 1 ? Problem() : "the counter's row is not there";
    });
  return several_statements(false, [=, this](const SqlRun& run, Value&) -> Problem {
    const SqlAnswer found = run(locked(fmt::format("SELECT n FROM {} WHERE id = 0", name)));
    if (!found.ok()) return found.problem;
    if (found.rows.empty()) return "the counter's row is not there";
    const SqlAnswer answer =
        run(fmt::format("UPDATE {} SET n = {} WHERE id = 0", name, number_of(found.rows[0], 0) + by));
    return answer.ok() ? Problem() : answer.problem;
  });
}

std::optional<SqlOperation> SqlOperations::on_bank(std::string_view f, const Value& value) const {
  const std::string name = table("numbers");
  if (f == "read")
    return one_statement(true, [=](const SqlRun& run, Value& result) -> Problem {
      const SqlAnswer answer = run(fmt::format("SELECT id, n FROM {}", name));
      if (!answer.ok()) return answer.problem;
      std::vector<std::pair<Value, Value>> balances;
      for (const SqlRow& row : answer.rows) balances.emplace_back(number_of(row, 0), number_of(row, 1));
      result = Value::map(std::move(balances));
      return std::nullopt;
    });
  if (f != "transfer" || value.kind() != Value::Kind::map) return std::nullopt;
  const auto field = [&value](const char* key) {
    const Value* found = value.find(key);
    return found ? found : value.find(Value::keyword(key));
  };
  const Value *from = field("from"), *to = field("to"), *amount = field("amount");
  if (!from || !to || !amount || !from->is_integer() || !to->is_integer() || !amount->is_integer()) return std::nullopt;
  return several_statements(
      false,
      [=, this, a = from->integer(), b = to->integer(), n = amount->integer()](const SqlRun& run, Value&) -> Problem {
        const auto look = [&](std::int64_t id, std::int64_t& balance) -> Problem {
          const SqlAnswer answer = run(locked(fmt::format("SELECT n FROM {} WHERE id = {}", name, id)));
          if (!answer.ok()) return answer.problem;
          if (answer.rows.empty()) return fmt::format("there is no account {}", id);
          balance = number_of(answer.rows[0], 0);
          return std::nullopt;
        };
        const auto change = [&](const std::string& statement, const char* otherwise) -> Problem {
          const SqlAnswer answer = run(statement);
          if (!answer.ok()) return answer.problem;
          return answer.affected == 1 ? Problem() : otherwise;
        };
        if (!style_.client_updates) {
          if (auto problem = change(fmt::format("UPDATE {} SET n = n - {} WHERE id = {} AND n >= {}", name, n, a, n),
                                    "the account does not hold so much"))
            return problem;
          return change(fmt::format("UPDATE {} SET n = n + {} WHERE id = {}", name, n, b), "there is no such account");
        }
        std::int64_t of_a = 0, of_b = 0;
        if (auto problem = look(a, of_a)) return problem;
        if (auto problem = look(b, of_b)) return problem;
        if (of_a < n) return "the account does not hold so much";
        if (a == b) return std::nullopt;
        if (auto problem =
                change(fmt::format("UPDATE {} SET n = {} WHERE id = {}", name, of_a - n, a), "no such account"))
          return problem;
        return change(fmt::format("UPDATE {} SET n = {} WHERE id = {}", name, of_b + n, b), "no such account");
      });
}

std::optional<SqlOperation> SqlOperations::on_ids(std::string_view f) const {
  if (f != "generate") return std::nullopt;
  return one_statement(false, [=, this](const SqlRun& run, Value& result) -> Problem {
    const SqlAnswer answer = run(fmt::format("INSERT INTO {} (v) VALUES ('') RETURNING id", table("elements")));
    if (!answer.ok()) return answer.problem;
    if (answer.rows.empty()) return "the server gave no identifier";
    result = number_of(answer.rows[0], 0);
    return std::nullopt;
  });
}

std::optional<SqlOperation> SqlOperations::on_monotonic(std::string_view f, const Value& value) const {
  const std::string name = table("numbers");
  if (f == "inc" && value.is_integer())
    return several_statements(false, [=, this, id = value.integer()](const SqlRun& run, Value& result) -> Problem {
      const std::string select = fmt::format("SELECT n FROM {} WHERE id = {}", name, id);
      std::string update = fmt::format("UPDATE {} SET n = n + 1 WHERE id = {}", name, id);
      std::int64_t made = 0;
      if (style_.client_updates) {
        const SqlAnswer found = run(locked(select));
        if (!found.ok()) return found.problem;
        made = found.rows.empty() ? 0 : number_of(found.rows[0], 0) + 1;
        update = fmt::format("UPDATE {} SET n = {} WHERE id = {}", name, made, id);
      }
      const SqlAnswer updated = run(update);
      if (!updated.ok()) return updated.problem;
      if (updated.affected != 1) return "there is no such number";
      if (!style_.client_updates) {
        const SqlAnswer found = run(select);
        if (!found.ok()) return found.problem;
        if (found.rows.empty()) return "there is no such number";
        made = number_of(found.rows[0], 0);
      }
      result = Value::map({{value, made}});
      return std::nullopt;
    });
  if (f != "read" || !value.is_list() || value.size() == 0) return std::nullopt;
  std::string ids;
  for (const Value& id : value.items()) {
    if (!id.is_integer()) return std::nullopt;
    ids += fmt::format("{}{}", ids.empty() ? "" : ", ", id.integer());
  }
  return one_statement(true, [=](const SqlRun& run, Value& result) -> Problem {
    const SqlAnswer answer = run(fmt::format("SELECT id, n FROM {} WHERE id IN ({})", name, ids));
    if (!answer.ok()) return answer.problem;
    std::vector<std::pair<Value, Value>> numbers;
    for (const SqlRow& row : answer.rows) numbers.emplace_back(number_of(row, 0), number_of(row, 1));
    result = Value::map(std::move(numbers));
    return std::nullopt;
  });
}

std::optional<SqlOperation> SqlOperations::on_predicate(std::string_view f, const Value& value) const {
  if (f != "insert" || !value.is_list() || value.size() != 2 || !value[1].is_list() || value[1].size() != 2)
    return std::nullopt;
  const Value key = value[0], ids = value[1];
  if (ids[0].is_nil() == ids[1].is_nil()) return std::nullopt;
  return several_statements(false, [=, this](const SqlRun& run, Value&) -> Problem {
    for (const char* side : {"first", "second"}) {
      const SqlAnswer found = run(locked(fmt::format("SELECT v FROM {} WHERE k = {}", table(side), json(key))));
      if (!found.ok()) return found.problem;
      if (!found.rows.empty()) return "there is a row with this key";
    }
    const bool first = !ids[0].is_nil();
    const SqlAnswer answer = run(fmt::format("INSERT INTO {} (k, v) VALUES ({}, {})", table(first ? "first" : "second"),
                                             json(key), json(first ? ids[0] : ids[1])));
    return answer.ok() ? Problem() : answer.problem;
  });
}

std::optional<SqlOperation> SqlOperations::on_effects(std::string_view f, const Value& value) const {
  const std::string name = table("registers");
  if (f == "apply")
    return one_statement(false, [=, this](const SqlRun& run, Value&) -> Problem {
      const SqlAnswer answer = run(fmt::format("INSERT INTO {} (k, v) VALUES ({}, '')", name, json(value)));
      return answer.ok() || answer.duplicate ? Problem() : answer.problem;
    });
  if (f != "read") return std::nullopt;
  return one_statement(true, [=](const SqlRun& run, Value& result) -> Problem {
    const SqlAnswer answer = run(fmt::format("SELECT k FROM {}", name));
    return answer.ok() ? read_list(answer, result) : answer.problem;
  });
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

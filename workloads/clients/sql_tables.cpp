// Sets, queues, counters, accounts and the like: rows that one or two statements read and change.

#include <fmt/format.h>

#include "workloads/clients/sql_helpers.h"
#include "workloads/clients/sql_operations.h"

namespace shaketable {

using namespace sql;

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

}  // namespace shaketable

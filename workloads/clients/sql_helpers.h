#pragma once
// For the files of SqlOperations: columns as values, and operations of one statement or of several.

#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "history/text.h"
#include "workloads/clients/sql_operations.h"

namespace shaketable::sql {

using Problem = std::optional<std::string>;

inline std::string text_of(const SqlRow& row, std::size_t column) {
  return column < row.size() && row[column] ? *row[column] : "";
}
inline std::int64_t number_of(const SqlRow& row, std::size_t column) {
  return std::strtoll(text_of(row, column).c_str(), nullptr, 10);
}

inline bool is_text(const Value& value) {
  return value.kind() == Value::Kind::string || value.kind() == Value::Kind::keyword;
}

// The JSON that this client wrote. Anything else in its table is an error, never a crash.
inline Problem read_json(const std::string& text, Value& into) {
  auto parsed = parse_json(text);
  if (!parsed) return "what was read is not what this client writes: " + text.substr(0, 100);
  into = std::move(*parsed);
  return std::nullopt;
}

// Column 0 of every row, each JSON.
inline Problem read_list(const SqlAnswer& answer, Value& into) {
  std::vector<Value> items;
  for (const SqlRow& row : answer.rows)
    if (auto problem = read_json(text_of(row, 0), items.emplace_back())) return problem;
  into = Value::list(std::move(items));
  return std::nullopt;
}

inline SqlOperation one_statement(bool reads_only, std::function<Problem(const SqlRun&, Value&)> body) {
  return {reads_only, true, std::move(body)};
}
inline SqlOperation several_statements(bool reads_only, std::function<Problem(const SqlRun&, Value&)> body) {
  return {reads_only, false, std::move(body)};
}

}  // namespace shaketable::sql

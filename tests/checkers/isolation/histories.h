#pragma once
// Histories for tests: written as JSON, read from the corpus, or drawn at random.

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "checkers/isolation/isolation.h"
#include "history/history.h"
#include "history/readers.h"
#include "history/text.h"

namespace shaketable::isolation {

inline OpType op_type(std::string_view name) {
  if (name == "invoke") return OpType::invoke;
  if (name == "ok") return OpType::ok;
  if (name == "fail") return OpType::fail;
  REQUIRE(name == "info");
  return OpType::info;
}

// [["ok", process, [["append", "x", 1]]], ...]
inline History history_of(std::string_view json) {
  const Result<Value> parsed = parse_json(json);
  REQUIRE(parsed);
  History history;
  for (const Value& op : parsed->items()) {
    Operation operation;
    operation.type = op_type(op[0].text());
    operation.process = op[1].integer();
    operation.value = op[2];
    history.operations.push_back(std::move(operation));
  }
  return history;
}

inline IsolationOptions asking(std::string_view model) {
  IsolationOptions options;
  options.consistency_models = {std::string(model)};
  return options;
}

// nullopt, with a warning, where the corpus is not there; with CI set that is a failure.
inline std::optional<std::filesystem::path> corpus() {
  const char* named = std::getenv("SHAKETABLE_CORPUS");
  const std::filesystem::path folder =
      (named ? std::filesystem::path(named) : std::filesystem::path(SHAKETABLE_SOURCE_DIR) / "../shared/corpus") /
      "isolation";
  if (std::filesystem::exists(folder)) return folder;
  if (std::getenv("CI")) FAIL("no corpus at " << folder);
  WARN("skipped: no corpus at " << folder);
  return std::nullopt;
}

inline History read_corpus(const std::filesystem::path& path) {
  History history;
  HistoryBuilder builder(history);
  const auto notes = read_history_file(path.string(), {}, builder);
  INFO(path << (notes ? "" : ": " + notes.error().message));
  REQUIRE(notes);
  return history;
}

inline std::vector<std::string> names_of(const Verdict& verdict) {
  std::vector<std::string> names;
  for (const auto& [name, _] : verdict.anomalies) names.push_back(name);
  return names;
}

}  // namespace shaketable::isolation

// Histories that others recorded, with known verdicts (corpus/README.md).

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "checkers/linearizability/linearizable.h"
#include "history/readers.h"
#include "tests/history/corpus.h"

namespace shaketable {

namespace {

std::vector<std::map<std::string, std::string>> table(const std::filesystem::path& path) {
  std::ifstream in(path);
  REQUIRE(in);
  std::vector<std::string> names;
  std::vector<std::map<std::string, std::string>> rows;
  for (std::string line; std::getline(in, line);) {
    std::istringstream cells(line);
    std::map<std::string, std::string> row;
    std::size_t column = 0;
    for (std::string cell; std::getline(cells, cell, '\t'); ++column) {
      if (rows.empty() && names.size() == column)
        names.push_back(cell);
      else
        row[names.at(column)] = cell;
    }
    if (row.empty()) continue;
    rows.push_back(row);
  }
  return rows;
}

Verdict judge(const std::filesystem::path& file, const LinearizableOptions& options) {
  auto checker = LinearizableChecker::create(options);
  REQUIRE(checker);
  const auto notes = read_history_file(file.string(), {std::nullopt, options.keyed}, *checker);
  if (!notes) FAIL(notes.error().message);
  const auto verdict = checker->check(Budget());
  if (!verdict) FAIL(verdict.error().message);
  return *verdict;
}

void expect(const std::filesystem::path& file, bool linearizable, const LinearizableOptions& options) {
  INFO(file);
  const Verdict verdict = judge(file, options);
  INFO(verdict.reason);
  CHECK(verdict.valid == (linearizable ? Validity::valid : Validity::invalid));
}

}  // namespace

TEST_CASE("the etcd logs get their known verdicts") {
  const auto folder = corpus_folder() / "linearizability" / "etcd";
  if (!std::filesystem::exists(folder)) return;
  const auto rows = table(folder / "expected.tsv");
  CHECK(rows.size() > 50);
  for (auto row : rows) expect(folder / row["file"], row["linearizable"] == "true", LinearizableOptions());
}

TEST_CASE("the Knossos histories get their known verdicts") {
  const auto folder = corpus_folder() / "linearizability" / "knossos";
  if (!std::filesystem::exists(folder)) return;
  const auto rows = table(folder / "expected.tsv");
  CHECK(rows.size() > 50);
  for (auto row : rows) {
    LinearizableOptions options{row["model"], std::nullopt, LinearizableOptions::any};
    if (row["model"] == "cas-register") options.initial = Value(0);
    if (row["model"] == "multi-register") options.initial = Value::map({{"x", 0}, {"y", 0}});
    expect(folder / row["file"], row["linearizable"] == "true", options);
  }
}

TEST_CASE("the Porcupine kv logs get their known verdicts") {
  const auto folder = corpus_folder() / "linearizability" / "kv";
  if (!std::filesystem::exists(folder)) return;
  LinearizableOptions options;
  options.model = "kv-append";
  for (auto row : table(folder / "expected.tsv")) expect(folder / row["file"], row["linearizable"] == "true", options);
}

}  // namespace shaketable

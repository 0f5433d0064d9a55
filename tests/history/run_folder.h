#pragma once
// A folder of a test's own, and the run in it as plain data.

#include <fmt/format.h>
#include <stdlib.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "history/recorder.h"
#include "history/run_file.h"
#include "history/text.h"

namespace shaketable::testing {

class RunFolder {
 public:
  RunFolder() {
    path_ = (std::filesystem::temp_directory_path() / "shaketable-test-XXXXXX").string();
    REQUIRE(::mkdtemp(path_.data()));
  }
  ~RunFolder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }
  std::string database() const { return path_ + "/history.db"; }
  std::string journal() const { return path_ + "/history.journal"; }

 private:
  std::string path_;
};

inline RunInfo some_run() {
  RunInfo info;
  info.name = "quickstart";
  info.plan_path = "configs/quickstart.yaml";
  info.plan_text = "name: quickstart\n";
  info.seed = 7;
  info.workload = "register";
  info.system = "etcd";
  info.version = "0.1.0";
  info.started_wall_ns = 1'700'000'000'000'000'000;
  info.nodes = {{"n1", "10.0.0.1", Value()}, {"n2", "10.0.0.2", Value()}};
  return info;
}

template <class T>
T must(Result<T> result) {
  if (!result) FAIL(result.error().message);
  return std::move(*result);
}
inline void must(Result<void> result) {
  if (!result) FAIL(result.error().message);
}

inline History read_all(const RunFile& run) {
  History history;
  HistoryBuilder builder(history);
  must(run.read(builder));
  return history;
}

// "3 ok read [1 2]"
inline std::string line_of(const Operation& operation) {
  std::string line = fmt::format("{} {} {} {}", operation.process, to_string(operation.type), operation.f.text(),
                                 to_edn(operation.value));
  if (!operation.error.is_nil()) line += " error " + to_edn(operation.error);
  return line;
}

inline std::vector<std::string> lines_of(const History& history) {
  std::vector<std::string> lines;
  for (const Operation& operation : history.operations) lines.push_back(line_of(operation));
  return lines;
}

}  // namespace shaketable::testing

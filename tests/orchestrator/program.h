#pragma once
// Runs the shaketable program as a stranger would, and keeps what it said.

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "cluster/local_process.h"

namespace shaketable::testing {

// A folder that goes away with the test.
class Scratch {
 public:
  Scratch() {
    static int number = 0;
    path_ = std::filesystem::temp_directory_path() /
            ("shaketable-test-" + std::to_string(getpid()) + "-" + std::to_string(number++));
    std::filesystem::create_directories(path_);
  }
  ~Scratch() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

inline std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return std::move(content).str();
}

struct Said {
  int exit_code = -1;  // 128 + signal when it was killed
  std::string out, err;
};

// A shaketable that runs; its output goes to files, so nothing it says can block it.
class Program {
 public:
  explicit Program(const std::vector<std::string>& arguments) {
    LocalProcessSpec spec;
    spec.arguments = {"/bin/sh",
                      "-c",
                      "out=$1; err=$2; shift 2; exec \"$0\" \"$@\" >\"$out\" 2>\"$err\" </dev/null",
                      std::string(SHAKETABLE_BIN_DIR) + "/shaketable",
                      scratch_ / "out",
                      scratch_ / "err"};
    spec.arguments.insert(spec.arguments.end(), arguments.begin(), arguments.end());
    spec.directory = SHAKETABLE_SOURCE_DIR;
    process_ = std::move(LocalProcess::start(spec).value());
  }

  pid_t pid() const { return process_->pid(); }
  void signal(int number) const { ::kill(process_->pid(), number); }
  std::string err() const { return content_of(scratch_ / "err"); }

  // Waits until its stderr holds `text`; false after `timeout` or when it ended without.
  bool says(const std::string& text, std::chrono::seconds timeout) {
    for (const auto end = std::chrono::steady_clock::now() + timeout; std::chrono::steady_clock::now() < end;) {
      if (err().find(text) != std::string::npos) return true;
      if (process_->wait(std::chrono::milliseconds(50))) return err().find(text) != std::string::npos;
    }
    return false;
  }

  Said wait(std::chrono::seconds timeout) {
    const auto exit = process_->wait(timeout);
    if (!exit) process_->kill();
    return {exit ? (exit->signal ? 128 + exit->signal : exit->exit_code) : -1, content_of(scratch_ / "out"), err()};
  }

 private:
  Scratch scratch_;
  std::unique_ptr<LocalProcess> process_;
};

inline Said run_shaketable(const std::vector<std::string>& arguments,
                           std::chrono::seconds timeout = std::chrono::seconds(60)) {
  return Program(arguments).wait(timeout);
}

}  // namespace shaketable::testing

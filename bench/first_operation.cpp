// How long a user waits for the first operation: from the command on a built tree, and from the cluster being healthy.
// bench_first_operation [ROUNDS]; runs the program beside it on configs/quickstart.yaml in the repository's root.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "cluster/local_process.h"
#include "history/run_file.h"
#include "orchestrator/report/outcome.h"

using namespace shaketable;
using namespace std::chrono_literals;

namespace {

struct FirstInvocation final : OperationSink {
  std::int64_t at_ns = -1;
  Result<void> take(Operation operation) override {
    if (at_ns < 0 && operation.process >= 0) at_ns = operation.time_ns;
    return {};
  }
};

std::int64_t wall_ns() {
  return std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count();
}

void print(const char* what, std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  fmt::print("{:<44} median {:6.3f} s   max {:6.3f} s\n", what, seconds[seconds.size() / 2], seconds.back());
}

int failed(const std::string& what) {
  fmt::print(stderr, "bench_first_operation: {}\n", what);
  return 4;
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 3;
  const auto program = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "shaketable";
  const auto folder = std::filesystem::temp_directory_path() / fmt::format("bench-first-{}", wall_ns());
  std::vector<double> from_command, from_healthy;
  for (int round = 0; round < rounds; ++round) {
    const std::string out = folder / std::to_string(round);
    LocalProcessSpec spec;
    spec.arguments = {program, "run",   "configs/quickstart.yaml", "--set", "time_limit=3s", "--out", out, "--lab",
                      "bench", "--set", "faults.first_after=2s"};
    const std::int64_t begin = wall_ns();
    auto process = LocalProcess::start(spec);
    if (!process) return failed(process.error().message);
    if (!(*process)->wait(120s)) return failed("a run took more than 120 s");
    const auto file = open_run(out);
    if (!file) return failed(file.error().message + "\n" + (*process)->error_output());
    FirstInvocation first;
    if (const auto read = file->read(first); !read) return failed(read.error().message);
    const auto healthy = file->meta(kMetaHealthyAt);
    if (first.at_ns < 0 || !healthy) return failed("a run without operations: " + out);
    from_command.push_back(static_cast<double>(file->info().started_wall_ns + first.at_ns - begin) / 1e9);
    from_healthy.push_back(static_cast<double>(first.at_ns - std::stoll(*healthy)) / 1e9);
  }
  std::filesystem::remove_all(folder);
  print("first operation, from the command", from_command);
  print("first operation, from the cluster's health", from_healthy);
}

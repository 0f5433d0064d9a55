// How many operations a second the controller records end to end: register workload, worker threads, in-memory client,
// recorder, journal and SQLite, history on disk. `bench_recording [SECONDS] [FOLDER] [WORKERS…]`; docs/benchmarks.md.

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "base/duration.h"
#include "history/recorder.h"
#include "history/run_file.h"
#include "orchestrator/interpreter.h"
#include "workloads/clients/memory.h"
#include "workloads/workload.h"

using namespace shaketable;

namespace {

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double resident_mib() {
  std::ifstream file("/proc/self/statm");
  double total = 0, resident = 0;
  file >> total >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

class Counter final : public OperationSink {
 public:
  Result<void> take(Operation) override {
    ++events;
    return {};
  }
  std::uint64_t events = 0;
};

[[noreturn]] void fail(const std::string& what) {
  fmt::print(stderr, "bench_recording: {}\n", what);
  std::exit(1);
}

void measure(std::size_t workers, double seconds, const std::string& parent) {
  std::string folder = parent + "/bench-recording-XXXXXX";
  if (!::mkdtemp(folder.data())) fail("cannot make a folder in " + parent);
  SteadyClock clock;
  RunInfo info;
  info.name = "bench";
  auto recorder = Recorder::create(folder, info, clock);
  if (!recorder) fail(recorder.error().message);
  const ClientInfo client = memory_client();
  ClientSettings settings;
  settings.run = folder;
  settings.options = Parameters(client.parameters);
  LoadOptions options;
  options.workers = workers;
  options.nodes = {"n1", "n2", "n3", "n4", "n5"};
  options.make_client = [&](std::size_t worker) {
    ClientSettings mine = settings;
    mine.worker = worker;
    return client.make(mine);
  };
  // Compare-and-sets that meet another value are what they are for, no sign of trouble.
  options.failures_before_pause = 1 << 30;
  const WorkloadInfo* workload_info = find_workload("register");
  Parameters parameters(workload_info->parameters);
  // Few keys after one another: the in-memory system under test keeps every register it ever had, and its memory is not
  // what is measured.
  parameters.set("ops_per_key", std::int64_t{100'000});
  auto workload = workload_info->make(parameters, workers);
  if (!workload) fail(workload.error().message);
  GeneratorPtr load = time_limit(Nanos(static_cast<std::int64_t>(seconds * 1e9)), std::move(workload->main));
  Interpreter interpreter(**recorder, clock, options);

  double third_mib = 0;
  std::jthread watcher([&](std::stop_token stop) {
    if (clock.sleep_until(Nanos(static_cast<std::int64_t>(seconds / 3 * 1e9)), stop)) third_mib = resident_mib();
  });
  const double cpu_before = cpu_seconds();
  const Nanos begun = clock.now();
  if (auto ended = interpreter.run(*load, Random(1), {}); !ended) fail(ended.error().message);
  const double end_mib = resident_mib();
  watcher.request_stop();
  watcher.join();
  const RecorderCounters counters = (*recorder)->counters();
  if (auto finished = (*recorder)->finish("time limit"); !finished) fail(finished.error().message);
  const double wall = std::chrono::duration<double>(clock.now() - begun).count(), cpu = cpu_seconds() - cpu_before;
  const auto operations = static_cast<double>(interpreter.counters().invoked);
  const auto bytes = static_cast<double>(std::filesystem::file_size(folder + "/history.db"));
  const LoadCounters load_counters = interpreter.counters();

  Counter read;
  const double read_cpu = cpu_seconds();
  const Nanos read_begun = clock.now();
  {
    auto run = open_run(folder);
    if (!run) fail(run.error().message);
    if (auto done = run->read(read); !done) fail(done.error().message);
  }
  const double read_wall = std::chrono::duration<double>(clock.now() - read_begun).count();
  if (static_cast<double>(read.events) != 2 * operations)
    fail(fmt::format("{} operations were recorded, but {} events read back", operations, read.events));
  fmt::print(
      "{:>7} {:>10.0f} {:>9.0f} {:>7.2f} {:>10.0f} {:>8.1f} {:>8.1f} {:>8.1f} {:>8} {:>6} {:>10.1f} {:>12.0f} "
      "{:>9.2f}\n",
      workers, operations, operations / wall, cpu, operations / cpu, third_mib, end_mib, bytes / operations,
      format_duration(load_counters.latency.quantile(0.5)), counters.waits,
      static_cast<double>(counters.longest_commit.count()) / 1e6, static_cast<double>(read.events) / read_wall,
      cpu_seconds() - read_cpu);
  std::filesystem::remove_all(folder);
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 10;
  const std::string parent = argc > 2 ? argv[2] : std::filesystem::temp_directory_path().string();
  std::vector<std::size_t> workers;
  for (int i = 3; i < argc; ++i) workers.push_back(static_cast<std::size_t>(std::atoi(argv[i])));
  if (workers.empty()) workers = {1, 2, 10, 50};
  fmt::print("{} s each, history in {}; wall time includes closing the file\n", seconds, parent);
  fmt::print("{:>7} {:>10} {:>9} {:>7} {:>10} {:>8} {:>8} {:>8} {:>8} {:>6} {:>10} {:>12} {:>9}\n", "workers",
             "operations", "ops/s", "cpu s", "ops/cpu s", "MiB 1/3", "MiB end", "bytes/op", "p50", "waits", "commit ms",
             "read ev/s", "read cpu");
  for (std::size_t count : workers) measure(count, seconds, parent);
}

// bench_linearizability [--corpus DIR] [--more DIR] [--against FILE.tsv] [--runs N] [--large] [--file FILE.jsonl]
//
// Prints how long the linearizability checker takes, as CPU time of one thread: medians of N runs (default 25) for
// taking a history in memory, for the verdict, and for the explanation of an invalid one; reading the file is not
// measured.
// --more: a folder of register histories as JSON lines (NAME.jsonl; the other checker's row is NAME.reg.tsv).
// --against: another checker's medians of the same files (columns file, median_ms), and the ratio to taking and verdict
// together. --large: generated histories up to 10 million operations.
// --file: one JSON lines file from disk to verdict, in seconds of wall time, with the peak of memory.

#include <fmt/format.h>
#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "bench/generate_register.h"
#include "checkers/linearizability/linearizable.h"
#include "history/readers.h"

namespace shaketable {
namespace {

double cpu_ms() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) / 1e6;
}

double peak_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

[[noreturn]] void die(const std::string& message) {
  fmt::print(stderr, "bench_linearizability: {}\n", message);
  std::exit(3);
}

double median(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

Budget bounded(double seconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  return Budget([end] { return std::chrono::steady_clock::now() >= end; }, std::uint64_t{4} << 30);
}

struct Measured {
  std::vector<double> take, check, explained;
  Verdict verdict;
};

Measured measure(const History& history, LinearizableOptions options, int runs) {
  Measured m;
  for (int i = 0; i < 2 * runs; ++i) {
    options.explain = i % 2;
    auto checker = LinearizableChecker::create(options);
    std::vector<Operation> operations = history.operations;  // given away, as a reader does
    const double start = cpu_ms();
    for (Operation& operation : operations)
      if (auto r = checker->take(std::move(operation)); !r) die(r.error().message);
    const double taken = cpu_ms();
    auto verdict = checker->check(bounded(60));
    (options.explain ? m.explained : m.check).push_back(cpu_ms() - taken);
    m.take.push_back(taken - start);
    if (!verdict) die(verdict.error().message);
    m.verdict = *std::move(verdict);
  }
  return m;
}

std::map<std::string, double> medians_of(const std::string& path) {
  std::ifstream in(path);
  if (!in) die("cannot read " + path);
  std::map<std::string, double> medians;
  std::vector<std::string> names;
  for (std::string line; std::getline(in, line);) {
    std::istringstream cells(line);
    std::vector<std::string> row;
    for (std::string cell; std::getline(cells, cell, '\t');) row.push_back(cell);
    if (names.empty()) {
      names = row;
      continue;
    }
    std::string file;
    for (std::size_t i = 0; i < row.size() && i < names.size(); ++i) {
      if (names[i] == "file") file = row[i];
      if (names[i] == "median_ms" && !row[i].empty()) medians[file] = std::stod(row[i]);
    }
  }
  return medians;
}

struct Ratios {
  int files = 0, slower = 0;  // slower: among those that take the other over 1 ms
  double log_sum = 0, own_ms = 0, other_ms = 0;

  void add(double own, double other) {
    ++files;
    slower += other > 1 && own > other;
    log_sum += std::log(other / own);
    own_ms += own;
    other_ms += other;
  }
  void print(const char* what) const {
    if (files == 0) return;
    fmt::print("{}: {} files, {:.1f} ms against {:.1f} ms, geometric mean of the ratios {:.1f}, slower on {}\n", what,
               files, own_ms, other_ms, std::exp(log_sum / files), slower);
  }
};

LinearizableOptions options_for(const std::string& kind, const std::string& name) {
  LinearizableOptions options;
  if (kind == "kv") options.model = "kv-append";
  if (kind == "knossos") {
    options.nil_read = LinearizableOptions::any;
    options.model = name.substr(0, name.find('_'));
    if (options.model == "cas-register") options.initial = Value(0);
    if (options.model == "multi-register") options.initial = Value::map({{"x", 0}, {"y", 0}});
  }
  return options;
}

void files(const std::filesystem::path& folder, const std::optional<std::string>& more,
           const std::optional<std::string>& against, int runs) {
  std::map<std::string, double> other;
  if (against) other = medians_of(*against);
  std::vector<std::filesystem::path> paths;
  auto list = [&](const std::filesystem::path& from) {
    if (!std::filesystem::is_directory(from)) return;
    const std::size_t before = paths.size();
    for (const auto& entry : std::filesystem::directory_iterator(from))
      if (entry.path().filename() != "expected.tsv" && entry.file_size() > 0) paths.push_back(entry.path());
    std::sort(paths.begin() + static_cast<std::ptrdiff_t>(before), paths.end());
  };
  for (const char* kind : {"etcd", "kv", "knossos"}) list(folder / "linearizability" / kind);
  if (more) list(*more);
  fmt::print("file\toperations\tverdict\ttake_ms\tcheck_ms\texplain_ms{}\n", against ? "\tother_ms\tratio" : "");
  Ratios recorded, recorded_check, made;
  for (const auto& path : paths) {
    const std::string kind = path.parent_path().filename();
    const bool generated = more && path.parent_path() == *more;
    const std::string name = generated ? path.stem().string() + ".reg.tsv" : path.filename().string();
    History history;
    HistoryBuilder builder(history);
    if (auto notes = read_history_file(path, {}, builder); !notes) die(notes.error().message);
    const Measured m = measure(history, options_for(generated ? "" : kind, name), runs);
    const double take = median(m.take), check = median(m.check);
    fmt::print("{}\t{}\t{}\t{:.4f}\t{:.4f}\t{:.4f}", name, m.verdict.operations, to_string(m.verdict.valid), take,
               check, std::max(0.0, median(m.explained) - check));
    if (const auto it = other.find(name); it != other.end()) {
      fmt::print("\t{:.3f}\t{:.1f}", it->second, it->second / (take + check));
      (generated ? made : recorded).add(take + check, it->second);
      if (!generated) recorded_check.add(check, it->second);
      other.erase(it);
    }
    fmt::print("\n");
    std::fflush(stdout);
  }
  if (!against) return;
  fmt::print("\n");
  recorded.print("recorded, taking and verdict");
  recorded_check.print("recorded, verdict alone");
  made.print("generated, taking and verdict");
  fmt::print("{} rows without a file skipped\n", other.size());
}

void generated(const char* name, const RegisterLoad& load, Plant plant, int runs) {
  std::vector<double> take, check;
  Verdict verdict;
  for (int i = 0; i < runs; ++i) {
    LinearizableOptions options;
    options.model = load.values ? "cas-register" : "register";
    auto checker = LinearizableChecker::create(options);
    double taking = 0;
    std::vector<Operation> batch;  // generating is not measured
    auto flush = [&] {
      const double start = cpu_ms();
      for (Operation& operation : batch)
        if (auto r = checker->take(std::move(operation)); !r) die(r.error().message);
      taking += cpu_ms() - start;
      batch.clear();
    };
    generate_register(load, plant, [&](Operation operation) {
      batch.push_back(std::move(operation));
      if (batch.size() == 4096) flush();
    });
    flush();
    take.push_back(taking);
    const double start = cpu_ms();
    auto judged = checker->check(bounded(60));
    check.push_back(cpu_ms() - start);
    if (!judged) die(judged.error().message);
    verdict = *std::move(judged);
  }
  fmt::print("{}\t{}\t{}\t{}\t{}\t{}\t{:.2f}\t{:.2f}\t{:.0f}\n", name, verdict.operations, load.clients, load.values,
             load.crash, to_string(verdict.valid), median(take), median(check), peak_mib());
  std::fflush(stdout);
}

void large(int runs) {
  fmt::print("history\toperations\tclients\tvalues\tcrash\tverdict\ttake_ms\tcheck_ms\tpeak_mib_so_far\n");
  for (const double crash : {0.0, 0.02, 0.05})
    for (const std::uint64_t seed : {1, 2, 3}) generated("cas", {1000, 10, 5, crash, seed}, Plant::nothing, runs);
  generated("cas", {10'000, 10, 5, 0, 1}, Plant::nothing, runs);
  generated("cas", {100'000, 10, 5, 0, 1}, Plant::nothing, runs);
  generated("cas", {100'000, 10, 5, 0, 1}, Plant::stale_read, runs);
  generated("cas", {10'000, 50, 5, 0, 1}, Plant::nothing, 1);
  for (const int clients : {10, 50})
    for (const std::int64_t operations : {10'000, 100'000, 1'000'000, 10'000'000}) {
      const int times = operations > 1'000'000 ? 1 : runs;
      generated("unique", {operations, clients, 0, 0, 1}, Plant::nothing, times);
      generated("unique, stale read", {operations, clients, 0, 0, 1}, Plant::stale_read, times);
    }
}

void one_file(const std::string& path) {
  const auto start = std::chrono::steady_clock::now();
  auto checker = LinearizableChecker::create({});
  const auto notes = read_history_file(path, {}, *checker);
  if (!notes) die(notes.error().message);
  const std::chrono::duration<double> read = std::chrono::steady_clock::now() - start;
  const auto verdict = checker->check(bounded(600));
  if (!verdict) die(verdict.error().message);
  const std::chrono::duration<double> all = std::chrono::steady_clock::now() - start;
  fmt::print("{}: {} operations, {}, read {:.2f} s, in all {:.2f} s, peak {:.0f} MiB\n", path, verdict->operations,
             to_string(verdict->valid), read.count(), all.count(), peak_mib());
}

}  // namespace
}  // namespace shaketable

int main(int argc, char** argv) {
  const char* named = std::getenv("SHAKETABLE_CORPUS");
  std::filesystem::path folder = named ? named : "../shared/corpus";
  std::optional<std::string> against, file, more;
  int runs = 25;
  bool large = false;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    auto value = [&]() -> std::string {
      if (i + 1 == argc) shaketable::die(option + " needs a value");
      return argv[++i];
    };
    if (option == "--corpus")
      folder = value();
    else if (option == "--more")
      more = value();
    else if (option == "--against")
      against = value();
    else if (option == "--runs")
      runs = std::max(1, std::atoi(value().c_str()));
    else if (option == "--large")
      large = true;
    else if (option == "--file")
      file = value();
    else
      shaketable::die("unknown option " + option);
  }
  if (file)
    shaketable::one_file(*file);
  else if (large)
    shaketable::large(runs);
  else
    shaketable::files(folder, more, against, runs);
}

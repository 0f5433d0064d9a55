#include "orchestrator/serve/run_index.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <fstream>
#include <set>
#include <unordered_map>

#include "base/duration.h"
#include "base/histogram.h"
#include "orchestrator/report/old_runs.h"

namespace shaketable::serve {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kLiveSeconds = 180;
constexpr std::size_t kLogBytes = 4096;

HistoryStream stream_of(const RunFile& file) {
  return [&file](OperationSink& sink) -> Result<ReadNotes> {
    if (const auto read = file.read(sink); !read) return Failure(read.error());
    return ReadNotes{};
  };
}

std::string headline_of(const Outcome& outcome) {
  for (const Judgement& judgement : outcome.judgements)
    if (judgement.verdict.valid != Validity::valid && !judgement.verdict.reason.empty())
      return judgement.verdict.checker + ": " + judgement.verdict.reason;
  if (!outcome.infrastructure.empty()) return outcome.infrastructure;
  return outcome.doubts.empty() ? "" : outcome.doubts.front();
}

// What the file knows; the figures are read from the whole history, so they cost.
Result<RunEntry> read_entry(const std::string& folder, RunFile& file) {
  RunEntry entry;
  entry.folder = folder;
  entry.plan = file.info().name;
  entry.system = file.info().system;
  entry.seed = file.info().seed;
  entry.started_wall_ns = file.info().started_wall_ns;
  entry.state = file.state();
  auto outcome = read_outcome(file);
  if (!outcome) return Failure(outcome.error());
  entry.repeat = outcome->repeat;
  auto figures = figures_of(stream_of(file));
  if (!figures) return Failure(figures.error());
  entry.figures = *figures;
  outcome->figures = std::move(*figures);
  for (std::string& doubt : doubts_about(outcome->figures)) outcome->doubts.push_back(std::move(doubt));
  const auto verdicts = newest_verdicts(file);
  if (!verdicts) return Failure(verdicts.error());
  for (const VerdictRecord& record : *verdicts) {
    auto judgement = recorded_judgement(record);
    if (!judgement) return Failure(judgement.error());
    outcome->judgements.push_back(std::move(*judgement));
  }
  if (!verdicts->empty() || !outcome->infrastructure.empty()) {
    entry.verdict = outcome->validity();
    entry.headline = headline_of(*outcome);
  }
  entry.exit_code = static_cast<int>(outcome->code());
  for (const auto& [node, why] : outcome->unclean_nodes) entry.unclean_nodes.push_back(node);
  const auto faults = file.faults();
  if (!faults) return Failure(faults.error());
  std::set<std::string> names;
  for (const FaultRecord& fault : *faults)
    if (fault.actual_start_ns != kNotYet) names.insert(fault.fault);
  entry.faults.assign(names.begin(), names.end());
  return entry;
}

struct SecondCounter final : OperationSink {
  struct Second {
    LiveSecond counts;
    Histogram latencies;
  };
  std::deque<Second> seconds;
  std::unordered_map<std::int64_t, std::int64_t> began;
  std::int64_t last = 0;

  Result<void> take(Operation operation) override {
    last = std::max(last, operation.time_ns);
    if (operation.process < 0) return {};
    if (operation.type == OpType::invoke) {
      began[operation.process] = operation.time_ns;
      return {};
    }
    Second& second = at(operation.time_ns / 1'000'000'000);
    if (operation.type == OpType::ok) {
      ++second.counts.ok;
      const auto start = began.find(operation.process);
      if (start != began.end()) second.latencies.add(Nanos(operation.time_ns - start->second));
    } else {
      ++(operation.type == OpType::fail ? second.counts.fail : second.counts.info);
    }
    return {};
  }

  // Events come in the order of their times, so only the last second can be it, or a new one.
  Second& at(std::int64_t second) {
    while (seconds.empty() || seconds.back().counts.second < second) {
      Second next;
      next.counts.second = seconds.empty() ? second : seconds.back().counts.second + 1;
      seconds.push_back(std::move(next));
      if (seconds.size() > kLiveSeconds) seconds.pop_front();
    }
    return seconds.back();
  }

  std::vector<LiveSecond> done() const {
    std::vector<LiveSecond> out;
    for (const Second& second : seconds) {
      out.push_back(second.counts);
      out.back().p50 = second.latencies.quantile(0.5);
      out.back().p99 = second.latencies.quantile(0.99);
    }
    return out;
  }
};

std::string tail_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return "";
  const auto size = static_cast<std::int64_t>(file.tellg());
  const std::int64_t from = std::max<std::int64_t>(0, size - static_cast<std::int64_t>(kLogBytes));
  std::string text(static_cast<std::size_t>(size - from), '\0');
  file.seekg(from);
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  if (from > 0) text.erase(0, text.find('\n') + 1);
  return text;
}

}  // namespace

std::string verdict_word(const RunEntry& entry) {
  if (!entry.unreadable.empty()) return "unreadable";
  if (entry.state == RunState::running) return "running";
  if (!entry.verdict) return "not judged";
  return *entry.verdict == Validity::valid ? "valid" : *entry.verdict == Validity::invalid ? "invalid" : "unknown";
}

bool RunFilter::takes(const RunEntry& entry) const {
  return (verdict.empty() || verdict == verdict_word(entry)) && (plan.empty() || plan == entry.plan) &&
         (system.empty() || system == entry.system) && entry.started_wall_ns >= since_wall_ns &&
         entry.started_wall_ns <= until_wall_ns &&
         (fault.empty() || std::find(entry.faults.begin(), entry.faults.end(), fault) != entry.faults.end());
}

Result<std::int64_t> parse_moment(std::string_view text, std::int64_t now_wall_ns) {
  if (const auto before = parse_duration(text)) return now_wall_ns - before->count();
  const std::string copy(text);
  for (const char* format : {"%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M", "%Y-%m-%d"}) {
    std::tm parts{};
    const char* end = strptime(copy.c_str(), format, &parts);
    if (end && *end == '\0') return static_cast<std::int64_t>(timegm(&parts)) * 1'000'000'000;
  }
  return bad_input(fmt::format("\"{}\" is no moment: 24h, 2026-11-21 or 2026-11-21T04:51:39Z", text));
}

RunEntry RunIndex::entry_of(const std::string& folder) {
  std::error_code problem;
  const fs::path database = fs::path(folder) / "history.db";
  const auto changed = fs::last_write_time(database, problem).time_since_epoch().count();
  const auto size = fs::file_size(database, problem);
  const auto kept = kept_.find(folder);
  if (!problem && kept != kept_.end() && kept->second.changed == changed && kept->second.size == size &&
      kept->second.entry.state != RunState::running)
    return kept->second.entry;

  RunEntry entry;
  auto file = open_run(folder, false);
  auto read = file ? read_entry(folder, *file) : Result<RunEntry>(Failure(file.error()));
  if (read)
    entry = std::move(*read);
  else
    entry.unreadable = read.error().message;
  entry.folder = folder;
  entry.name = fs::path(folder).lexically_relative(results_).string();
  kept_[folder] = {entry, changed, size};
  return entry;
}

Result<std::vector<RunEntry>> RunIndex::list() {
  const std::lock_guard lock(mutex_);
  const auto folders = find_runs(results_);
  if (!folders) return Failure(folders.error());
  std::vector<RunEntry> entries;
  for (const std::string& folder : *folders) {
    // One that goes on is as it was when it was last looked at, if that is not long ago.
    const auto live = live_.find(folder);
    if (live != live_.end() && live->second.read_at + 10 * live->second.cost > clock_.now())
      entries.push_back(live->second.run.entry);
    else
      entries.push_back(entry_of(folder));
  }
  // Folders that are gone are not kept.
  std::erase_if(kept_, [&](const auto& each) {
    return std::find(folders->begin(), folders->end(), each.first) == folders->end();
  });
  std::erase_if(live_, [&](const auto& each) {
    return std::find(folders->begin(), folders->end(), each.first) == folders->end();
  });
  std::stable_sort(entries.begin(), entries.end(),
                   [](const RunEntry& a, const RunEntry& b) { return a.started_wall_ns > b.started_wall_ns; });
  return entries;
}

Result<RunEntry> RunIndex::find(const std::string& name) {
  const std::lock_guard lock(mutex_);
  // By comparison with what is there, so that no name leads out of the folder.
  const auto folders = find_runs(results_);
  if (!folders) return Failure(folders.error());
  for (const std::string& folder : *folders)
    if (fs::path(folder).lexically_relative(results_).string() == name) return entry_of(folder);
  return bad_input(fmt::format("there is no run \"{}\" in {}", name, results_));
}

Result<LiveRun> RunIndex::look(const std::string& name) {
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [folder, kept] : live_)
      if (kept.run.entry.name == name && kept.read_at + 10 * kept.cost > clock_.now()) return kept.run;
  }
  const Nanos begun = clock_.now();
  auto entry = find(name);
  if (!entry) return Failure(entry.error());
  const std::lock_guard lock(mutex_);
  LiveRun run;
  run.entry = std::move(*entry);
  if (!run.entry.unreadable.empty()) return run;
  auto file = open_run(run.entry.folder, false);
  if (!file) return Failure(file.error());
  SecondCounter counter;
  if (const auto read = file->read(counter); !read) return Failure(read.error());
  run.seconds = counter.done();
  run.elapsed = Nanos(counter.last);
  const auto faults = file->faults();
  if (!faults) return Failure(faults.error());
  for (const FaultRecord& fault : *faults)
    if (fault.actual_start_ns != kNotYet && fault.actual_end_ns == kNotYet) run.faults.push_back(fault);
  const auto clocks = file->clock_offsets();
  if (!clocks) return Failure(clocks.error());
  std::map<std::string, ClockOffsetRecord> last;
  for (const ClockOffsetRecord& reading : *clocks) last[reading.node] = reading;
  for (auto& [node, reading] : last) run.clocks.push_back(reading);
  run.log = tail_of(run.entry.folder + "/shaketable.log");
  if (run.entry.state == RunState::running) live_[run.entry.folder] = {run, clock_.now(), clock_.now() - begun};
  return run;
}

}  // namespace shaketable::serve

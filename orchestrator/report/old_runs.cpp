#include "orchestrator/report/old_runs.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <set>

#include "orchestrator/report/verdict_text.h"

namespace shaketable {
namespace fs = std::filesystem;
namespace {

// Endings that histories have (history/readers.h knows the format by them); "" is that of a pipe or a bare name.
bool may_be_history(const fs::path& path) {
  static const std::set<std::string> endings{".db", ".edn", ".json", ".jsonl", ".log", ".txt", ""};
  return !fs::is_directory(path) && endings.contains(path.extension().string());
}

}  // namespace

Result<std::vector<std::string>> find_runs(const std::string& directory) {
  std::vector<std::string> found;
  std::vector<fs::path> open{directory};
  while (!open.empty()) {
    const fs::path folder = open.back();
    open.pop_back();
    std::error_code problem;
    for (fs::directory_iterator entry(folder, problem), end; !problem && entry != end; entry.increment(problem)) {
      if (entry->is_symlink() || !entry->is_directory()) continue;
      if (is_run(entry->path().string()))
        found.push_back(entry->path().string());
      else
        open.push_back(entry->path());
    }
    if (problem) return bad_input(fmt::format("{} cannot be listed: {}", folder.string(), problem.message()));
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<std::string> runs_and_histories(const std::vector<std::string>& paths,
                                            std::vector<std::string>& passed_over) {
  std::vector<std::string> out;
  std::set<std::string> seen;
  const auto add = [&](const std::string& path) {
    std::error_code problem;
    const fs::path canonical = fs::canonical(path, problem);
    if (problem || seen.insert(canonical.string()).second) out.push_back(path);
  };
  // Links last, so that a run is called by its own name and not by `latest`.
  std::vector<std::string> ordered = paths;
  if (paths.size() > 1)
    std::stable_partition(ordered.begin(), ordered.end(), [](const auto& path) { return !fs::is_symlink(path); });
  for (const std::string& path : ordered) {
    if (is_run(path)) {
      add(path);
    } else if (fs::is_directory(path)) {
      const auto runs = find_runs(path);
      if (runs && !runs->empty())
        for (const std::string& run : *runs) add(run);
      else if (paths.size() > 1)
        passed_over.push_back(path);
      else
        out.push_back(path);
    } else if (paths.size() == 1 || !fs::exists(path) || may_be_history(path)) {
      add(path);
    } else {
      passed_over.push_back(path);
    }
  }
  return out;
}

Result<std::vector<VerdictRecord>> newest_verdicts(const RunFile& file) {
  const auto all = file.verdicts();
  if (!all) return Failure(all.error());
  std::vector<VerdictRecord> newest;
  for (const VerdictRecord& verdict : *all) {
    const auto same =
        std::find_if(newest.begin(), newest.end(), [&](const auto& v) { return v.checker == verdict.checker; });
    if (same == newest.end())
      newest.push_back(verdict);
    else
      *same = verdict;
  }
  return newest;
}

std::vector<VerdictChange> verdict_changes(const std::vector<VerdictRecord>& before,
                                           const std::vector<Judgement>& now) {
  std::vector<VerdictChange> changes;
  for (const Judgement& judgement : now) {
    const auto was = std::find_if(before.begin(), before.end(),
                                  [&](const auto& v) { return v.checker == judgement.verdict.checker; });
    if (was == before.end() || validity_named(was->valid) == judgement.verdict.valid) continue;
    changes.push_back({judgement.verdict.checker, validity_named(was->valid), judgement.verdict.valid, was->version,
                       was->judged_wall_ns});
  }
  return changes;
}

std::string change_text(const VerdictChange& change) {
  return fmt::format("{} was {} (version {}, {}) and is {}", change.checker, to_string(change.was),
                     change.version.empty() ? "unknown" : change.version, wall_time_text(change.judged_wall_ns),
                     to_string(change.is));
}

Value change_json(const VerdictChange& change) {
  return Value::map({{"checker", change.checker},
                     {"was", validity_json(change.was)},
                     {"is", validity_json(change.is)},
                     {"version", change.version},
                     {"judged_wall_ns", change.judged_wall_ns}});
}

Validity validity_named(std::string_view name) {
  return name == "true" ? Validity::valid : name == "false" ? Validity::invalid : Validity::unknown;
}

std::string wall_time_text(std::int64_t wall_ns) {
  const std::time_t seconds = wall_ns / 1'000'000'000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &utc);
  return text;
}

}  // namespace shaketable

// The commands that look at recorded runs: runs, report, export.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iostream>

#include "base/log.h"
#include "history/run_file.h"
#include "history/text.h"
#include "history/writers.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/report/old_runs.h"
#include "orchestrator/report/outcome.h"
#include "orchestrator/report/verdict_text.h"
#include "orchestrator/run_folder.h"

namespace shaketable {
namespace {

ExitCode failed(const Error& error) {
  log::error("{}", error.message);
  return exit_code_of(error);
}

}  // namespace

ExitCode runs_command(const std::string& directory, bool json) {
  const auto folders = find_runs(directory);
  if (!folders) return failed(folders.error());
  std::vector<std::pair<std::int64_t, std::string>> lines;  // by start, for people
  std::vector<Value> objects;
  for (const std::string& folder : *folders) {
    const auto file = open_run(folder, false);
    if (!file) {
      log::warning("{}", file.error().message);
      continue;
    }
    std::string verdicts;
    std::vector<Value> list;
    const auto newest = newest_verdicts(*file);
    if (!newest) {
      log::warning("{}", newest.error().message);
      continue;
    }
    for (const VerdictRecord& verdict : *newest) {
      verdicts += fmt::format("{}{} {}", verdicts.empty() ? "" : ", ", verdict.checker,
                              to_string(validity_named(verdict.valid)));
      list.push_back(Value::map({{"checker", verdict.checker}, {"valid", verdict.valid}}));
    }
    if (verdicts.empty()) verdicts = fmt::format("not judged ({})", to_string(file->state()));
    lines.emplace_back(
        file->info().started_wall_ns,
        fmt::format("{:44} {:>10} events  seed {:<10} {}", folder,
                    with_thousands(static_cast<std::int64_t>(file->events())), file->info().seed, verdicts));
    objects.push_back(Value::map({{"run", folder},
                                  {"plan", file->info().name},
                                  {"seed", static_cast<std::int64_t>(file->info().seed)},
                                  {"state", to_string(file->state())},
                                  {"started_wall_ns", file->info().started_wall_ns},
                                  {"events", static_cast<std::int64_t>(file->events())},
                                  {"verdicts", Value::list(std::move(list))}}));
  }
  if (json) {
    fmt::print("{}\n", to_json(Value::map({{"schema", 1}, {"runs", Value::list(std::move(objects))}})));
    return ExitCode::pass;
  }
  std::sort(lines.begin(), lines.end());
  for (const auto& [start, line] : lines) fmt::print("{}\n", line);
  if (lines.empty()) log::info("no runs in {}", directory);
  return ExitCode::pass;
}

ExitCode report_command(const std::string& run, bool json) {
  const auto file = open_run(run);
  if (!file) return failed(file.error());
  auto outcome = read_outcome(*file);
  if (!outcome) return failed(outcome.error());
  auto figures = figures_of([&](OperationSink& sink) -> Result<ReadNotes> {
    if (const auto read = file->read(sink); !read) return Failure(read.error());
    return ReadNotes{};
  });
  if (!figures) return failed(figures.error());
  outcome->figures = std::move(*figures);
  for (std::string& doubt : doubts_about(outcome->figures)) outcome->doubts.push_back(std::move(doubt));
  const auto newest = newest_verdicts(*file);
  if (!newest) return failed(newest.error());
  for (const VerdictRecord& record : *newest) {
    auto judgement = recorded_judgement(record);
    if (!judgement) return failed(judgement.error());
    outcome->judgements.push_back(std::move(*judgement));
  }
  const auto path = write_report(outcome->run, *outcome);
  if (!path) return failed(path.error());
  log::info("report: {}", *path);
  fmt::print("{}", json ? to_json(outcome_json(*outcome)) + "\n" : outcome_text(*outcome));
  return ExitCode::pass;
}

ExitCode export_command(const std::string& run, const std::string& format, const std::string& out) {
  if (format != "edn" && format != "jsonl")
    return failed({ErrorKind::bad_input, fmt::format("--format {}: must be edn or jsonl", format)});
  const auto file = open_run(run);
  if (!file) return failed(file.error());
  std::ofstream to_file;
  if (!out.empty()) {
    to_file.open(out, std::ios::binary | std::ios::trunc);
    if (!to_file) return failed({ErrorKind::infrastructure, fmt::format("{} cannot be written", out)});
  }
  std::ostream& stream = out.empty() ? std::cout : to_file;
  auto writer = HistoryWriter::to(stream, format == "edn" ? HistoryFormat::edn : HistoryFormat::jsonl);
  if (!writer) return failed(writer.error());
  if (const auto read = file->read(*writer); !read) return failed(read.error());
  if (const auto ended = writer->finish(); !ended) return failed(ended.error());
  return ExitCode::pass;
}

}  // namespace shaketable

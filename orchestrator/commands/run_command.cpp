#include <fmt/format.h>

#include <cstdlib>
#include <fstream>

#include "base/duration.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "history/run_file.h"
#include "history/text.h"
#include "orchestrator/catalogue.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/commands/plan_choice.h"
#include "orchestrator/replay.h"
#include "orchestrator/report/ci.h"
#include "orchestrator/run.h"
#include "orchestrator/run_folder.h"

namespace shaketable {
namespace {

ExitCode failed(const Error& error) {
  log::error("{}", error.message);
  return exit_code_of(error);
}

std::string repeat_command(const RunOptions& options, std::uint64_t seed) {
  // scripts/shaketable says by which name it was called.
  const char* called = std::getenv("SHAKETABLE_CALLED");  // NOLINT(concurrency-mt-unsafe): before any other thread
  std::string command = fmt::format("{} run", called ? called : "shaketable");
  if (!options.plan.path.empty()) command += " " + shell_quote(options.plan.path);
  if (!options.replay.empty()) command += " --replay " + shell_quote(options.replay);
  command += fmt::format(" --seed {}", seed);
  for (const std::string& set : options.plan.set) command += " --set " + shell_quote(set);
  if (!options.plan.nodes_file.empty()) command += " --nodes-file " + shell_quote(options.plan.nodes_file);
  if (!options.plan.directory.empty()) command += " --plan-directory " + shell_quote(options.plan.directory);
  return command;
}

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): nobody sets any
  return value && *value;
}

// What cannot be written is told, and changes no verdict.
void write_for_ci(const RunOptions& options, const Outcome& outcome) {
  const auto write = [](const std::string& path, const std::string& text) {
    if (path.empty()) return;
    if (const auto written = write_file(path, text); !written) log::warning("{}", written.error().message);
  };
  write(options.junit, outcome_junit(outcome));
  write(options.prometheus, prometheus_text(outcome));
  if (!options.github && !is_set("GITHUB_ACTIONS")) return;
  // On stderr, which Actions reads as well: stdout is data.
  fmt::print(stderr, "{}", log::redact(github_annotations(outcome)));
  if (!is_set("GITHUB_STEP_SUMMARY")) return;
  const char* path = std::getenv("GITHUB_STEP_SUMMARY");  // NOLINT(concurrency-mt-unsafe)
  std::ofstream summary(path, std::ios::app);             // steps before us may have written
  summary << log::redact(github_summary(outcome));
  summary.close();
  if (!summary) log::warning("{} cannot be written", path);
}

}  // namespace

ExitCode run_command(const RunOptions& options) {
  if (options.plan.path.empty() && options.replay.empty())
    return failed(Error{ErrorKind::bad_input, "PLAN is required (or --replay RUN)"});
  RunSettings settings;
  std::optional<RunFile> recorded;
  if (!options.replay.empty()) {
    auto opened = open_run(options.replay);
    if (!opened) return failed(opened.error());
    recorded.emplace(std::move(*opened));
  }
  const auto plan = options.plan.path.empty() ? recorded_plan(*recorded, options.plan, !options.dry_run)
                                              : choose_plan(options.plan, !options.dry_run);
  if (!plan) return failed(plan.error());
  const std::uint64_t seed =
      recorded ? options.plan.seed.value_or(recorded->info().seed) : plan->seed.value_or(Random::fresh_seed());
  settings.seed = seed;
  if (recorded) {
    std::size_t left_out = 0;
    auto schedule = replayed_schedule(*recorded, *plan, left_out);
    if (!schedule) return failed(schedule.error());
    if (left_out > 0)
      log::warning("{} of the recorded faults begin after the load has ended, and are left out", left_out);
    settings.schedule = std::move(*schedule);
    settings.replay_of = recorded->path();
  }
  if (options.dry_run) {
    const auto commands = dry_run(*plan, settings);
    if (!commands) return failed(commands.error());
    fmt::print("{}", log::redact(*commands));
    return ExitCode::pass;
  }
  const auto wait = parse_duration(options.wait_for_lock);
  if (!wait)
    return failed({ErrorKind::bad_input,
                   fmt::format("--wait-for-lock {}: not a duration; write it like 30s or 10m", options.wait_for_lock)});
  settings.lock_wait = *wait;
  settings.lab = options.plan.lab;
  settings.out = options.out;
  settings.keep = options.keep;
  settings.repeat = repeat_command(options, seed);

  Interrupts interrupts;
  const auto outcome = run_plan(*plan, settings, interrupts);
  if (!outcome) {
    log::info("seed {}; again: {}", seed, settings.repeat);
    return failed(outcome.error());
  }
  write_for_ci(options, *outcome);
  fmt::print("{}", options.json ? to_json(outcome_json(*outcome)) + "\n" : outcome_text(*outcome));
  return outcome->code();
}

}  // namespace shaketable

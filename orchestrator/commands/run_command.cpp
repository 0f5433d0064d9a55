#include <fmt/format.h>

#include <cstdlib>

#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "history/run_file.h"
#include "history/text.h"
#include "orchestrator/catalogue.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/commands/plan_choice.h"
#include "orchestrator/replay.h"
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
  if (!options.junit.empty())
    if (const auto written = write_file(options.junit, outcome_junit(*outcome)); !written)
      log::warning("{}", written.error().message);
  fmt::print("{}", options.json ? to_json(outcome_json(*outcome)) + "\n" : outcome_text(*outcome));
  return outcome->code();
}

}  // namespace shaketable

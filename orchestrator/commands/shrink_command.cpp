#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/checksum.h"
#include "base/duration.h"
#include "base/log.h"
#include "base/text.h"
#include "history/run_file.h"
#include "history/text.h"
#include "orchestrator/catalogue.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/commands/plan_choice.h"
#include "orchestrator/interrupts.h"
#include "orchestrator/replay.h"
#include "orchestrator/report/old_runs.h"
#include "orchestrator/report/outcome.h"
#include "orchestrator/run_folder.h"
#include "orchestrator/shrink/oracle.h"

namespace shaketable {
namespace {

ExitCode failed(const Error& error) {
  log::error("{}", error.message);
  return exit_code_of(error);
}

// "set: lost": what the last judging of the run found, as result_of_run() calls it.
Result<std::vector<std::string>> violations_of(const RunFile& run) {
  std::vector<std::string> out;
  const auto verdicts = newest_verdicts(run);
  if (!verdicts) return Failure(verdicts.error());
  for (const VerdictRecord& verdict : *verdicts) {
    if (verdict.valid != "false") continue;
    const auto json = parse_json(verdict.json);
    const Value* anomalies = json && json->kind() == Value::Kind::map ? json->find("anomalies") : nullptr;
    if (!anomalies || anomalies->kind() != Value::Kind::map || anomalies->size() == 0) {
      out.push_back(verdict.checker);
      continue;
    }
    for (std::size_t i = 0; i < anomalies->items().size(); i += 2)
      out.push_back(fmt::format("{}: {}", verdict.checker, anomalies->items()[i].text()));
  }
  const auto outcome = read_outcome(run);
  if (!outcome) return Failure(outcome.error());
  for (const Judgement& judgement : outcome->judgements)
    if (judgement.verdict.valid == Validity::invalid)
      for (const auto& [name, found] : judgement.verdict.anomalies)
        out.push_back(fmt::format("{}: {}", judgement.verdict.checker, name));
  return out;
}

struct Shrunk {
  Candidate start, end;
  Question seen;  // of the end
  std::string plan;
};

std::string header_of(const ShrinkOptions& options, const RunOracle& oracle, const Shrunk& shrunk,
                      const std::vector<std::string>& violations, const std::string& directory) {
  const Interval interval = clopper_pearson(shrunk.seen.hits, shrunk.seen.trials);
  return fmt::format(
      "# The smallest schedule that `shaketable shrink {}` found for: {}.\n"
      "# It was shown by {} of {} runs (95 % interval of the odds: {:.3g} to {:.3g} %), after {} runs in all{}.\n"
      "# Relative names start at {} (--plan-directory).\n",
      options.run, join(violations), shrunk.seen.hits, shrunk.seen.trials, interval.low * 100, interval.high * 100,
      oracle.runs(), oracle.exhausted().empty() ? "" : fmt::format("; not finished: {}", oracle.exhausted()),
      directory);
}

Value shrunk_json(const RunOracle& oracle, const Shrunk& shrunk, const std::vector<std::string>& violations) {
  const Interval interval = clopper_pearson(shrunk.seen.hits, shrunk.seen.trials);
  std::vector<Value> questions;
  for (const Question& question : oracle.questions())
    questions.push_back(Value::map(
        {{"what", question.what}, {"hits", question.hits}, {"trials", question.trials}, {"yes", question.yes}}));
  return Value::map({{"schema", 1},
                     {"violations", Value::list({violations.begin(), violations.end()})},
                     {"recorded", candidate_text(shrunk.start)},
                     {"smallest", candidate_text(shrunk.end)},
                     {"plan", shrunk.plan},
                     {"hits", shrunk.seen.hits},
                     {"trials", shrunk.seen.trials},
                     {"low", interval.low},
                     {"high", interval.high},
                     {"runs", oracle.runs()},
                     {"questions", Value::list(std::move(questions))},
                     {"unfinished", oracle.exhausted()}});
}

std::string shrunk_text(const RunOracle& oracle, const Shrunk& shrunk) {
  const Interval interval = clopper_pearson(shrunk.seen.hits, shrunk.seen.trials);
  std::string out = fmt::format("recorded: {}\n", candidate_text(shrunk.start));
  for (const Question& question : oracle.questions())
    out += fmt::format("  {:<3}  {} of {}  {}\n", question.yes ? "yes" : "no", question.hits, question.trials,
                       question.what);
  out += fmt::format("smallest: {}\n", candidate_text(shrunk.end));
  out += fmt::format("  shown by {} of {} runs: 95 % interval of its odds {:.3g} % to {:.3g} %\n", shrunk.seen.hits,
                     shrunk.seen.trials, interval.low * 100, interval.high * 100);
  if (!oracle.exhausted().empty()) out += fmt::format("  not finished: {}\n", oracle.exhausted());
  out += fmt::format("  {} runs\n  plan: {}\n", oracle.runs(), shrunk.plan);
  return out;
}

}  // namespace

ExitCode shrink_command(const ShrinkOptions& options) {
  const auto run = open_run(options.run);
  if (!run) return failed(run.error());
  const auto violations = violations_of(*run);
  if (!violations) return failed(violations.error());
  if (violations->empty())
    return failed({ErrorKind::bad_input, fmt::format("{} holds no violation to shrink", options.run)});
  PlanChoice choice;
  choice.set = options.set;
  choice.nodes_file = options.nodes_file;
  const auto plan = recorded_plan(*run, choice, true);
  if (!plan) return failed(plan.error());
  const auto time_max = parse_duration(options.time_max);
  if (!time_max)
    return failed({ErrorKind::bad_input,
                   fmt::format("--max-time {}: not a duration; write it like 30m or 2h", options.time_max)});
  Shrunk shrunk;
  std::vector<std::string> left_to_chance;
  auto start = recorded_candidate(*run, *plan, left_to_chance);
  if (!start) return failed(start.error());
  shrunk.start = *start;
  for (const std::string& what : left_to_chance) log::warning("left to chance in every run: {}", what);

  OracleOptions oracle_options;
  oracle_options.plan_text = run->info().plan_text;
  oracle_options.plan_path = run->info().plan_path;
  oracle_options.plan_directory = plan->directory.empty() ? "." : plan->directory;
  oracle_options.plan_name = plan->name;
  oracle_options.set = options.set;
  oracle_options.violations = *violations;
  std::string folder = options.run;
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  oracle_options.folder = options.out.empty() ? folder + "-shrink" : options.out;
  oracle_options.on_labs = plan->cluster.lab.has_value();
  oracle_options.lab =
      fmt::format("s{:08x}", crc32(std::filesystem::absolute(oracle_options.folder).lexically_normal().string()));
  oracle_options.seed = run->info().seed;
  oracle_options.at_once = oracle_options.on_labs ? options.at_once : 1;
  oracle_options.runs_max = options.runs_max;
  oracle_options.time_max = *time_max;
  if (std::filesystem::exists(oracle_options.folder + "/001"))
    return failed({ErrorKind::bad_input,
                   fmt::format("{} holds the runs of an earlier one; name another with --out", oracle_options.folder)});
  PlanOptions plan_options;
  plan_options.nodes_file = options.nodes_file;
  plan_options.config_directories = config_directories();
  const std::string out_folder = oracle_options.folder, directory = oracle_options.plan_directory;
  const Interrupts interrupts;
  RunOracle oracle(std::move(oracle_options), catalogue(), plan_options);
  log::info("{}: {}", join(*violations), candidate_text(*start));
  const auto often = oracle.measure(*start, options.first);
  if (!often) return failed(often.error());
  const Question original = oracle.seen(*start);
  if (*often == 0) {
    log::error("none of {} repetitions of the recorded schedule showed it{}; --first N tries more often",
               original.trials, oracle.exhausted().empty() ? "" : " (" + oracle.exhausted() + ")");
    return oracle.exhausted() == "interrupted" ? ExitCode::interrupted : ExitCode::unknown;
  }
  log::info("as recorded: {} of {}; looking for what shows it with odds of {:.2f} rather than {:.2f}", original.hits,
            original.trials, *often, *often / 4);
  ShrinkSteps steps;
  const auto wanted = [&](const char* step) {
    return options.only.empty() || std::find(options.only.begin(), options.only.end(), step) != options.only.end();
  };
  steps.faults = wanted("faults");
  steps.targets = wanted("targets");
  steps.durations = wanted("durations");
  steps.load = wanted("load");
  steps.resolution = options.resolution;
  const auto end = shrink(
      *start, steps, [&](const Candidate& candidate, const std::string& what) { return oracle.ask(candidate, what); });
  if (!end) return failed(end.error());
  shrunk.end = *end;
  shrunk.seen = oracle.seen(*end);
  shrunk.plan = options.plan.empty() ? out_folder + "/smallest.yaml" : options.plan;
  const auto text = oracle.plan_of(*end);
  if (!text) return failed(text.error());
  if (const auto written = write_file(shrunk.plan, header_of(options, oracle, shrunk, *violations, directory) + *text);
      !written)
    return failed(written.error());
  fmt::print("{}",
             options.json ? to_json(shrunk_json(oracle, shrunk, *violations)) + "\n" : shrunk_text(oracle, shrunk));
  return oracle.exhausted() == "interrupted" ? ExitCode::interrupted : ExitCode::pass;
}

}  // namespace shaketable

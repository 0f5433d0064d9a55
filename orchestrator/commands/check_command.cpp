#include <fmt/format.h>

#include <filesystem>

#include "base/duration.h"
#include "base/log.h"
#include "base/text.h"
#include "history/readers.h"
#include "history/run_file.h"
#include "history/text.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/report/judge_run.h"
#include "orchestrator/report/verdict_text.h"

namespace shaketable {
namespace {

ExitCode failed(const Error& error) {
  log::error("{}", error.message);
  return exit_code_of(error);
}

// The checks that --checker and its companions name; empty without --checker.
Result<std::vector<CheckPlan>> checks_of(const CheckOptions& options) {
  std::vector<CheckPlan> checks;
  const bool companions =
      !options.model.empty() || !options.initial.empty() || !options.nil_read.empty() || options.keyed;
  if (options.checkers.empty() && companions)
    return bad_input("--model, --initial, --nil-read and --keyed belong to a checker: add --checker linearizable");
  if (options.checkers.empty() && !options.consistency.empty())
    return bad_input("--consistency belongs to a checker: add --checker list-append or --checker rw-register");
  for (const std::string& name : options.checkers) {
    const CheckerInfo* info = find_checker(name);
    if (!info) {
      std::vector<std::string_view> names;
      for (const CheckerInfo& known : checkers()) names.push_back(known.name);
      const std::string_view meant = nearest(name, names);
      return bad_input(fmt::format("--checker {}: no such checker{}; `shaketable list checkers` names them", name,
                                   meant.empty() ? "" : fmt::format(", did you mean \"{}\"?", meant)));
    }
    CheckPlan check{name, Parameters(info->parameters)};
    if (check.options.has("model")) {
      if (!options.model.empty()) check.options.set("model", options.model);
      if (!options.initial.empty()) check.options.set("initial", options.initial);
      if (!options.nil_read.empty() && options.nil_read != "absent" && options.nil_read != "any")
        return bad_input(fmt::format("--nil-read {}: must be absent or any", options.nil_read));
      if (!options.nil_read.empty()) check.options.set("nil-read", options.nil_read);
      check.options.set("keyed", options.keyed);
    }
    if (check.options.has("consistency") && !options.consistency.empty())
      check.options.set("consistency", options.consistency);
    checks.push_back(std::move(check));
  }
  return checks;
}

Result<JudgeBounds> bounds_of(const CheckOptions& options) {
  JudgeBounds bounds;
  if (!options.timeout.empty()) {
    const auto timeout = parse_duration(options.timeout);
    if (!timeout)
      return bad_input(fmt::format("--timeout {}: not a duration; write it like 30s or 2m", options.timeout));
    bounds.timeout = *timeout;
  }
  if (!options.memory.empty()) {
    const auto memory = parse_size(options.memory);
    if (!memory) return bad_input(fmt::format("--memory {}: not a size; write it like 512MiB or 2GiB", options.memory));
    bounds.memory_bytes = *memory;
  }
  return bounds;
}

Result<std::optional<HistoryFormat>> format_of(const std::string& name) {
  static const std::vector<std::pair<std::string_view, HistoryFormat>> formats{
      {"edn", HistoryFormat::edn},
      {"json", HistoryFormat::json},
      {"jsonl", HistoryFormat::jsonl},
      {"jepsen-log", HistoryFormat::jepsen_log},
      {"porcupine-kv", HistoryFormat::porcupine_kv},
      {"awdit", HistoryFormat::awdit}};
  if (name.empty()) return std::optional<HistoryFormat>();
  for (const auto& [known, format] : formats)
    if (known == name) return std::optional(format);
  return bad_input(fmt::format("--format {}: must be edn, json, jsonl, jepsen-log, porcupine-kv or awdit", name));
}

struct Checked {
  ExitCode code = ExitCode::pass;
  Value json;
  std::string text;
};

Result<Checked> check_run(const std::string& path, const std::vector<CheckPlan>& checks, const JudgeBounds& bounds) {
  const auto outcome = judge_run(path, checks, bounds);
  if (!outcome) return Failure(outcome.error());
  return Checked{outcome->code(), outcome_json(*outcome), outcome_text(*outcome)};
}

Result<Checked> check_file(const std::string& path, const std::vector<CheckPlan>& checks, const ReadOptions& reading,
                           const JudgeBounds& bounds) {
  if (std::filesystem::is_directory(path))
    return bad_input(fmt::format("{}: a folder without history.db, so not that of a run", path));
  if (checks.empty())
    return bad_input(
        fmt::format("{}: a history alone does not say how to judge it; add --checker linearizable --model …, or "
                    "--checker list-append",
                    path));
  const HistoryStream stream = [&](OperationSink& sink) { return read_history_file(path, reading, sink); };
  Checked checked;
  std::vector<Value> all;
  for (const CheckPlan& check : checks) {
    const auto judgement = judge(check, stream, bounds);
    if (!judgement)
      return Failure(judgement.error().message.starts_with(path) ? judgement.error() : judgement.error().in(path));
    const Validity valid = judgement->verdict.valid;
    checked.code = worse(checked.code, valid == Validity::valid     ? ExitCode::pass
                                       : valid == Validity::invalid ? ExitCode::violation
                                                                    : ExitCode::unknown);
    checked.text += judgement_text(*judgement);
    all.push_back(judgement_json(*judgement));
  }
  checked.json = all.size() == 1 ? all.front() : Value::map({{"schema", 1}, {"checkers", Value::list(std::move(all))}});
  return checked;
}

}  // namespace

ExitCode check_command(const CheckOptions& options) {
  const auto checks = checks_of(options);
  if (!checks) return failed(checks.error());
  const auto bounds = bounds_of(options);
  if (!bounds) return failed(bounds.error());
  const auto format = format_of(options.format);
  if (!format) return failed(format.error());
  const ReadOptions reading{*format, options.keyed};

  ExitCode code = ExitCode::pass;
  std::vector<Value> results;
  const bool several = options.histories.size() > 1;
  for (const std::string& path : options.histories) {
    const auto checked =
        !*format && is_run(path) ? check_run(path, *checks, *bounds) : check_file(path, *checks, reading, *bounds);
    if (!checked) {
      // One bad file among many does not hide the verdicts of the others.
      code = worse(code, failed(checked.error()));
      if (options.json) results.push_back(Value::map({{"history", path}, {"error", checked.error().message}}));
      continue;
    }
    code = worse(code, checked->code);
    if (options.json)
      results.push_back(several ? Value::map({{"history", path}, {"result", checked->json}}) : checked->json);
    else
      fmt::print("{}{}", several ? path + ": " : "", checked->text);
  }
  if (options.json)
    fmt::print("{}\n", to_json(several ? Value::map({{"schema", 1}, {"histories", Value::list(std::move(results))}})
                                       : results.front()));
  return code;
}

}  // namespace shaketable

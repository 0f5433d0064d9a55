#include <fmt/format.h>

#include <filesystem>

#include "base/duration.h"
#include "base/log.h"
#include "base/text.h"
#include "history/readers.h"
#include "history/run_file.h"
#include "history/text.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/plan/setting.h"
#include "orchestrator/report/judge_run.h"
#include "orchestrator/report/old_runs.h"
#include "orchestrator/report/verdict_text.h"

namespace shaketable {
namespace {

ExitCode failed(const Error& error) {
  log::error("{}", error.message);
  return exit_code_of(error);
}

// What the command line gives to the checkers that it names.
struct Setting {
  std::string option;   // as typed: "--set total=5"
  std::string checker;  // empty: every one that takes it
  std::string name, value;
};

Result<std::vector<Setting>> settings_of(const CheckOptions& options) {
  std::vector<Setting> settings;
  const auto companion = [&](const char* option, const char* name, const std::string& value) {
    if (!value.empty()) settings.push_back({fmt::format("{} {}", option, value), "", name, value});
  };
  companion("--model", "model", options.model);
  companion("--initial", "initial", options.initial);
  companion("--nil-read", "nil-read", options.nil_read);
  if (options.consistency.size() == 1)
    companion("--consistency", "consistency", options.consistency.front());
  else if (!options.consistency.empty())
    companion("--consistency", "consistency", fmt::format("[{}]", join(options.consistency)));
  if (options.keyed) settings.push_back({"--keyed", "", "keyed", "true"});
  for (const std::string& set : options.set) {
    const std::size_t equals = set.find('='), dot = set.substr(0, equals).find('.');
    if (equals == std::string::npos || equals == 0 || dot == 0 || dot + 1 == equals)
      return bad_input(fmt::format("--set {}: write it as NAME=VALUE or CHECKER.NAME=VALUE, such as total=100", set));
    const std::size_t name = dot == std::string::npos ? 0 : dot + 1;
    settings.push_back(
        {"--set " + set, name ? set.substr(0, dot) : "", set.substr(name, equals - name), set.substr(equals + 1)});
  }
  return settings;
}

Result<void> apply(const Setting& setting, std::vector<CheckPlan>& checks) {
  bool taken = false;
  std::vector<std::string_view> known;
  for (CheckPlan& check : checks) {
    if (!setting.checker.empty() && setting.checker != check.checker) continue;
    for (const ParameterSpec& spec : find_checker(check.checker)->parameters) {
      known.push_back(spec.name);
      if (spec.name != setting.name) continue;
      taken = true;
      if (spec.type == ParameterType::text) {  // as it is: `--initial {"x":0}` is no YAML to be read
        check.options.set(spec.name, setting.value);
        continue;
      }
      auto value = read_setting(setting.value, spec, setting.option);
      if (!value) return Failure(value.error());
      check.options.set(spec.name, std::move(*value));
    }
  }
  if (taken) return {};
  const std::string_view meant = nearest(setting.name, known);
  const std::string who =
      setting.checker.empty() ? "no checker that --checker names takes" : setting.checker + " does not take";
  return bad_input(fmt::format("{}: {} \"{}\"{}; `shaketable list checkers` says what each takes", setting.option, who,
                               setting.name, meant.empty() ? "" : fmt::format(", did you mean \"{}\"?", meant)));
}

// The checks that --checker and its companions name; empty without --checker.
Result<std::vector<CheckPlan>> checks_of(const CheckOptions& options) {
  const auto settings = settings_of(options);
  if (!settings) return Failure(settings.error());
  if (options.checkers.empty() && !settings->empty())
    return bad_input(fmt::format("{} belongs to a checker: add --checker NAME; `shaketable list checkers` names them",
                                 settings->front().option));
  std::vector<CheckPlan> checks;
  for (const std::string& name : options.checkers) {
    const CheckerInfo* info = find_checker(name);
    if (!info) {
      std::vector<std::string_view> names;
      for (const CheckerInfo& known : checkers()) names.push_back(known.name);
      const std::string_view meant = nearest(name, names);
      return bad_input(fmt::format("--checker {}: no such checker{}; `shaketable list checkers` names them", name,
                                   meant.empty() ? "" : fmt::format(", did you mean \"{}\"?", meant)));
    }
    checks.push_back({name, Parameters(info->parameters)});
  }
  for (const Setting& setting : *settings)
    if (const auto applied = apply(setting, checks); !applied) return Failure(applied.error());
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
  std::vector<VerdictChange> changes;
};

Result<Checked> check_run(const std::string& path, const std::vector<CheckPlan>& checks, const JudgeBounds& bounds) {
  std::vector<VerdictRecord> before;
  if (checks.empty()) {  // another checker, or other options, may well say otherwise
    const auto file = open_run(path);
    if (!file) return Failure(file.error());
    auto recorded = newest_verdicts(*file);
    if (!recorded) return Failure(recorded.error());
    before = std::move(*recorded);
  }
  const auto outcome = judge_run(path, checks, bounds);
  if (!outcome) return Failure(outcome.error());
  Checked checked{outcome->code(), outcome_json(*outcome), outcome_text(*outcome),
                  verdict_changes(before, outcome->judgements)};
  for (const VerdictChange& change : checked.changes)
    checked.text += fmt::format("  CHANGED: {}\n", change_text(change));
  return checked;
}

Value changes_json(const std::vector<VerdictChange>& changes) {
  std::vector<Value> list;
  for (const VerdictChange& change : changes) list.push_back(change_json(change));
  return Value::list(std::move(list));
}

Value with(const Value& map, std::pair<Value, Value> entry) {
  std::vector<std::pair<Value, Value>> entries{std::move(entry)};
  for (std::size_t i = 0; i + 1 < map.items().size(); i += 2) entries.emplace_back(map.items()[i], map.items()[i + 1]);
  return Value::map(std::move(entries));
}

Result<Checked> check_file(const std::string& path, const std::vector<CheckPlan>& checks,
                           const std::optional<HistoryFormat>& format, const JudgeBounds& bounds) {
  if (std::filesystem::is_directory(path))
    return bad_input(fmt::format("{}: a folder without history.db, so not that of a run", path));
  if (checks.empty())
    return bad_input(
        fmt::format("{}: a history alone does not say how to judge it; add --checker linearizable --model …, or "
                    "--checker list-append",
                    path));
  Checked checked;
  std::vector<Value> all;
  for (const CheckPlan& check : checks) {
    const bool keyed = check.options.has("keyed") && check.options.boolean("keyed");
    const HistoryStream stream = [&](OperationSink& sink) {
      return read_history_file(path, ReadOptions{format, keyed}, sink);
    };
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

  std::vector<std::string> passed_over;
  const std::vector<std::string> paths =
      *format ? options.histories : runs_and_histories(options.histories, passed_over);
  for (const std::string& path : passed_over) log::info("{}: neither a run nor a history; passed over", path);
  if (paths.empty()) return failed({ErrorKind::bad_input, fmt::format("no run in {}", join(options.histories))});

  ExitCode code = ExitCode::pass;
  std::vector<Value> results;
  std::size_t runs = 0, changed = 0;
  const bool several = paths.size() > 1;
  for (const std::string& path : paths) {
    const bool run = !*format && is_run(path);
    runs += run;
    const auto checked = run ? check_run(path, *checks, *bounds) : check_file(path, *checks, *format, *bounds);
    if (!checked) {
      // One bad file among many does not hide the verdicts of the others.
      code = worse(code, failed(checked.error()));
      if (options.json) results.push_back(Value::map({{"history", path}, {"error", checked.error().message}}));
      continue;
    }
    code = worse(code, checked->code);
    changed += !checked->changes.empty();
    if (options.json) {
      const Value json = run ? with(checked->json, {"changes", changes_json(checked->changes)}) : checked->json;
      results.push_back(several ? Value::map({{"history", path}, {"result", json}}) : json);
    } else {
      fmt::print("{}{}", several ? path + ": " : "", checked->text);
    }
  }
  const auto number = [](std::size_t n) { return Value(static_cast<std::int64_t>(n)); };
  if (options.json)
    fmt::print("{}\n", to_json(several ? Value::map({{"schema", 1},
                                                     {"changed", number(changed)},
                                                     {"histories", Value::list(std::move(results))}})
                                       : results.front()));
  else if (several && runs > 0 && checks->empty())
    fmt::print("{} runs judged again: the verdict{} of {} changed\n", runs, changed == 1 ? "" : "s",
               changed == 0 ? "none" : std::to_string(changed));
  return code;
}

}  // namespace shaketable

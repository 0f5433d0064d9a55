#include "orchestrator/judge/judge.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/duration.h"
#include "base/text.h"
#include "checkers/aggregate/aggregate.h"
#include "checkers/isolation/isolation.h"
#include "checkers/linearizability/linearizable.h"
#include "history/text.h"
#include "orchestrator/judge/thread_pool.h"

namespace shaketable {
namespace {

ParameterSpec text_parameter(std::string name, std::string about, std::string fallback) {
  ParameterSpec spec;
  spec.name = std::move(name);
  spec.about = std::move(about);
  spec.value = fallback;
  spec.fallback = std::move(fallback);
  return spec;
}

CheckerInfo linearizable_info() {
  CheckerInfo info{
      "linearizable",
      "one order of the operations explains every answer, each taking effect between its call and its return",
      {}};
  ParameterSpec model = text_parameter("model", "what the object is; `shaketable list models`", "cas-register");
  model.type = ParameterType::choice;
  for (const ModelInfo& known : linearizability_models()) model.choices.emplace_back(known.name);
  ParameterSpec initial =
      text_parameter("initial", "the state before the history, as JSON or nil; empty: the model's own", "");
  ParameterSpec nil_read =
      text_parameter("nil-read", "absent: a read of nil saw that nothing was written; any: it says nothing", "absent");
  nil_read.type = ParameterType::choice;
  nil_read.choices = {"absent", "any"};
  ParameterSpec keyed;
  keyed.name = "keyed";
  keyed.type = ParameterType::boolean;
  keyed.about = "values are [key value] tuples, one object for each key";
  keyed.fallback = "false";
  keyed.value = false;
  info.parameters = {model, initial, nil_read, keyed};
  return info;
}

CheckerInfo isolation_info(std::string name, std::string about) {
  CheckerInfo info{std::move(name), std::move(about), {}};
  ParameterSpec consistency;
  consistency.name = "consistency";
  consistency.type = ParameterType::texts;
  consistency.about = "the models that must hold; `shaketable list models`";
  consistency.fallback = "strict-serializable";
  consistency.value = std::vector<std::string>{"strict-serializable"};
  info.parameters = {consistency};
  return info;
}

// JSON, or the word nil; a bare word that is no JSON is taken as a string.
Value initial_value(const std::string& text) {
  if (text == "nil") return nullptr;
  const auto parsed = parse_json(text);
  return parsed ? *parsed : Value(text);
}

Result<Verdict> run_linearizable(const CheckPlan& check, const HistoryStream& history, const Budget& budget, Pool& pool,
                                 std::vector<std::string>& notes) {
  LinearizableOptions options;
  options.model = check.options.text("model");
  if (const std::string& initial = check.options.text("initial"); !initial.empty())
    options.initial = initial_value(initial);
  options.nil_read = check.options.text("nil-read") == "any" ? LinearizableOptions::any : LinearizableOptions::absent;
  options.keyed = check.options.boolean("keyed");
  auto checker = LinearizableChecker::create(options);
  if (!checker) return Failure(checker.error());
  const auto read = history(*checker);
  if (!read) return Failure(read.error());
  notes = read->notes;
  return checker->check(budget, &pool);
}

Result<Verdict> run_isolation(const CheckPlan& check, const HistoryStream& history, const Budget& budget, Pool& pool,
                              std::vector<std::string>& notes) {
  IsolationOptions options;
  options.consistency_models = check.options.texts("consistency");
  if (const auto valid = validate(options); !valid) return Failure(valid.error());
  auto checker = check.checker == "list-append" ? make_list_append_checker(options) : make_rw_register_checker(options);
  const auto read = history(*checker);
  if (!read) return Failure(read.error());
  notes = read->notes;
  return checker->finish(budget, &pool);
}

// Several levels: the first that does not hold answers, else the last.
Result<Verdict> run_weak(const CheckPlan& check, const HistoryStream& history, const Budget& budget, Pool& pool,
                         std::vector<std::string>& notes) {
  Verdict verdict;
  for (const std::string& name : check.options.texts("consistency")) {
    const auto level = weak_level(name);
    if (!level) {
      const auto names = weak_level_names();
      return bad_input(fmt::format("\"{}\" is not a level of weak-register; it has {}", name,
                                   join(std::vector<std::string>(names.begin(), names.end()))));
    }
    auto checker = make_weak_checker(*level, IsolationOptions{});
    const auto read = history(*checker);
    if (!read) return Failure(read.error());
    notes = read->notes;
    auto judged = checker->finish(budget, &pool);
    if (!judged || judged->valid != Validity::valid) return judged;
    verdict = std::move(*judged);
  }
  return verdict;
}

template <class Infos>
bool names(const Infos& infos, std::string_view name) {
  return std::any_of(infos.begin(), infos.end(), [&](const auto& info) { return info.name == name; });
}

// Aggregate and safety checkers take the whole history and their options as a map; what equals its default is left out,
// so that they can tell what was asked for.
Result<Verdict> run_collected(const CheckPlan& check, const HistoryStream& history, const Budget& budget,
                              const std::vector<FaultWindow>& faults, std::vector<std::string>& notes) {
  History collected;
  HistoryBuilder builder(collected);
  const auto read = history(builder);
  if (!read) return Failure(read.error());
  notes = read->notes;
  std::vector<std::pair<Value, Value>> options;
  for (const ParameterSpec& spec : find_checker(check.checker)->parameters) {
    const ParameterValue value = parameter_of(check.options, spec);
    if (value != spec.value) options.emplace_back(spec.name, parameter_value(value));
  }
  const Value map = Value::map(std::move(options));
  if (names(aggregate_checkers(), check.checker)) return check_aggregate(check.checker, collected, map, budget);
  return check_safety(check.checker, collected, map, faults, budget);
}

std::vector<CheckerInfo> all_checkers() {
  std::vector<CheckerInfo> all{
      linearizable_info(),
      isolation_info("list-append",
                     "transactions that append to lists and read them: isolation by the cycles of their dependencies"),
      isolation_info("rw-register",
                     "transactions that write and read registers: isolation by the cycles of their dependencies"),
  };
  const auto levels = weak_level_names();
  CheckerInfo weak = isolation_info(
      "weak-register", "transactions on registers, judged by what each session can see: read-committed to sequential");
  weak.parameters[0].about =
      "the levels that must hold: " + join(std::vector<std::string>(levels.begin(), levels.end()));
  weak.parameters[0].fallback = "causal";
  weak.parameters[0].value = std::vector<std::string>{"causal"};
  all.push_back(std::move(weak));
  for (const AggregateInfo& info : aggregate_checkers()) {
    CheckerInfo made{info.name, info.about, info.options};
    if (!names(made.parameters, "keyed")) made.parameters.push_back(linearizable_info().parameters.back());
    all.push_back(std::move(made));
  }
  for (const SafetyInfo& info : safety_checkers()) all.push_back({info.name, info.about, info.options});
  return all;
}

}  // namespace

const std::vector<CheckerInfo>& checkers() {
  static const std::vector<CheckerInfo> all = all_checkers();
  return all;
}

const CheckerInfo* find_checker(std::string_view name) {
  for (const CheckerInfo& info : checkers())
    if (info.name == name) return &info;
  return nullptr;
}

Value parameter_value(const ParameterValue& value) {
  struct Visitor {
    Value operator()(bool b) const { return b; }
    Value operator()(std::int64_t i) const { return i; }
    Value operator()(double d) const { return d; }
    Value operator()(Nanos d) const { return format_duration(d); }
    Value operator()(const DurationRange& r) const {
      return Value::list({format_duration(r.low), format_duration(r.high)});
    }
    Value operator()(std::uint64_t s) const { return static_cast<std::int64_t>(s); }
    Value operator()(const std::string& s) const { return s; }
    Value operator()(const std::vector<std::string>& s) const { return Value::list({s.begin(), s.end()}); }
    Value operator()(const Weights& w) const {
      std::vector<std::pair<Value, Value>> entries;
      for (const auto& [name, weight] : w) entries.emplace_back(name, weight);
      return Value::map(std::move(entries));
    }
  };
  return std::visit(Visitor{}, value);
}

ParameterValue parameter_of(const Parameters& from, const ParameterSpec& spec) {
  switch (spec.type) {
    case ParameterType::boolean:
      return from.boolean(spec.name);
    case ParameterType::integer:
      return from.integer(spec.name);
    case ParameterType::number:
      return from.number(spec.name);
    case ParameterType::duration:
      return from.duration(spec.name);
    case ParameterType::duration_range:
      return from.range(spec.name);
    case ParameterType::size:
      return from.size(spec.name);
    case ParameterType::text:
    case ParameterType::choice:
      return from.text(spec.name);
    case ParameterType::texts:
    case ParameterType::choice_list:
      return from.texts(spec.name);
    case ParameterType::weights:
      return from.weights(spec.name);
  }
  return false;
}

Result<Judgement> judge(const CheckPlan& check, const HistoryStream& history, const JudgeBounds& bounds,
                        const std::vector<FaultWindow>& faults) {
  if (!find_checker(check.checker)) {
    std::vector<std::string_view> names;
    for (const CheckerInfo& info : checkers()) names.push_back(info.name);
    const std::string_view meant = nearest(check.checker, names);
    return bad_input(fmt::format("there is no checker \"{}\"{}; `shaketable list checkers` names them", check.checker,
                                 meant.empty() ? "" : fmt::format(", did you mean \"{}\"?", meant)));
  }
  SteadyClock clock;
  const Budget budget([&] { return clock.now() > bounds.timeout || bounds.stop.stop_requested(); },
                      bounds.memory_bytes);
  ThreadPool pool(0);
  Judgement judgement;
  auto verdict = [&]() -> Result<Verdict> {
    if (check.checker == "linearizable") return run_linearizable(check, history, budget, pool, judgement.notes);
    if (check.checker == "list-append" || check.checker == "rw-register")
      return run_isolation(check, history, budget, pool, judgement.notes);
    if (check.checker == "weak-register") return run_weak(check, history, budget, pool, judgement.notes);
    return run_collected(check, history, budget, faults, judgement.notes);
  }();
  if (!verdict) return Failure(verdict.error());
  judgement.verdict = std::move(*verdict);
  judgement.seconds = std::chrono::duration<double>(clock.now()).count();
  return judgement;
}

}  // namespace shaketable

#include "orchestrator/judge/judge.h"

#include <fmt/format.h>

#include "base/text.h"
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

}  // namespace

const std::vector<CheckerInfo>& checkers() {
  static const std::vector<CheckerInfo> all{
      linearizable_info(),
      isolation_info("list-append",
                     "transactions that append to lists and read them: isolation by the cycles of their dependencies"),
      isolation_info("rw-register",
                     "transactions that write and read registers: isolation by the cycles of their dependencies"),
  };
  return all;
}

const CheckerInfo* find_checker(std::string_view name) {
  for (const CheckerInfo& info : checkers())
    if (info.name == name) return &info;
  return nullptr;
}

Result<Judgement> judge(const CheckPlan& check, const HistoryStream& history, const JudgeBounds& bounds) {
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
  auto verdict = check.checker == "linearizable" ? run_linearizable(check, history, budget, pool, judgement.notes)
                                                 : run_isolation(check, history, budget, pool, judgement.notes);
  if (!verdict) return Failure(verdict.error());
  judgement.verdict = std::move(*verdict);
  judgement.seconds = std::chrono::duration<double>(clock.now()).count();
  return judgement;
}

}  // namespace shaketable

// What the checkers are called and what they take.

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "checkers/aggregate/aggregate.h"
#include "checkers/isolation/isolation.h"
#include "checkers/linearizability/linearizable.h"
#include "orchestrator/judge/judge.h"

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

ParameterSpec flag(std::string name, std::string about, bool value) {
  ParameterSpec spec;
  spec.name = std::move(name);
  spec.type = ParameterType::boolean;
  spec.about = std::move(about);
  spec.fallback = value ? "true" : "false";
  spec.value = value;
  return spec;
}

ParameterSpec choice_list(std::string name, std::string about, std::vector<std::string> choices,
                          std::vector<std::string> value) {
  ParameterSpec spec;
  spec.name = std::move(name);
  spec.type = ParameterType::choice_list;
  spec.about = std::move(about);
  spec.choices = std::move(choices);
  spec.fallback = join(value);
  spec.value = std::move(value);
  return spec;
}

ParameterSpec keyed() {
  return flag("keyed", "values are [key value] tuples, one object for each key", false);
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
  info.parameters = {model, initial, nil_read, keyed()};
  return info;
}

std::vector<std::string> model_names() {
  std::vector<std::string> names;
  for (const ConsistencyModel& model : consistency_models()) {
    names.push_back(model.name);
    names.insert(names.end(), model.other_names.begin(), model.other_names.end());
  }
  return names;
}

template <class Views>
std::vector<std::string> texts(const Views& views) {
  return {views.begin(), views.end()};
}

ParameterSpec search_steps() {
  ParameterSpec steps;
  const auto fallback = static_cast<std::int64_t>(IsolationOptions().search_steps_max);
  steps.name = "search-steps";
  steps.type = ParameterType::integer;
  steps.about = "edges visited at most in search of the shortest cycles to show";
  steps.fallback = fmt::format("{}", fallback);
  steps.value = fallback;
  steps.minimum = 1;
  return steps;
}

CheckerInfo isolation_info(std::string name, std::string about) {
  std::vector<std::string> choices = model_names();
  choices.emplace_back("none");  // only the `anomalies` named besides
  CheckerInfo info{std::move(name), std::move(about), {}};
  info.parameters = {choice_list("consistency", "the models that must hold; `shaketable list models`",
                                 std::move(choices), {"strict-serializable"}),
                     search_steps()};
  ParameterSpec anomalies;
  anomalies.name = "anomalies";
  anomalies.type = ParameterType::texts;
  anomalies.about = "anomalies that must not be there either, such as G-single; with `consistency: none` only they";
  anomalies.value = std::vector<std::string>();
  info.parameters.push_back(std::move(anomalies));
  return info;
}

CheckerInfo rw_register_info() {
  CheckerInfo info = isolation_info(
      "rw-register", "transactions that write and read registers: isolation by the cycles of their dependencies");
  std::vector<std::string> fallback;
  for (const VersionOrder order : IsolationOptions().version_orders) fallback.emplace_back(to_string(order));
  info.parameters.push_back(
      choice_list("version-orders", "what is taken as known of the order of each key's versions, whatever the model",
                  texts(version_order_names()), std::move(fallback)));
  info.parameters.push_back(
      flag("orders-of-model", "use the process and real-time order of each key besides, where the model implies them",
           true));
  ParameterSpec places;
  places.name = "transaction-order";
  places.type = ParameterType::weights;
  places.about = "for the version order of that name: {index of a completion: its place}, from inside the database";
  places.value = Weights();
  info.parameters.push_back(std::move(places));
  return info;
}

CheckerInfo weak_info() {
  return {
      "weak-register",
      "transactions on registers, judged by what each session can see: read-committed to sequential",
      {choice_list("consistency", "the levels that must hold", texts(weak_level_names()), {"causal"}), search_steps()}};
}

std::vector<CheckerInfo> all_checkers() {
  std::vector<CheckerInfo> all{
      linearizable_info(),
      isolation_info("list-append",
                     "transactions that append to lists and read them: isolation by the cycles of their dependencies"),
      rw_register_info(), weak_info()};
  for (const AggregateInfo& info : aggregate_checkers()) all.push_back({info.name, info.about, info.options});
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

}  // namespace shaketable

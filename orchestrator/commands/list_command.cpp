// The commands that touch no node and no history: list, validate.
#include <fmt/format.h>

#include "base/log.h"
#include "base/text.h"
#include "checkers/isolation/isolation.h"
#include "checkers/linearizability/linearizable.h"
#include "history/text.h"
#include "orchestrator/catalogue.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/plan/generator_reader.h"

namespace shaketable {
namespace {

std::string_view type_name(ParameterType type) {
  switch (type) {
    case ParameterType::boolean:
      return "true or false";
    case ParameterType::integer:
      return "integer";
    case ParameterType::number:
      return "number";
    case ParameterType::duration:
      return "duration";
    case ParameterType::duration_range:
      return "duration or [from, to]";
    case ParameterType::size:
      return "size";
    case ParameterType::text:
      return "text";
    case ParameterType::choice:
      return "one of";
    case ParameterType::texts:
      return "text or list";
    case ParameterType::choice_list:
      return "one or a list of";
    case ParameterType::weights:
      return "weights";
    case ParameterType::entries:
      return "map of texts";
    case ParameterType::command:
      return "program and arguments";
  }
  return "?";
}

Value described_json(const std::string& name, const Described& described) {
  std::vector<Value> parameters;
  for (const ParameterSpec& spec : described.parameters)
    parameters.push_back(Value::map({{"name", spec.name},
                                     {"type", type_name(spec.type)},
                                     {"default", spec.required ? Value() : Value(spec.fallback)},
                                     {"choices", Value::list({spec.choices.begin(), spec.choices.end()})},
                                     {"about", spec.about}}));
  return Value::map({{"name", name},
                     {"about", described.about},
                     {"interfaces", Value::list({described.interfaces.begin(), described.interfaces.end()})},
                     {"parameters", Value::list(std::move(parameters))}});
}

void print_described(const std::string& name, const Described& described, std::string_view interfaces) {
  fmt::print("{}\n  {}\n", name, described.about);
  if (!described.interfaces.empty()) fmt::print("  {}: {}\n", interfaces, join(described.interfaces));
  for (const ParameterSpec& spec : described.parameters) {
    fmt::print("    {:14} {}{} ", spec.name, type_name(spec.type),
               spec.choices.empty()       ? ""
               : spec.choices.size() > 16 ? fmt::format(" {} names", spec.choices.size())
                                          : fmt::format(" {}", join(spec.choices)));
    fmt::print("({})\n                   {}\n",
               spec.required           ? "required"
               : spec.fallback.empty() ? "default: none"
                                       : "default: " + spec.fallback,
               spec.about);
  }
}

ExitCode print_all(const std::map<std::string, Described>& all, bool json, std::string_view interfaces = "") {
  std::vector<Value> list;
  for (const auto& [name, described] : all)
    if (json)
      list.push_back(described_json(name, described));
    else
      print_described(name, described, interfaces);
  if (json) fmt::print("{}\n", to_json(Value::list(std::move(list))));
  return ExitCode::pass;
}

ExitCode print_lines(const std::vector<std::pair<std::string, std::string>>& lines, bool json) {
  std::vector<Value> list;
  for (const auto& [name, about] : lines)
    if (json)
      list.push_back(Value::map({{"name", name}, {"about", about}}));
    else
      fmt::print("{:28} {}\n", name, about);
  if (json) fmt::print("{}\n", to_json(Value::list(std::move(list))));
  return ExitCode::pass;
}

ExitCode print_forms(const std::vector<PlanForm>& forms, bool json) {
  std::vector<Value> list;
  for (const PlanForm& form : forms)
    if (json)
      list.push_back(Value::map({{"name", form.name}, {"about", form.about}, {"example", form.example}}));
    else
      fmt::print("{:18} {}\n{:18} {}\n", form.name, form.about, "", form.example);
  if (json) fmt::print("{}\n", to_json(Value::list(std::move(list))));
  return ExitCode::pass;
}

}  // namespace

ExitCode list_command(const std::string& what, bool json) {
  const Catalogue& all = catalogue();
  if (what == "faults") return print_all(all.faults, json);
  if (what == "workloads") return print_all(all.workloads, json, "needs");
  if (what == "checkers") return print_all(all.checkers, json);
  if (what == "clients") return print_all(all.clients, json, "offers");
  if (what == "generators") return print_forms(generator_forms(), json);
  if (what == "values") return print_forms(value_forms(), json);
  std::vector<std::pair<std::string, std::string>> lines;
  if (what == "models") {
    for (const ModelInfo& model : linearizability_models())
      lines.emplace_back(model.name, fmt::format("linearizable: {}", model.description));
    for (const ConsistencyModel& model : consistency_models())
      lines.emplace_back(model.name, model.other_names.empty()
                                         ? "isolation"
                                         : fmt::format("isolation; also called {}", join(model.other_names)));
    return print_lines(lines, json);
  }
  for (const auto& [name, path] : find_systems(config_directories())) {
    const auto system = read_system(path);
    if (!system) {
      log::error("{}", system.error().message);
      return exit_code_of(system.error());
    }
    lines.emplace_back(name, fmt::format("{} ({})", system->about, path));
  }
  return print_lines(lines, json);
}

ExitCode validate_command(const std::vector<std::string>& plans, const std::vector<std::string>& set) {
  PlanOptions options;
  options.set = set;
  options.config_directories = config_directories();
  ExitCode code = ExitCode::pass;
  for (const std::string& path : plans) {
    const auto plan = read_plan(path, catalogue(), options);
    if (!plan) {
      log::error("{}", plan.error().message);
      code = worse(code, exit_code_of(plan.error()));
    } else {
      fmt::print("{}: good\n", path);
    }
  }
  return code;
}

}  // namespace shaketable

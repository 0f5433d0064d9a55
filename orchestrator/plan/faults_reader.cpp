#include <fmt/format.h>

#include <algorithm>

#include "base/duration.h"
#include "base/text.h"
#include "orchestrator/plan/parts.h"

namespace shaketable {
namespace {

double seconds(Nanos duration) {
  return static_cast<double>(duration.count()) / 1e9;
}

bool all_digits(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

std::vector<std::string> node_names(const ClusterPlan& cluster) {
  std::vector<std::string> out;
  for (const NodeSpec& node : cluster.nodes) out.push_back(node.name);
  if (cluster.lab)
    for (int i = 1; i <= cluster.lab->nodes; ++i) out.push_back(fmt::format("n{}", i));
  return out;
}

Parameters read_options(const Yaml& value, const Place& place, const std::string& fault, const Described& described,
                        const Plan& plan, Problems& problems) {
  const std::size_t before = problems.size();
  Parameters options = read_given(value, place, "the fault " + fault, described, problems);
  const std::vector<std::string> nodes = node_names(plan.cluster);
  // No nodes: they are wrong and reported, so nothing can be said about them.
  if (described.check && !nodes.empty() && problems.size() == before)
    if (const auto fits = described.check(options, nodes); !fits) problems.add(place, fits.error().message);
  if (described.possible && !plan.system.name.empty() && problems.size() == before)
    if (const auto able = described.possible(options, plan.cluster, plan.system); !able)
      problems.add(place, able.error().message);
  const auto target = std::find_if(described.parameters.begin(), described.parameters.end(), [](const auto& spec) {
    return spec.name == "target" && spec.type == ParameterType::texts;
  });
  if (target == described.parameters.end() || !options.has("target") || problems.size() != before) return options;
  for (const std::string& word : options.texts("target")) {
    // Of the load, for faults that are not of nodes.
    if (word.starts_with("worker ") && all_digits(word.substr(7)) && std::stod(word.substr(7)) >= plan.workload.workers)
      problems.add(place, fmt::format("{}: there is no {}: the load has {} worker{}, counted from 0; name another, or "
                                      "raise `workers` of the workload",
                                      fault, word, plan.workload.workers, plan.workload.workers == 1 ? "" : "s"));
    if (!word.starts_with("role ")) continue;
    std::vector<std::string> roles;
    for (const NodeSpec& node : plan.cluster.nodes)
      if (!node.role.empty()) roles.push_back(node.role);
    const std::string role = word.substr(5);
    if (std::find(roles.begin(), roles.end(), role) != roles.end()) continue;
    problems.add(place, fmt::format("no node of the plan has the role \"{}\"{}", role,
                                    roles.empty()      ? "; `role` of a node gives it one"
                                    : plan.cluster.lab ? ""
                                                       : did_you_mean(role, roles)));
  }
  return options;
}

void check_against_model(const FaultPlan& fault, const Place& place, Nanos lasts, Reading& reading, const Plan& plan) {
  const auto described = reading.catalogue.faults.find(fault.fault);
  if (!plan.model || described == reading.catalogue.faults.end() || !described->second.check_model) return;
  const bool to_the_end = plan.schedule.kind == ScheduleKind::timeline && fault.at + lasts >= plan.time_limit;
  if (const auto fits =
          described->second.check_model(*plan.model, fault.options, node_names(plan.cluster).size(), lasts, to_the_end);
      !fits)
    reading.problems.add(place, fits.error().message);
}

// One entry of choose or events: `own` keys (weight; at, for) and exactly one fault.
std::optional<FaultPlan> read_entry(const YamlPtr& item, const std::vector<std::string>& own, Reading& reading,
                                    const Plan& plan) {
  Problems& problems = reading.problems;
  const auto& known = reading.catalogue.faults;
  FaultPlan fault;
  if (item->kind == YamlKind::scalar && own.front() == "weight") {  // `choose: [partition]`
    const Described* described = look_up(known, item->text, "fault", item->place, problems);
    if (!described) return std::nullopt;
    const Yaml nothing;
    fault.fault = item->text;
    fault.options = read_options(nothing, item->place, fault.fault, *described, plan, problems);
    return fault;
  }
  if (item->kind != YamlKind::map) {
    problems.add(
        item->place,
        fmt::format("each of {} must be a map such as {}, not {}", own.front() == "weight" ? "choose" : "events",
                    own.front() == "weight" ? "{partition: {}, weight: 2}" : "{at: 5s, for: 10s, partition: {}}",
                    describe(*item)));
    return std::nullopt;
  }
  Fields fields(*item, item->place, "a fault", problems);
  for (const std::string& key : own) fields.know(key);
  const YamlEntry* chosen = nullptr;
  bool wrong = false;
  for (const YamlEntry& entry : item->entries) {
    if (!known.count(entry.key)) {
      wrong = wrong || std::find(own.begin(), own.end(), entry.key) == own.end();
      continue;
    }
    if (chosen) {
      problems.add(entry.place, fmt::format("one entry names one fault; \"{}\" is named already", chosen->key));
      wrong = true;
    } else {
      chosen = &entry;
    }
  }
  std::vector<std::string> names;
  for (const auto& [name, described] : known) {
    fields.know(name);
    names.push_back(name);
  }
  fields.finish();
  if (!chosen && !wrong) problems.add(item->place, fmt::format("this names no fault; there is {}", join(names)));
  if (own.front() == "weight") fields.number("weight", fault.weight, {0, 1e9});
  if (!chosen) return std::nullopt;
  fault.fault = chosen->key;
  fault.options = read_options(*chosen->value, chosen->place, fault.fault, known.at(fault.fault), plan, problems);
  return fault;
}

void read_random(Fields& fields, Reading& reading, Plan& plan) {
  Problems& problems = reading.problems;
  SchedulePlan& schedule = plan.schedule;
  schedule.kind = ScheduleKind::random;
  fields.duration("first_after", schedule.first_after, {0, 86400 * 30.0});
  fields.range("lasts", schedule.lasts, {0.001, seconds(plan.safety.longest_fault)});
  fields.range("quiet", schedule.quiet, {0, 86400 * 30.0});
  schedule.recovery_wait = plan.recovery;
  fields.duration("recovery_wait", schedule.recovery_wait, {0, 86400});
  if (schedule.first_after >= plan.time_limit) {
    const YamlEntry* entry = fields.entry("first_after");
    problems.add(entry ? entry->value->place : fields.place(),
                 fmt::format("no fault would ever begin: the first comes after {}, and the load ends after {}",
                             format_duration(schedule.first_after), format_duration(plan.time_limit)));
  }
  const Yaml* choose = fields.find("choose");
  if (!choose) {
    if (!fields.entry("choose"))
      problems.add(fields.place(), "a random schedule needs \"choose\": the list of faults to draw from");
    return;
  }
  if (choose->kind != YamlKind::list || choose->items.empty()) {
    problems.add(choose->place, fmt::format("choose must be a list of faults, not {}",
                                            choose->kind == YamlKind::list ? "an empty list" : describe(*choose)));
    return;
  }
  double sum = 0;
  bool all = true;
  for (const YamlPtr& item : choose->items) {
    auto fault = read_entry(item, {"weight"}, reading, plan);
    all = all && fault;
    if (!fault) continue;
    sum += fault->weight;
    if (fault->weight > 0) check_against_model(*fault, item->place, schedule.lasts.high, reading, plan);
    schedule.faults.push_back(std::move(*fault));
  }
  if (all && sum <= 0) problems.add(choose->place, "choose must have a fault with a weight above 0");
}

// After the events, which say how long one round is.
void read_repeat(Fields& fields, Plan& plan) {
  Problems& problems = fields.problems();
  SchedulePlan& schedule = plan.schedule;
  Nanos round{0};
  for (const FaultPlan& fault : schedule.faults) round = std::max(round, fault.at + fault.lasts);
  schedule.every = round;
  fields.duration("every", schedule.every, {0.001, 86400 * 30.0});
  fields.integer("repeat", schedule.repeat, {1, 100'000});
  const YamlEntry *repeat = fields.entry("repeat"), *every = fields.entry("every");
  if (round <= Nanos(0) || schedule.every <= Nanos(0) || round > plan.time_limit) return;
  // Without a number: as often as it fits.
  const auto fits = static_cast<int>(std::min<std::int64_t>((plan.time_limit - round) / schedule.every + 1, 100'000));
  if (every && !repeat) schedule.repeat = fits;
  if (schedule.repeat > fits)
    problems.add(
        repeat->value->place,
        fmt::format("the last of {} rounds lasts until {}, and the load ends after {} (time_limit)", schedule.repeat,
                    format_duration((schedule.repeat - 1) * schedule.every + round), format_duration(plan.time_limit)));
}

void read_timeline(Fields& fields, Reading& reading, Plan& plan) {
  Problems& problems = reading.problems;
  SchedulePlan& schedule = plan.schedule;
  schedule.kind = ScheduleKind::timeline;
  const Yaml* events = fields.find("events");
  if (!events) {
    if (!fields.entry("events"))
      problems.add(fields.place(), "a timeline needs \"events\": a list such as [{at: 5s, for: 10s, partition: {}}]");
    return;
  }
  if (events->kind != YamlKind::list || events->items.empty()) {
    problems.add(events->place, fmt::format("events must be a list of faults, not {}",
                                            events->kind == YamlKind::list ? "an empty list" : describe(*events)));
    return;
  }
  for (const YamlPtr& item : events->items) {
    auto fault = read_entry(item, {"at", "for"}, reading, plan);
    if (item->kind != YamlKind::map) continue;
    Nanos at{0}, lasts{0};
    Fields times(*item, item->place, "an event", problems);
    times.duration("at", at, {});
    times.duration("for", lasts, {0.001, seconds(plan.safety.longest_fault)});
    const YamlEntry* begins = item->find("at");
    const YamlEntry* stays = item->find("for");
    if (!begins) problems.add(item->place, "an event needs \"at\": when it begins, counted from the start of the load");
    if (!stays) problems.add(item->place, "an event needs \"for\": how long it lasts");
    if (begins && at >= plan.time_limit) {
      problems.add(begins->value->place, fmt::format("this begins at {}, and the load ends after {} (time_limit)",
                                                     format_duration(at), format_duration(plan.time_limit)));
    } else if (stays && at + lasts > plan.time_limit) {
      problems.add(stays->value->place, fmt::format("this lasts until {}, and the load ends after {} (time_limit)",
                                                    format_duration(at + lasts), format_duration(plan.time_limit)));
    }
    if (!fault) continue;
    fault->at = at;
    fault->lasts = lasts;
    check_against_model(*fault, item->place, lasts, reading, plan);
    schedule.faults.push_back(std::move(*fault));
  }
  read_repeat(fields, plan);
}

}  // namespace

Parameters read_given(const Yaml& value, const Place& place, const std::string& what, const Described& described,
                      Problems& problems) {
  Parameters out(described.parameters);
  if (value.kind == YamlKind::map || value.kind == YamlKind::null) {
    Fields fields(value, place, what, problems);
    fields.parameters(described.parameters, out);
    fields.finish();
    return out;
  }
  for (const ParameterSpec& spec : described.parameters) {
    if (spec.name != described.main_parameter) continue;
    if (auto parameter = to_parameter(value, spec, problems)) out.set(spec.name, std::move(*parameter));
    return out;
  }
  problems.add(value.place, fmt::format("{} must be a map of its parameters, not {}", what, describe(value)));
  return out;
}

void read_faults(Fields& top, Reading& reading, Plan& plan) {
  Problems& problems = reading.problems;
  const YamlEntry* entry = top.entry("faults");
  if (!entry || (entry->value->kind == YamlKind::scalar && entry->value->text == "none")) return;
  if (entry->value->kind != YamlKind::map) {
    problems.add(entry->value->place,
                 fmt::format("faults must be none, or a map with schedule, not {}", describe(*entry->value)));
    return;
  }
  Fields fields(*entry->value, entry->place, "faults", problems);
  std::optional<std::string> kind;
  if (const Yaml* schedule = fields.find("schedule"))
    kind = to_choice(*schedule, "schedule", problems, {"random", "timeline"});
  else if (!fields.entry("schedule"))
    problems.add(entry->place, "faults need \"schedule\": random or timeline");
  if (!kind) return;  // which keys belong here depends on it
  if (*kind == "random")
    read_random(fields, reading, plan);
  else
    read_timeline(fields, reading, plan);
  fields.finish();
}

}  // namespace shaketable

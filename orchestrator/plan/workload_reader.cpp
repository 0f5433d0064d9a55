#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "orchestrator/plan/generator_reader.h"
#include "orchestrator/plan/parts.h"

namespace shaketable {
namespace {

constexpr double kDay = 86400;

// The workload's client must be able to do what the workload asks.
void check_interface(const Described& workload, const NamedMap& named, Reading& reading, const Plan& plan) {
  const auto client = reading.catalogue.clients.find(plan.client.name);
  if (client == reading.catalogue.clients.end()) return;  // reported already
  std::vector<std::string> offering;
  for (const std::string& needed : workload.interfaces) {
    const auto offers = [&needed](const Described& other) {
      return std::find(other.interfaces.begin(), other.interfaces.end(), needed) != other.interfaces.end();
    };
    if (offers(client->second)) continue;
    for (const auto& [name, described] : reading.catalogue.clients)
      if (offers(described)) offering.push_back(name);
    reading.problems.add(
        named.name_place,
        fmt::format("the workload {} needs a client that offers \"{}\", and {} does not{}", named.name, needed,
                    plan.client.name,
                    offering.empty()
                        ? "; no client does"
                        : fmt::format("; {}: {}", offering.size() == 1 ? "one does" : "these do", join(offering))));
  }
}

void read_rates(const Yaml& list, Problems& problems, std::vector<RatePlan>& rates) {
  if (list.kind != YamlKind::list || list.items.empty()) {
    problems.add(list.place, fmt::format("rates must be a list such as [{{for: 10s, rate: 100}}], not {}",
                                         list.kind == YamlKind::list ? "an empty list" : describe(list)));
    return;
  }
  for (const YamlPtr& item : list.items) {
    if (item->kind != YamlKind::map) {
      problems.add(item->place,
                   fmt::format("each of rates must be a map such as {{for: 10s, rate: 100}}, not {}", describe(*item)));
      continue;
    }
    Fields fields(*item, item->place, "a rate", problems);
    RatePlan rate;
    for (const char* key : {"for", "rate"})
      if (!fields.entry(key)) problems.add(item->place, fmt::format("a rate needs \"{}\"", key));
    fields.duration("for", rate.lasts, {0.001, 30 * kDay});
    fields.number("rate", rate.per_second, {0.001, 1e7});
    fields.finish();
    rates.push_back(rate);
  }
}

void read_load(Fields& fields, WorkloadPlan& workload) {
  Problems& problems = fields.problems();
  if (const Yaml* load = fields.find("load"))
    workload.open = to_choice(*load, "load", problems, {"closed", "open"}).value_or("closed") == "open";
  for (const char* key : {"arrival", "backlog", "rates"})
    if (const YamlEntry* entry = fields.entry(key); entry && !workload.open)
      problems.add(entry->place, fmt::format("{} belongs to an open load; add \"load: open\"", key));
  if (const Yaml* arrival = fields.find("arrival"))
    workload.poisson =
        to_choice(*arrival, "arrival", problems, {"constant", "poisson"}).value_or("constant") == "poisson";
  fields.integer("backlog", workload.backlog, {1, 1e6});
  const YamlEntry* rates = fields.entry("rates");
  if (rates && fields.entry("rate"))
    problems.add(rates->place, "rates and rate are two ways to say one thing; keep one");
  if (rates) read_rates(*rates->value, problems, workload.rates);
  if (!workload.open || rates) return;
  if (workload.rate > 0)
    workload.rates = {{Nanos(0), workload.rate}};
  else
    problems.add(fields.place(), "an open load needs \"rate\" or \"rates\": when operations are due");
}

}  // namespace

void read_workload(Fields& top, Reading& reading, Plan& plan) {
  Problems& problems = reading.problems;
  const YamlEntry* entry = top.entry("workload");
  if (!entry) {
    std::vector<std::string> names;
    for (const auto& [name, described] : reading.catalogue.workloads) names.push_back(name);
    problems.add(top.place(), fmt::format("a plan needs \"workload\": what the clients do; there is {}", join(names)));
    return;
  }
  const NamedMap named = named_map(*entry, "the name of a workload, or a map with name and its parameters", problems);
  if (named.name.empty()) return;
  const Described* described = look_up(reading.catalogue.workloads, named.name, "workload", named.name_place, problems);
  if (!described) return;
  plan.workload.name = named.name;
  plan.workload.options = Parameters(described->parameters);
  Fields fields(*named.map, entry->place, fmt::format("the workload {}", named.name), problems);
  fields.know("name");
  fields.integer("workers", plan.workload.workers, {1, 10'000});
  fields.number("rate", plan.workload.rate, {0, 1e7});
  read_load(fields, plan.workload);
  for (const auto& [key, out] : {std::pair{"generator", &plan.workload.generator}, {"final", &plan.workload.final}})
    if (const Yaml* generator = fields.find(key))
      *out = std::make_shared<const GeneratorSpec>(read_generator(*generator, problems));
  fields.parameters(described->parameters, plan.workload.options);
  fields.finish();
  check_interface(*described, named, reading, plan);
}

}  // namespace shaketable

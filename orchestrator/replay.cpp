#include "orchestrator/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <sstream>

#include "base/text.h"
#include "history/parameter_values.h"
#include "history/text.h"
#include "nemesis/fault.h"

namespace shaketable {
namespace {

template <class Number>
std::optional<Number> number_in(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::vector<std::string> words_of(std::string_view text) {
  std::istringstream in{std::string(text)};
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

Result<ScheduledFault> fault_from(const Value& entry) {
  const auto malformed = [] { return bad_input("the run's schedule is malformed"); };
  if (entry.kind() != Value::Kind::map) return malformed();
  const Value *id = entry.find("id"), *name = entry.find("fault"), *seed = entry.find("seed"),
              *at = entry.find("at_ns"), *lasts = entry.find("lasts_ns"), *options = entry.find("options");
  for (const Value* number : {id, at, lasts})
    if (!number || !number->is_integer()) return malformed();
  for (const Value* text : {name, seed})
    if (!text || text->kind() != Value::Kind::string) return malformed();
  const auto seed_number = number_in<std::uint64_t>(seed->text());
  if (!seed_number || !options || options->kind() != Value::Kind::map) return malformed();
  ScheduledFault fault;
  fault.id = id->integer();
  fault.at = Nanos(at->integer());
  fault.lasts = Nanos(lasts->integer());
  fault.seed = *seed_number;
  fault.fault = name->text();
  const Fault* family = find_fault(fault.fault);
  if (!family)
    return bad_input(fmt::format("the run had the fault \"{}\", which this version does not have", fault.fault));
  fault.options = Parameters(family->info().parameters);
  for (std::size_t i = 0; i + 1 < options->items().size(); i += 2) {
    const std::string_view parameter = options->items()[i].text();
    const auto& specs = family->info().parameters;
    const auto spec = std::find_if(specs.begin(), specs.end(), [&](const auto& s) { return s.name == parameter; });
    auto value = spec == specs.end() ? Result<ParameterValue>(bad_input("it has no such parameter"))
                                     : parameter_from(options->items()[i + 1], *spec);
    if (!value)
      return bad_input(fmt::format("{} of the run's fault {} cannot be read by this version: {}", parameter,
                                   fault.fault, value.error().message));
    fault.options.set(parameter, std::move(*value));
  }
  return fault;
}

}  // namespace

Value schedule_json(const std::vector<ScheduledFault>& schedule) {
  std::vector<Value> list;
  for (const ScheduledFault& fault : schedule) {
    std::vector<std::pair<Value, Value>> options;
    if (const Fault* family = find_fault(fault.fault))
      for (const ParameterSpec& spec : family->info().parameters)
        if (fault.options.has(spec.name))
          options.emplace_back(spec.name, parameter_value(parameter_of(fault.options, spec)));
    // A seed has 64 bits without a sign, so it is a text.
    list.push_back(Value::map({{"id", fault.id},
                               {"fault", fault.fault},
                               {"at_ns", static_cast<std::int64_t>(fault.at.count())},
                               {"lasts_ns", static_cast<std::int64_t>(fault.lasts.count())},
                               {"seed", std::to_string(fault.seed)},
                               {"options", Value::map(std::move(options))}}));
  }
  return Value::list(std::move(list));
}

Result<std::vector<ScheduledFault>> recorded_schedule(const RunFile& file) {
  const auto recorded = file.faults();
  if (!recorded) return Failure(recorded.error());
  std::vector<ScheduledFault> out;
  const bool applied = std::any_of(recorded->begin(), recorded->end(),
                                   [](const FaultRecord& fault) { return fault.actual_start_ns != kNotYet; });
  if (!applied) return out;
  const auto text = file.meta(kMetaSchedule), started = file.meta(kMetaLoadStarted);
  const auto start = started ? number_in<std::int64_t>(*started) : std::nullopt;
  const auto parsed = text ? parse_json(*text) : Result<Value>(bad_input("there is none"));
  if (!start || !parsed || !parsed->is_list())
    return bad_input(
        fmt::format("{} does not keep the schedule of its faults (an older version recorded it); `shaketable run` with "
                    "its plan and --seed {} draws the same ones",
                    file.path(), file.info().seed));
  for (const Value& entry : parsed->items()) {
    auto fault = fault_from(entry);
    if (!fault) return Failure(fault.error().in(file.path()));
    const auto record = std::find_if(recorded->begin(), recorded->end(), [&](const FaultRecord& r) {
      return r.id == fault->id && r.fault == fault->fault && r.actual_start_ns != kNotYet;
    });
    if (record == recorded->end()) continue;
    fault->at = Nanos(record->intended_start_ns - *start);
    fault->lasts = Nanos(record->intended_end_ns - record->intended_start_ns);
    const Value* primaries =
        record->parameters.kind() == Value::Kind::map ? record->parameters.find("primaries") : nullptr;
    if (primaries && primaries->kind() == Value::Kind::string) fault->primaries = words_of(primaries->text());
    out.push_back(std::move(*fault));
  }
  std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.at < b.at; });
  return out;
}

Result<std::vector<ScheduledFault>> replayed_schedule(const RunFile& file, const Plan& plan, std::size_t& left_out) {
  left_out = 0;
  auto schedule = recorded_schedule(file);
  if (!schedule || schedule->empty()) return schedule;
  std::vector<std::string> then, now;
  for (const NodeRecord& node : file.info().nodes) then.push_back(node.name);
  for (const NodeSpec& node : plan.cluster.nodes) now.push_back(node.name);
  if (plan.cluster.lab)
    for (int i = 1; i <= plan.cluster.lab->nodes; ++i) now.push_back(fmt::format("n{}", i));
  if (then != now)
    return bad_input(fmt::format("{} was recorded on {}, and the plan has {}: its faults would hit other nodes",
                                 file.path(), join(then), join(now)));
  std::vector<ScheduledFault> out;
  for (ScheduledFault& fault : *schedule) {
    if (fault.at >= plan.time_limit) {
      ++left_out;
      continue;
    }
    fault.lasts = std::min(fault.lasts, plan.time_limit - fault.at);
    out.push_back(std::move(fault));
  }
  return out;
}

}  // namespace shaketable

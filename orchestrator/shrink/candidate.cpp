// Candidates from and to what people write.
#include <fmt/format.h>

#include <algorithm>

#include "base/duration.h"
#include "base/text.h"
#include "history/parameter_values.h"
#include "history/text.h"
#include "nemesis/fault.h"
#include "orchestrator/replay.h"
#include "orchestrator/shrink/shrink.h"

namespace shaketable {
namespace {

std::string text_of(const FaultRecord& record, const char* key) {
  const Value* value = record.parameters.kind() == Value::Kind::map ? record.parameters.find(key) : nullptr;
  return value && value->kind() == Value::Kind::string ? std::string(value->text()) : std::string();
}

// Whether the dice decide who the targets are. primaries and not-primaries are asked for again: what matters is who is
// primary, not how it is called.
bool drawn(const std::vector<std::string>& target) {
  static const std::vector<std::string> words{"one", "random", "minority", "majority", "minority-third"};
  return target.size() == 1 &&
         (target.front().starts_with("random") || std::find(words.begin(), words.end(), target.front()) != words.end());
}

ShrinkFault pinned(const ScheduledFault& scheduled, const FaultRecord& record, const std::vector<std::string>& nodes,
                   std::vector<std::string>& left_to_chance) {
  ShrinkFault fault{scheduled.fault, scheduled.options, scheduled.at, scheduled.lasts, record.targets};
  bool takes_target = fault.options.has("target");
  if (fault.fault == "partition") {
    std::string shape = text_of(record, "shape");
    if (shape.empty()) shape = "clients";
    const bool both = fault.options.text("direction") == "both";
    std::vector<std::string> rest;
    for (const std::string& node : nodes)
      if (std::find(record.targets.begin(), record.targets.end(), node) == record.targets.end()) rest.push_back(node);
    if ((shape == "halves" || shape == "majority-minority") && both && !rest.empty()) {
      fault.options.set("groups", std::vector<std::string>{join(record.targets, " "), join(rest, " ")});
      shape = "custom";
    } else if (shape == "halves" || shape == "majority-minority" || shape == "one-way" || shape == "majorities-ring" ||
               shape == "bridge") {
      left_to_chance.push_back(fmt::format("who is on which side of partition {} ({})", record.id, shape));
    }
    fault.options.set("shape", std::vector<std::string>{shape});
    takes_target = shape == "isolate" || shape == "clients";
  }
  if (takes_target && drawn(fault.options.texts("target"))) fault.options.set("target", record.targets);
  return fault;
}

std::string options_text(const ShrinkFault& fault) {
  const Fault* family = find_fault(fault.fault);
  std::vector<std::string> parts;
  if (family)
    for (const ParameterSpec& spec : family->info().parameters) {
      if (!fault.options.has(spec.name)) continue;
      const ParameterValue value = parameter_of(fault.options, spec);
      if (value == spec.value && !spec.required) continue;
      parts.push_back(fmt::format("{}: {}", spec.name, to_json(parameter_value(value))));
    }
  return "{" + join(parts) + "}";
}

// For plans: exact.
std::string time_text(Nanos time) {
  return time.count() % 1'000'000'000 == 0 ? fmt::format("{}s", time.count() / 1'000'000'000)
         : time.count() % 1'000'000 == 0   ? fmt::format("{}ms", time.count() / 1'000'000)
                                           : fmt::format("{}ns", time.count());
}

}  // namespace

Result<Candidate> recorded_candidate(const RunFile& run, const Plan& plan, std::vector<std::string>& left_to_chance) {
  const auto schedule = recorded_schedule(run);
  if (!schedule) return Failure(schedule.error());
  const auto records = run.faults();
  if (!records) return Failure(records.error());
  std::vector<std::string> nodes;
  for (const NodeRecord& node : run.info().nodes) nodes.push_back(node.name);
  Candidate candidate;
  candidate.time_limit = plan.time_limit;
  for (const ScheduledFault& scheduled : *schedule) {
    const auto record =
        std::find_if(records->begin(), records->end(), [&](const FaultRecord& r) { return r.id == scheduled.id; });
    if (record == records->end() || scheduled.at >= plan.time_limit) continue;
    ShrinkFault fault = pinned(scheduled, *record, nodes, left_to_chance);
    fault.lasts = std::min(fault.lasts, plan.time_limit - fault.at);
    candidate.faults.push_back(std::move(fault));
  }
  candidate.workers = plan.workload.workers;
  if (!plan.workload.open) candidate.rate = plan.workload.rate;
  return candidate;
}

std::vector<std::string> plan_changes(const Candidate& candidate) {
  std::vector<std::string> events;
  for (const ShrinkFault& fault : candidate.faults)
    events.push_back(fmt::format("{{at: {}, for: {}, {}: {}}}", time_text(fault.at), time_text(fault.lasts),
                                 fault.fault, options_text(fault)));
  std::vector<std::string> set;
  set.push_back(events.empty() ? "faults=" : fmt::format("faults={{schedule: timeline, events: [{}]}}", join(events)));
  set.push_back("time_limit=" + time_text(candidate.time_limit));
  if (candidate.workers > 0) set.push_back(fmt::format("workload.workers={}", candidate.workers));
  if (candidate.rate > 0) set.push_back(fmt::format("workload.rate={:g}", candidate.rate));
  return set;
}

std::string candidate_text(const Candidate& candidate) {
  std::vector<std::string> parts;
  for (const ShrinkFault& fault : candidate.faults)
    parts.push_back(fmt::format("{} {} at {} for {}", fault.fault, options_text(fault), format_duration(fault.at),
                                format_duration(fault.lasts)));
  if (parts.empty()) parts.emplace_back("no fault");
  std::string load = "load for " + format_duration(candidate.time_limit);
  if (candidate.workers > 0) load += fmt::format(", {} worker{}", candidate.workers, candidate.workers == 1 ? "" : "s");
  if (candidate.rate > 0) load += fmt::format(", {:g} operations a second", candidate.rate);
  parts.push_back(load);
  return join(parts, "; ");
}

}  // namespace shaketable

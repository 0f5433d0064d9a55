#include "orchestrator/run_schedule.h"

#include "nemesis/system_model.h"
#include "orchestrator/client_children.h"
#include "workloads/clients/registry.h"

namespace shaketable {
namespace {

ScheduleOptions schedule_of(const Plan& plan) {
  ScheduleOptions options;
  options.timeline = plan.schedule.kind == ScheduleKind::timeline;
  options.first_after = plan.schedule.first_after;
  options.lasts = plan.schedule.lasts;
  options.quiet = plan.schedule.quiet;
  options.wait_for_recovery = plan.schedule.recovery_wait > Nanos(0);
  options.repeat = plan.schedule.repeat;
  options.every = plan.schedule.every;
  options.until = plan.time_limit;
  for (const FaultPlan& fault : plan.schedule.faults)
    options.choices.push_back({fault.fault, fault.options, fault.weight, fault.at, fault.lasts});
  return options;
}

Result<void> check_replayed(const Plan& plan, const RunSettings& settings) {
  if (!settings.schedule || !plan.model) return {};
  const std::size_t nodes =
      plan.cluster.lab ? static_cast<std::size_t>(plan.cluster.lab->nodes) : plan.cluster.nodes.size();
  for (const ScheduledFault& fault : *settings.schedule)
    if (const auto fits = check_model(*plan.model, fault.fault, fault.options, nodes, fault.lasts,
                                      fault.at + fault.lasts >= plan.time_limit);
        !fits)
      return Failure(fits.error().in("a recorded fault"));
  return {};
}

}  // namespace

std::vector<ScheduledFault> schedule_for(const Plan& plan, const RunSettings& settings) {
  return settings.schedule ? *settings.schedule : make_schedule(schedule_of(plan), settings.seed);
}

Result<void> check_schedule(const Plan& plan, const RunSettings& settings) {
  if (auto fits = check_replayed(plan, settings); !fits) return fits;
  return check_client_processes(*find_client(plan.client.name), static_cast<std::size_t>(plan.workload.workers),
                                schedule_for(plan, settings));
}

std::string model_of(const Plan& plan, const std::vector<ScheduledFault>& schedule) {
  if (plan.model) return model_text(*plan.model);
  std::vector<FaultNeeds> needs;
  for (const ScheduledFault& fault : schedule)
    needs.push_back(fault_needs(fault.fault, fault.options, fault.lasts, fault.at + fault.lasts >= plan.time_limit)
                        .value_or(FaultNeeds{.unknown = true}));
  return needed_model_text(needs);
}

}  // namespace shaketable

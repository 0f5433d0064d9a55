// One fault of the nemesis's, from its targets to its end.

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "nemesis/running.h"
#include "nemesis/system_model.h"

namespace shaketable {
namespace {

Undone worst(const std::vector<NodeReport>& nodes) {
  Undone out = Undone::verified;
  for (const Undone state : {Undone::pending, Undone::unknown, Undone::failed})
    if (std::any_of(nodes.begin(), nodes.end(), [&](const NodeReport& node) { return node.undone == state; }))
      out = state;
  return out;
}

}  // namespace

void Nemesis::begin(const ScheduledFault& scheduled, const Clock& clock, Nanos start, FaultLog& log) {
  // What nodes are asked beside this would delay the moment at which all of them act.
  const ClockWatch::Pause alone(clock_watch_.get());
  auto running = std::make_unique<Running>();
  running->end = start + scheduled.at + scheduled.lasts;
  FaultReport& report = running->report;
  report.id = scheduled.id;
  report.fault = scheduled.fault;
  report.intended_start = start + scheduled.at;
  report.intended_end = running->end;
  const auto refuse = [&](const std::string& why) {
    report.notes = "not applied: " + why;
    report.undone = Undone::verified;
    log::warning("nemesis: {} {} is passed over: {}", report.fault, report.id, why);
    log.record(report);
  };

  Scene scene;
  scene.run = options_.run;
  scene.fault = scheduled.id;
  scene.lasts = scheduled.lasts;
  scene.seed = scheduled.seed;
  scene.nodes = facts_;
  scene.longest = options_.longest_fault;
  scene.lease = options_.lease;
  // Recorded, so that the run can be repeated with the same ones.
  const auto primaries = std::make_shared<std::optional<std::vector<std::string>>>();
  if (options_.primaries || scheduled.primaries)
    scene.primaries = [ask = options_.primaries, then = scheduled.primaries,
                       primaries]() -> Result<std::vector<std::string>> {
      auto told = then ? Result<std::vector<std::string>>(*then) : ask();
      if (told) *primaries = *told;
      return told;
    };
  scene.system = options_.system;
  scene.clients = options_.clients;
  if (options_.wait_healthy)
    scene.healthy = [this](Nanos bound, std::stop_token stop) -> Result<void> {
      if (auto healthy = options_.wait_healthy(bound, std::move(stop)); !healthy)
        return tl::unexpected(healthy.error());
      return {};
    };
  scene.power = &options_.power;
  Random random(scheduled.seed);
  const Fault* family = find_fault(scheduled.fault);
  if (!family) return refuse("there is no such fault");
  auto resolved = family->resolve(scheduled.options, scene, random);
  if (!resolved) return refuse(resolved.error().message);
  running->fault = std::move(*resolved);
  report.parameters = running->fault->parameters();
  if (*primaries) report.parameters.emplace_back("primaries", join(**primaries, " "));
  report.targets = running->fault->targets();
  report.text = running->fault->text();
  for (const std::size_t node : running->fault->changed()) {
    NodeReport at;
    at.node = facts_[node].name;
    report.nodes.push_back(std::move(at));
  }
  for (const std::string& name : running->fault->beside()) {
    NodeReport at;
    at.node = name;
    report.nodes.push_back(std::move(at));
  }
  std::set<std::string> others;
  std::size_t rolling = 0;  // of faults that have their targets one after the other
  const auto count = [&](const ActiveFault& fault) {
    const std::vector<std::string> targets = fault.targets();
    if (fault.at_once() < targets.size())
      rolling += fault.at_once();
    else
      others.insert(targets.begin(), targets.end());
  };
  count(*running->fault);
  for (const auto& other : running_) count(*other->fault);
  const std::size_t faulty = std::min(others.size() + rolling, fleet_.size());
  if (options_.max_faulty && std::cmp_greater(faulty, *options_.max_faulty))
    return refuse(fmt::format("{} nodes would be faulty at once, and max_faulty is {}", faulty, *options_.max_faulty));
  const auto needs = fault_needs(scheduled.fault, scheduled.options, scheduled.lasts, false);
  running->fails = !needs || needs->unknown || needs->failures != Failures::none;
  if (running->fails && options_.max_failing) {
    std::set<std::string> failing(report.targets.begin(), report.targets.end());
    for (const auto& other : running_)
      if (other->fails) failing.insert(other->report.targets.begin(), other->report.targets.end());
    if (std::cmp_greater(failing.size(), *options_.max_failing))
      return refuse(fmt::format("{} nodes would fail at once, and the plan's model has at most {}", failing.size(),
                                *options_.max_failing));
  }
  if (options_.keep_quorum && faulty * 2 >= fleet_.size())
    return refuse(fmt::format("{} of {} nodes would be faulty at once, and keep_quorum leaves a majority alone", faulty,
                              fleet_.size()));
  const Power power = running->fault->power();
  const std::vector<std::size_t> changed = running->fault->changed();
  for (const auto& other : running_) {
    if (power == Power::untouched && other->fault->power() != Power::off) continue;
    for (const std::size_t node : other->fault->changed())
      if (std::find(changed.begin(), changed.end(), node) != changed.end())
        return refuse(
            fmt::format("{} {} is in force on {}, and {}", other->report.fault, other->report.id, facts_[node].name,
                        power == Power::untouched ? "the node is off" : "would be gone with the node's power"));
  }
  log.record(report);  // before anything changes
  if (power != Power::untouched) {
    running->unwatched = std::make_unique<ClockWatch::Pause>(clock_watch_.get());
    set_power(changed, false);
  }

  auto applied = running->fault->apply(fleet_, clock, report);
  for (const NodeReport& at : report.nodes)
    if (at.applied_at && (!report.actual_start || *at.applied_at < *report.actual_start))
      report.actual_start = at.applied_at;
  if (applied && power == Power::cycled) {
    set_power(changed, true);
    running->unwatched.reset();
  }
  if (applied && power != Power::off) applied = confirm_control_path(changed);
  if (!applied) {
    add_note(report.notes, "undone at once: " + applied.error().message);
    log::warning("nemesis: {} {}: {}", report.fault, report.id, report.notes);
    if (auto ended = end(*running, clock, log); !ended && !unclean_) unclean_ = ended.error();
    return;
  }
  log.record(report);
  log::info("nemesis: {}: {}", report.fault, report.text);
  running_.push_back(std::move(running));
  publish();
}

Result<void> Nemesis::end(Running& running, const Clock& clock, FaultLog& log) {
  FaultReport& report = running.report;
  running.fault->settle(report);
  // A node that is pending was never touched: its turn had not come.
  const bool in_force = std::any_of(report.nodes.begin(), report.nodes.end(),
                                    [](const NodeReport& at) { return at.applied == Applied::done; }) &&
                        std::all_of(report.nodes.begin(), report.nodes.end(), [](const NodeReport& at) {
                          return at.applied == Applied::done || at.applied == Applied::pending;
                        });
  if (in_force) {
    running.fault->prove(fleet_, report);
    if (report.bit && !*report.bit) log::warning("nemesis: {} {}: {}", report.fault, report.id, report.notes);
    log.record(report);
  }
  running.fault->undo(fleet_, clock, report);
  if (running.fault->power() != Power::untouched) set_power(running.fault->changed(), true);
  running.unwatched.reset();
  report.undone = worst(report.nodes);
  for (const NodeReport& at : report.nodes)
    if (at.undone_at && (!report.actual_end || *at.undone_at > *report.actual_end)) report.actual_end = at.undone_at;
  if (report.undone != Undone::verified) report.actual_end.reset();
  {
    std::lock_guard lock(mutex_);
    for (const std::string& remark : keeper_remarks_) add_note(report.notes, remark);
    keeper_remarks_.clear();
  }
  log.record(report);
  if (report.actual_start) to_recover_from_ = report;
  if (report.undone == Undone::verified) return {};
  std::vector<std::string> problems;
  for (const NodeReport& at : report.nodes)
    if (at.undone != Undone::verified) problems.push_back(fmt::format("node {}: {}", at.node, at.notes));
  return infrastructure(fmt::format("{} {} could not be proved undone, so no further fault is applied: {}",
                                    report.fault, report.id, join(problems, "; ")));
}

}  // namespace shaketable

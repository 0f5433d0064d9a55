#include "nemesis/nemesis.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <utility>

#include "base/duration.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "nemesis/agent/rules.h"
#include "nemesis/node_fault.h"
#include "nemesis/running.h"

namespace shaketable {
namespace {

using namespace std::chrono_literals;

}  // namespace

Nemesis::Nemesis(const Cluster& cluster, NemesisOptions options)
    : options_([&] {
        options.run = plain_name(options.run);
        options.lease = std::max<Nanos>(options.lease, 1s);
        return std::move(options);
      }()),
      fleet_(cluster, options_.node_side),
      confirmed_(cluster.size()) {}

Nemesis::~Nemesis() {
  keeper_.request_stop();
}

Result<PrepareReport> Nemesis::prepare(const std::vector<ScheduledFault>& schedule) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < fleet_.size(); ++i) names.push_back(fleet_.spec(i).name);
  if (!options_.allowed_hosts.empty())
    for (std::size_t i = 0; i < fleet_.size(); ++i) {
      const auto& allowed = options_.allowed_hosts;
      const auto listed = [&](const std::string& word) {
        return std::find(allowed.begin(), allowed.end(), word) != allowed.end();
      };
      if (!listed(fleet_.spec(i).name) && !listed(fleet_.spec(i).host))
        return bad_input(fmt::format("faults are allowed on {} only, and node {} ({}) is not among them", join(allowed),
                                     fleet_.spec(i).name, fleet_.spec(i).host));
    }
  for (const ScheduledFault& scheduled : schedule) {
    const Fault* fault = find_fault(scheduled.fault);
    if (!fault) return bad_input(fmt::format("there is no fault called \"{}\"", scheduled.fault));
    if (auto sensible = fault->check(scheduled.options, names); !sensible) return tl::unexpected(sensible.error());
    if (fault->needs_power(scheduled.options) && (!options_.power.why_not.empty() || !options_.power.cut))
      return bad_input(fmt::format("{}: {}", scheduled.fault, no_power(&options_.power, scheduled.fault)));
    if (scheduled.lasts > options_.longest_fault)
      return bad_input(fmt::format("fault {} lasts {}, and none may last longer than {}", scheduled.id,
                                   format_duration(scheduled.lasts), format_duration(options_.longest_fault)));
  }
  if (auto connected = fleet_.cluster().connect(); !connected) return tl::unexpected(connected.error());

  PrepareReport report;
  std::vector<std::string> problems;
  for (NodeCleanliness& node : heal_all()) {
    if (node.state != Cleanliness::clean)
      problems.push_back(
          fmt::format("node {}: an older run left faults that could not be undone: {}", node.node, node.reason));
    else if (!node.undone.empty())
      report.leftovers.push_back(std::move(node));
  }
  if (!problems.empty()) return infrastructure(join(problems, "\n"));

  const auto probed = fleet_.on_each<NodeFacts>(fleet_.all(), [&](NodeSide& side, std::size_t) -> Result<NodeFacts> {
    if (auto installed = side.install(); !installed) return tl::unexpected(installed.error());
    return side.probe();
  });
  const bool cuts = std::any_of(schedule.begin(), schedule.end(),
                                [](const ScheduledFault& scheduled) { return find_fault(scheduled.fault)->cuts(); });
  facts_.clear();
  found_.clear();
  for (std::size_t i = 0; i < probed.size(); ++i) {
    if (!probed[i]) {
      problems.push_back(fmt::format("node {}: {}", names[i], probed[i].error().message));
      continue;
    }
    facts_.push_back(*probed[i]);
    facts_.back().role = fleet_.spec(i).role;
    const NodeFacts& facts = facts_.back();
    if (cuts && !facts.problem4.empty() && !facts.addresses4.empty())
      problems.push_back(fmt::format("node {}: {}", names[i], facts.problem4));
    if (cuts && !facts.problem6.empty() && !facts.addresses6.empty())
      problems.push_back(fmt::format("node {}: {}; a cut of IPv4 alone would leave its IPv6 ({}) connected", names[i],
                                     facts.problem6, facts.addresses6.front()));
    if (cuts && facts.addresses6.empty())
      report.remarks.push_back(names[i] + " has no IPv6 address: it is cut on IPv4 alone");
  }
  if (problems.empty() && !schedule.empty()) {
    const auto found = fleet_.on_each<ForeignState>(
        fleet_.all(), [](NodeSide& side, std::size_t) -> Result<ForeignState> { return side.foreign(); });
    for (std::size_t i = 0; i < found.size(); ++i) {
      found_.push_back(found[i] ? std::optional(*found[i]) : std::nullopt);
      if (!found[i])
        report.remarks.push_back(
            fmt::format("{}: rules and qdiscs of others could not be looked at, and will not be "
                        "compared afterwards: {}",
                        names[i], found[i].error().message));
    }
    const auto guarded = fleet_.on_each<void>(
        fleet_.all(), [&](NodeSide& side, std::size_t) { return side.start_guard(options_.lease); });
    for (std::size_t i = 0; i < guarded.size(); ++i)
      if (!guarded[i]) problems.push_back(fmt::format("node {}: {}", names[i], guarded[i].error().message));
  }
  if (!problems.empty()) {
    heal_all();  // takes away what was installed; what it could not reach ends with its lease
    return infrastructure(join(problems, "\n"));
  }
  if (!schedule.empty()) keeper_ = std::jthread([this](std::stop_token stop) { keep_leases(stop); });
  report.nodes = facts_;
  return report;
}

void Nemesis::keep_leases(std::stop_token stop) {
  // Real time, whatever clock the run is on: it is the node's real lease.
  std::vector<std::future<void>> renewing(fleet_.size());
  std::mutex mutex;
  std::condition_variable_any wake;
  while (true) {
    {
      std::unique_lock lock(mutex);
      wake.wait_for(lock, stop, options_.lease / 3, [] { return false; });
    }
    if (stop.stop_requested()) break;
    for (std::size_t i = 0; i < fleet_.size(); ++i) {
      // A node that is slow to answer is not asked twice; its lease may run out, as it should.
      if (renewing[i].valid() && renewing[i].wait_for(0s) != std::future_status::ready) continue;
      bool off = false;
      {
        std::lock_guard lock(mutex_);
        off = off_.contains(i);
      }
      if (off) {
        // It has no agent now; the lease is that of its power.
        if (const auto renewed = options_.power.renew(fleet_.spec(i).name, options_.lease); !renewed)
          log::warning("nemesis: node {}: {}", fleet_.spec(i).name, renewed.error().message);
        continue;
      }
      renewing[i] = fleet_.post(i, [this, i](NodeSide& side) {
        const auto renewed = side.renew(options_.lease);
        if (renewed && renewed->empty()) return;
        const std::string remark =
            fmt::format("node {}: {}", fleet_.spec(i).name,
                        renewed ? *renewed : "the lease could not be renewed: " + renewed.error().message);
        log::warning("nemesis: {}", remark);
        std::lock_guard lock(mutex_);
        if (keeper_remarks_.size() < 100) keeper_remarks_.push_back(remark);
      });
    }
  }
  for (auto& last : renewing)
    if (last.valid()) last.wait();
}

void Nemesis::watch_clocks(const Clock& clock, std::function<void(const ClockReading&)> log, Nanos period) {
  clock_watch_ =
      std::make_unique<ClockWatch>(fleet_, clock, std::move(log), period, std::max<Nanos>(options_.lease / 2, 1s));
}

Result<void> Nemesis::confirm_control_path(const std::vector<std::size_t>& nodes) {
  std::vector<std::future<std::string>> trials;
  std::vector<std::size_t> tried;
  for (const std::size_t node : nodes) {
    if (confirmed_[node]) continue;
    tried.push_back(node);
    trials.push_back(std::async(std::launch::async, [this, node]() -> std::string {
      const std::unique_ptr<Remote> remote = options_.fresh_remote(fleet_.spec(node));
      if (auto connected = remote->connect(); !connected) return connected.error().message;
      return {};
    }));
  }
  std::vector<std::string> problems;
  for (std::size_t i = 0; i < trials.size(); ++i) {
    const std::string why = trials[i].get();
    confirmed_[tried[i]] = why.empty();
    if (!why.empty()) problems.push_back(fleet_.spec(tried[i]).name + ": " + why);
  }
  if (problems.empty()) return {};
  return infrastructure("with the fault in force a fresh connection does not come through to " + join(problems, "; "));
}

void Nemesis::publish() {
  std::vector<std::string> parts;
  for (const auto& running : running_) {
    std::string part = running->report.fault;
    if (!running->report.parameters.empty()) part += " " + running->report.parameters.front().second;
    parts.push_back(std::move(part));
  }
  std::lock_guard lock(mutex_);
  active_ = join(parts);
}

void Nemesis::set_power(const std::vector<std::size_t>& nodes, bool on) {
  std::lock_guard lock(mutex_);
  for (const std::size_t node : nodes)
    if (on)
      off_.erase(node);
    else
      off_.insert(node);
}

std::string Nemesis::active() const {
  std::lock_guard lock(mutex_);
  return active_;
}

Result<void> Nemesis::run(const std::vector<ScheduledFault>& schedule, Clock& clock, Nanos start, FaultLog& log,
                          std::stop_token stop) {
  unclean_.reset();
  not_recovered_.reset();
  to_recover_from_.reset();
  std::size_t next = 0;
  while (!stop.stop_requested() && !unclean_) {
    const auto ending = std::min_element(running_.begin(), running_.end(),
                                         [](const auto& a, const auto& b) { return a->end < b->end; });
    const bool may_begin = next < schedule.size();
    if (!may_begin && running_.empty()) break;
    // What ends goes before what begins at the same moment.
    if (ending != running_.end() && (!may_begin || (*ending)->end <= start + schedule[next].at)) {
      if (!clock.sleep_until((*ending)->end, stop)) break;
      std::unique_ptr<Running> over = std::move(*ending);
      running_.erase(ending);
      if (auto ended = end(*over, clock, log); !ended) unclean_ = ended.error();
      publish();
    } else {
      if (schedule[next].after_recovery && running_.empty() && to_recover_from_ && options_.wait_healthy) {
        const auto earliest = wait_for_recovery(schedule[next].quiet, clock, log, stop);
        if (!earliest) break;
        start = std::max(start, *earliest - schedule[next].at);
      }
      if (!clock.sleep_until(start + schedule[next].at, stop)) break;
      begin(schedule[next++], clock, start, log);
    }
  }
  while (!running_.empty()) {
    const std::unique_ptr<Running> over = std::move(running_.front());
    running_.erase(running_.begin());
    if (auto ended = end(*over, clock, log); !ended && !unclean_) unclean_ = ended.error();
  }
  publish();
  if (unclean_) return tl::unexpected(*unclean_);
  return {};
}

void Nemesis::compare_with_found(std::vector<NodeCleanliness>& nodes) {
  std::vector<std::size_t> looked;
  for (std::size_t i = 0; i < found_.size(); ++i)
    if (found_[i] && nodes[i].state == Cleanliness::clean) looked.push_back(i);
  const auto now = fleet_.on_each<ForeignState>(
      looked, [](NodeSide& side, std::size_t) -> Result<ForeignState> { return side.foreign(); });
  for (std::size_t k = 0; k < looked.size(); ++k) {
    const std::size_t i = looked[k];
    if (!now[k]) {
      nodes[i].state = Cleanliness::unknown;
      nodes[i].reason = "whether rules of others are there still could not be looked at: " + now[k].error().message;
      continue;
    }
    std::string missing = agent::compare_rules(found_[i]->rules, now[k]->rules).missing;
    const std::string qdiscs = agent::compare_rules(found_[i]->qdiscs, now[k]->qdiscs).missing;
    if (!qdiscs.empty()) missing += (missing.empty() ? "" : "; ") + qdiscs;
    if (missing.empty()) continue;
    nodes[i].state = Cleanliness::unclean;
    nodes[i].reason = "what others had there before the run is gone (put it back, if that was not meant): " + missing;
  }
}

std::optional<Nanos> Nemesis::wait_for_recovery(Nanos quiet, Clock& clock, FaultLog& log, std::stop_token stop) {
  FaultReport report = std::move(*to_recover_from_);
  to_recover_from_.reset();
  const std::string fault = fmt::format("{} {}", report.fault, report.id);
  auto healthy = options_.wait_healthy(options_.recovery_wait, stop);
  if (stop.stop_requested()) return std::nullopt;
  // One look may take longer than the bound: what it finds then came too late.
  if (healthy && *healthy > options_.recovery_wait)
    healthy = infrastructure(fmt::format("healthy only after {}", format_duration(*healthy)));
  if (!healthy) {
    not_recovered_ = {report.id, fault, healthy.error().message};
    add_note(report.notes, fmt::format("the system was not healthy within {} of it: {}",
                                       format_duration(options_.recovery_wait), healthy.error().message));
    log.record(report);
    log::error("nemesis: {}: {}; no further fault is applied", fault, report.notes);
    return std::nullopt;
  }
  add_note(report.notes, fmt::format("the system was healthy {} after it", format_duration(*healthy)));
  log.record(report);
  return clock.now() + quiet;
}

std::vector<NodeCleanliness> Nemesis::heal_all() {
  // First the leases: a guard that is ended while somebody renews would be started again.
  keeper_ = {};
  running_.clear();
  publish();
  const auto healed = fleet_.on_each<NodeCleanliness>(
      fleet_.all(), [](NodeSide& side, std::size_t) -> Result<NodeCleanliness> { return side.heal(); });
  std::vector<NodeCleanliness> out;
  for (std::size_t i = 0; i < healed.size(); ++i) {
    if (healed[i]) {
      out.push_back(*healed[i]);
      continue;
    }
    NodeCleanliness node;
    node.node = fleet_.spec(i).name;
    node.reason = healed[i].error().message;
    out.push_back(std::move(node));
  }
  compare_with_found(out);
  return out;
}

std::vector<NodeCleanliness> heal(const Cluster& cluster) {
  NemesisOptions options;
  options.run = "heal";
  return Nemesis(cluster, std::move(options)).heal_all();
}

bool all_clean(const std::vector<NodeCleanliness>& nodes) {
  return std::all_of(nodes.begin(), nodes.end(), [](const auto& node) { return node.state == Cleanliness::clean; });
}

}  // namespace shaketable

#include "nemesis/nemesis.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <set>
#include <utility>

#include "base/duration.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"

namespace shaketable {
namespace {

using namespace std::chrono_literals;

// Also a word of iptables' comments and the name of a directory.
std::string plain_name(std::string_view name) {
  std::string out;
  for (const char c : name.substr(0, 80)) {
    const bool plain =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.';
    out += plain ? c : '-';
  }
  return out.empty() || out.front() == '.' ? "run" + out : out;
}

Undone worst(const std::vector<NodeReport>& nodes) {
  Undone out = Undone::verified;
  for (const Undone state : {Undone::pending, Undone::unknown, Undone::failed})
    if (std::any_of(nodes.begin(), nodes.end(), [&](const NodeReport& node) { return node.undone == state; }))
      out = state;
  return out;
}

void add_note(std::string& notes, std::string_view text) {
  if (!notes.empty()) notes += "; ";
  notes += text;
}

}  // namespace

std::string_view to_string(Applied applied) {
  switch (applied) {
    case Applied::pending:
      return "pending";
    case Applied::done:
      return "done";
    case Applied::failed:
      return "failed";
    case Applied::unknown:
      return "unknown";
  }
  return "unknown";
}

std::string_view to_string(Undone undone) {
  switch (undone) {
    case Undone::pending:
      return "pending";
    case Undone::verified:
      return "verified";
    case Undone::failed:
      return "failed";
    case Undone::unknown:
      return "unknown";
  }
  return "unknown";
}

struct Nemesis::Running {
  std::unique_ptr<ActiveFault> fault;
  FaultReport report;
  Nanos end{0};
};

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
  for (std::size_t i = 0; i < probed.size(); ++i) {
    if (!probed[i]) {
      problems.push_back(fmt::format("node {}: {}", names[i], probed[i].error().message));
      continue;
    }
    facts_.push_back(*probed[i]);
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

std::string Nemesis::active() const {
  std::lock_guard lock(mutex_);
  return active_;
}

void Nemesis::begin(const ScheduledFault& scheduled, const Clock& clock, Nanos start, FaultLog& log) {
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
  scene.nodes = facts_;
  scene.longest = options_.longest_fault;
  scene.lease = options_.lease;
  scene.primaries = options_.primaries;
  scene.system = options_.system;
  Random random(scheduled.seed);
  const Fault* family = find_fault(scheduled.fault);
  if (!family) return refuse("there is no such fault");
  auto resolved = family->resolve(scheduled.options, scene, random);
  if (!resolved) return refuse(resolved.error().message);
  running->fault = std::move(*resolved);
  report.parameters = running->fault->parameters();
  report.targets = running->fault->targets();
  report.text = running->fault->text();
  for (const std::size_t node : running->fault->changed()) {
    NodeReport at;
    at.node = facts_[node].name;
    report.nodes.push_back(std::move(at));
  }
  std::set<std::string> faulty(report.targets.begin(), report.targets.end());
  for (const auto& other : running_) faulty.insert(other->report.targets.begin(), other->report.targets.end());
  if (options_.max_faulty && std::cmp_greater(faulty.size(), *options_.max_faulty))
    return refuse(
        fmt::format("{} nodes would be faulty at once, and max_faulty is {}", faulty.size(), *options_.max_faulty));
  if (options_.keep_quorum && faulty.size() * 2 >= fleet_.size())
    return refuse(fmt::format("{} of {} nodes would be faulty at once, and keep_quorum leaves a majority alone",
                              faulty.size(), fleet_.size()));
  log.record(report);  // before anything changes

  auto applied = running->fault->apply(fleet_, clock, report);
  for (const NodeReport& at : report.nodes)
    if (at.applied_at && (!report.actual_start || *at.applied_at < *report.actual_start))
      report.actual_start = at.applied_at;
  if (applied) applied = confirm_control_path(running->fault->changed());
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
  const bool in_force = std::all_of(report.nodes.begin(), report.nodes.end(),
                                    [](const NodeReport& at) { return at.applied == Applied::done; });
  if (in_force) {
    running.fault->prove(fleet_, report);
    if (report.bit && !*report.bit) log::warning("nemesis: {} {}: {}", report.fault, report.id, report.notes);
    log.record(report);
  }
  running.fault->undo(fleet_, clock, report);
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
  if (report.undone == Undone::verified) return {};
  std::vector<std::string> problems;
  for (const NodeReport& at : report.nodes)
    if (at.undone != Undone::verified) problems.push_back(fmt::format("node {}: {}", at.node, at.notes));
  return infrastructure(fmt::format("{} {} could not be proved undone, so no further fault is applied: {}",
                                    report.fault, report.id, join(problems, "; ")));
}

Result<void> Nemesis::run(const std::vector<ScheduledFault>& schedule, Clock& clock, Nanos start, FaultLog& log,
                          std::stop_token stop) {
  unclean_.reset();
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

std::vector<PlannedCommand> planned_commands(const std::vector<NodeSpec>& nodes, const NemesisOptions& options,
                                             const std::vector<ScheduledFault>& schedule) {
  std::vector<PlannedCommand> out;
  if (schedule.empty()) return out;
  Scene scene;
  scene.run = plain_name(options.run);
  scene.longest = options.longest_fault;
  scene.lease = options.lease;
  scene.primaries = []() -> Result<std::vector<std::string>> {
    return infrastructure("that is asked when the fault begins");
  };
  scene.system = options.system;
  const auto on_all = [&](const std::string& purpose, const std::string& script) {
    for (const NodeSpec& node : nodes) out.push_back({node.name, purpose, script});
  };
  for (const NodeSpec& node : nodes) {
    NodeFacts facts;
    facts.name = node.name;
    // With no address in the plan the node is asked for its own.
    facts.addresses4 = {node.address.empty() && node.address6.empty() ? "ADDRESS-OF-" + node.name : node.address};
    if (facts.addresses4.front().empty()) facts.addresses4.clear();
    if (!node.address6.empty()) facts.addresses6 = {node.address6};
    facts.control.client = "CONTROLLER";
    if (node.ssh.port > 0) facts.control.port = node.ssh.port;
    scene.nodes.push_back(std::move(facts));
  }
  const std::string program(agent::kProgram);
  on_all("put the agent there, if another one or none is there", "cat >" + program);
  on_all("look for faults of older runs and undo them", program + " heal");
  on_all(fmt::format("start the guard, lease {}", format_duration(options.lease)), program + " guard");
  for (const ScheduledFault& scheduled : schedule) {
    scene.fault = scheduled.id;
    Random random(scheduled.seed);
    const Fault* fault = find_fault(scheduled.fault);
    if (!fault) continue;
    auto resolved = fault->resolve(scheduled.options, scene, random);
    const std::string when =
        fmt::format("at {} for {}", format_duration(scheduled.at), format_duration(scheduled.lasts));
    if (!resolved) {
      out.push_back(
          {"", fmt::format("{}: {} {}", when, scheduled.fault, scheduled.id), "# " + resolved.error().message});
      continue;
    }
    for (PlannedCommand command : (*resolved)->planned_commands()) {
      command.purpose = when + ": " + command.purpose;
      out.push_back(std::move(command));
    }
  }
  on_all("undo whatever is there, read back, end the guard", program + " heal");
  return out;
}

}  // namespace shaketable

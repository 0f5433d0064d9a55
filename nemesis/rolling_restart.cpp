// Nodes restarted one after the other, as an upgrade does it: the next one once the system is healthy again. It goes on
// by itself, in a thread of its own, so that other faults begin and end at their times.

#include <fmt/format.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/duration.h"
#include "base/text.h"
#include "nemesis/agent/protocol.h"
#include "nemesis/change_set.h"
#include "nemesis/node_fault.h"
#include "nemesis/process_faults.h"
#include "nemesis/targets.h"

namespace shaketable {
namespace {

using namespace std::chrono_literals;

struct Restart {
  std::size_t node = 0;
  NodeChange change;
};

class ActiveRolling final : public ActiveFault {
 public:
  ActiveRolling(Scene scene, std::string target, Nanos bound, std::vector<Restart> restarts)
      : scene_(std::move(scene)), target_(std::move(target)), bound_(bound) {
    for (Restart& restart : restarts) {
      all_.add(restart.node, restart.change);
      each_.emplace_back().add(restart.node, std::move(restart.change));
    }
  }

  std::vector<std::pair<std::string, std::string>> parameters() const override {
    return {{"target", target_}, {"health_within", format_duration(bound_)}};
  }
  std::vector<std::string> targets() const override {
    std::vector<std::string> out;
    for (const std::size_t node : all_.nodes()) out.push_back(scene_.nodes[node].name);
    return out;
  }
  std::vector<std::size_t> changed() const override { return all_.nodes(); }
  std::string text() const override { return "restarted one after the other: " + join(targets(), " "); }
  std::vector<PlannedCommand> planned_commands() const override {
    std::vector<PlannedCommand> out;
    for (const std::string& name : targets()) {
      out.push_back({name, fmt::format("rolling-restart {}: its processes are killed and started again", scene_.fault),
                     "shaketable-agent: process action=restart"});
      out.push_back({name, fmt::format("rolling-restart {}: before the next one", scene_.fault),
                     fmt::format("# wait until the system is healthy, at most {}", format_duration(bound_))});
    }
    return out;
  }
  const ChangeSet* changes() const override { return &all_; }
  std::size_t at_once() const override { return 1; }

  Result<void> apply(NodeFleet& fleet, const Clock& clock, FaultReport& report) override {
    for (const NodeReport& at : report.nodes) turns_.push_back({at, {}});
    auto first = restart(0, fleet, clock);
    report.nodes[0] = turns_[0].report;
    if (!first) return first;
    if (each_.size() > 1)
      thread_ = std::jthread([this, &fleet, &clock](std::stop_token stop) { roll(fleet, clock, std::move(stop)); });
    return {};
  }

  void settle(FaultReport& report) override {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
    for (std::size_t i = 0; i < turns_.size(); ++i) report.nodes[i] = turns_[i].report;
    if (!stopped_because_.empty())
      report.notes += (report.notes.empty() ? "" : "; ") + ("it went no further: " + stopped_because_);
  }

  void prove(NodeFleet& fleet, FaultReport& report) override {
    report.bit = true;
    std::vector<std::string> not_reached, idle;
    for (std::size_t i = 0; i < each_.size(); ++i) {
      NodeReport& at = report.nodes[i];
      if (at.applied == Applied::pending) {
        at.bit = false;
        at.notes = "its turn did not come";
        not_reached.push_back(at.node);
        continue;
      }
      const auto proof =
          fleet
              .on_each<NodeProof>(each_[i].nodes(),
                                  [&](NodeSide& side, std::size_t) { return side.proof(each_[i].change(0).key); })
              .front();
      at.bit.reset();
      at.proof.clear();
      if (!proof) {
        at.proof.emplace_back("unread", proof.error().message);
      } else {
        for (const auto& [name, value] : proof->values) {
          if (name == "bit")
            at.bit = value == "yes";
          else if (const auto number = agent::to_number(value))
            at.proof.emplace_back(name, *number);
          else
            at.proof.emplace_back(name, value);
        }
        at.proof.emplace_back("healthy_before_ns", turns_[i].healthy_at.value_or(Nanos(0)).count());
      }
      if (!at.bit && report.bit != false) report.bit.reset();
      if (at.bit == false) idle.push_back(at.node);
    }
    if (!idle.empty() || !not_reached.empty()) report.bit = false;
    const auto note = [&](const std::string& text) { report.notes += (report.notes.empty() ? "" : "; ") + text; };
    if (!idle.empty()) note(fmt::format("not proved on {}: it was not seen to bite", join(idle)));
    if (!not_reached.empty()) note(fmt::format("not restarted: {}: the fault was over before", join(not_reached)));
  }

  void undo(NodeFleet& fleet, const Clock& clock, FaultReport& report) override {
    for (std::size_t i = 0; i < each_.size(); ++i) {
      NodeReport& at = report.nodes[i];
      if (at.applied == Applied::pending) {
        at.undone = Undone::verified;  // nothing was done
        continue;
      }
      FaultReport one;
      one.nodes = {at};
      each_[i].undo(fleet, clock, one);
      at = one.nodes.front();
    }
  }

 private:
  struct Turn {
    NodeReport report;
    std::optional<Nanos> healthy_at;  // when the system was, before this one was restarted
  };

  Result<void> restart(std::size_t i, NodeFleet& fleet, const Clock& clock) {
    FaultReport one;
    one.nodes = {turns_[i].report};
    auto applied = each_[i].apply(fleet, clock, scene_.lease, one);
    turns_[i].report = one.nodes.front();
    return applied;
  }

  void roll(NodeFleet& fleet, const Clock& clock, std::stop_token stop) {
    for (std::size_t i = 1; i < each_.size(); ++i) {
      if (scene_.healthy) {
        if (auto healthy = scene_.healthy(bound_, stop); !healthy) {
          if (!stop.stop_requested())
            stopped_because_ = fmt::format("after {}: {}", turns_[i - 1].report.node, healthy.error().message);
          return;
        }
        turns_[i].healthy_at = clock.now();
      }
      if (stop.stop_requested()) return;
      if (auto restarted = restart(i, fleet, clock); !restarted) {
        stopped_because_ = restarted.error().message;
        return;
      }
    }
  }

  const Scene scene_;
  const std::string target_;
  const Nanos bound_;
  ChangeSet all_;                // never applied as one: what would be asked of each
  std::vector<ChangeSet> each_;  // one a node
  std::vector<Turn> turns_;      // the thread's while it runs
  std::string stopped_because_;  // the same
  std::jthread thread_;          // last: it uses the others
};

class RollingRestart final : public Fault {
 public:
  const FaultInfo& info() const override {
    static const FaultInfo info = node_fault_info(
        "rolling-restart", "nodes are restarted one after the other, each when the system is healthy again",
        {bounded(make_parameter("health_within", ParameterType::duration,
                                "how long the system may take to be healthy; then the others are left alone", "60s",
                                Nanos(60s)),
                 1e-3),
         pids_parameter(), start_parameter()},
        "target", "all");
    return info;
  }
  Result<void> check(const Parameters& options, const std::vector<std::string>& nodes) const override {
    return check_target(info().name, options.texts("target"), nodes);
  }
  Result<std::unique_ptr<ActiveFault>> resolve(const Parameters& options, const Scene& scene,
                                               Random& random) const override {
    if (auto sensible = check(options, scene.names()); !sensible) return tl::unexpected(sensible.error());
    const auto targets = resolve_target(options.texts("target"), scene, random);
    if (!targets) return tl::unexpected(targets.error());
    std::vector<Restart> restarts;
    for (const std::size_t node : *targets) {
      auto arguments = process_arguments(info().name, options, scene, node, true);
      if (!arguments) return tl::unexpected(std::move(arguments.error()).in(scene.nodes[node].name));
      Restart restart;
      restart.node = node;
      restart.change.fault = scene.fault;
      restart.change.key = fmt::format("{}.{}", scene.run, scene.fault);
      restart.change.kind = "process";
      restart.change.arguments = {{"action", "restart"}};
      restart.change.arguments.insert(restart.change.arguments.end(), arguments->begin(), arguments->end());
      restart.change.limit = scene.longest;
      restarts.push_back(std::move(restart));
    }
    return std::make_unique<ActiveRolling>(scene, join(options.texts("target")), options.duration("health_within"),
                                           std::move(restarts));
  }
};

}  // namespace

const Fault& rolling_restart_fault() {
  static const RollingRestart fault;
  return fault;
}

}  // namespace shaketable

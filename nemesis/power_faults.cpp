// Nodes without power: cut off and booted again. What a node had not synced is lost, and so is whatever was in its
// memory: the agent, its journal, other faults. lose-unsynced has other ways as well: lose_unsynced.cpp.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/duration.h"
#include "base/text.h"
#include "nemesis/node_fault.h"
#include "nemesis/power.h"
#include "nemesis/targets.h"

namespace shaketable {
namespace {

using namespace std::chrono_literals;

constexpr Nanos kBootPatience = 100s;  // the lab starts a kernel that hangs again
constexpr Nanos kReachPatience = 60s;
constexpr Nanos kStartPatience = 60s;
constexpr Nanos kLookTimeout = 20s;

enum class Way {
  off,      // without power until the fault ends
  cycled,   // without power for a moment; what was not synced is lost
  rebooted  // synced before
};

class ActivePower final : public ActiveFault {
 public:
  ActivePower(std::string name, Way way, Scene scene, std::vector<std::size_t> nodes,
              std::vector<SystemScripts> scripts, std::vector<std::string> target)
      : name_(std::move(name)),
        way_(way),
        scene_(std::move(scene)),
        nodes_(std::move(nodes)),
        scripts_(std::move(scripts)),
        target_(std::move(target)),
        states_(nodes_.size()) {}

  std::vector<std::pair<std::string, std::string>> parameters() const override { return {{"target", join(target_)}}; }
  std::vector<std::string> targets() const override {
    std::vector<std::string> out;
    for (const std::size_t node : nodes_) out.push_back(scene_.nodes[node].name);
    return out;
  }
  std::vector<std::size_t> changed() const override { return nodes_; }
  std::string text() const override {
    const char* what = way_ == Way::off      ? "the power is cut"
                       : way_ == Way::cycled ? "the power is cut and comes back at once"
                                             : "the node is synced and booted anew";
    return fmt::format("{} on {}", what, join(targets(), " "));
  }
  Power power() const override { return way_ == Way::off ? Power::off : Power::cycled; }

  std::vector<PlannedCommand> planned_commands() const override {
    std::vector<PlannedCommand> out;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const std::string& node = scene_.nodes[nodes_[i]].name;
      out.push_back({node, fmt::format("{} {}: what is there before", name_, scene_.fault), look_script(i)});
      out.push_back({node, fmt::format("{} {}: {}", name_, scene_.fault, text()), "# the lab ends its kernel"});
      out.push_back(
          {node, fmt::format("{} {}: boot, agent, guard, and the system", name_, scene_.fault), start_script(i)});
    }
    return out;
  }

  Result<void> apply(NodeFleet& fleet, const Clock& clock, FaultReport& report) override {
    const auto before =
        look(fleet, [&](std::size_t i) { return look_script(i) + (way_ == Way::rebooted ? "sync\n" : ""); });
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (!before[i]) return fail(report.nodes[i], Applied::failed, before[i].error());
      states_[i].boot_id = before[i]->boot_id;
      states_[i].ran = before[i]->runs;
    }
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const std::string& node = report.nodes[i].node;
      const Nanos begun = clock.now();
      states_[i].cut = true;
      if (auto cut = scene_.power->cut(node, scene_.lease, states_[i].ran ? start_script(i) : ""); !cut)
        return fail(report.nodes[i], Applied::unknown, cut.error());
      report.nodes[i].applied = Applied::done;
      report.nodes[i].applied_at = clock.now();
      report.nodes[i].applied_within = *report.nodes[i].applied_at - begun;
    }
    // Nobody tells us that the other end is gone.
    for (const std::size_t node : nodes_)
      fleet.cluster().node(node).with_remote([](Remote& remote) { remote.disconnect(); }).wait();
    if (way_ == Way::off) return {};
    bring_up(fleet, report);
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      if (!states_[i].up) return infrastructure(report.nodes[i].node + ": " + report.nodes[i].notes);
    return {};
  }

  // That a node is off shows when it is back: its boot has another name then.
  void prove(NodeFleet&, FaultReport& report) override { prove_boots(report); }

  void undo(NodeFleet& fleet, const Clock& clock, FaultReport& report) override {
    bring_up(fleet, report);
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      NodeReport& at = report.nodes[i];
      at.undone = !states_[i].cut || states_[i].up ? Undone::verified : Undone::unknown;
      if (at.undone == Undone::verified) at.undone_at = clock.now();
    }
    prove_boots(report);
  }

 private:
  struct State {
    std::string boot_id, boot_id_now;
    bool ran = false;  // the system did, before
    bool cut = false, up = false;
  };
  struct Seen {
    std::string boot_id;
    bool runs = false;
  };

  std::string look_script(std::size_t i) const {
    const std::string& pids = scripts_[i].pids;
    return "cat /proc/sys/kernel/random/boot_id || exit 1\n" +
           (pids.empty() ? "echo idle\n"
                         : fmt::format("if [ -n \"$(\n{}\n)\" ]; then echo runs; else echo idle; fi\n", pids));
  }
  std::string start_script(std::size_t i) const {
    return scripts_[i].start.empty() ? "" : scripts_[i].restore + "\n" + scripts_[i].start;
  }

  std::vector<Result<Seen>> look(NodeFleet& fleet, const std::function<std::string(std::size_t)>& script) const {
    std::vector<std::future<CommandOutcome>> asked;
    for (std::size_t i = 0; i < nodes_.size(); ++i) asked.push_back(ask(fleet, i, script(i), kLookTimeout));
    std::vector<Result<Seen>> out;
    for (auto& answer : asked) out.push_back(seen_in(answer.get()));
    return out;
  }
  std::future<CommandOutcome> ask(NodeFleet& fleet, std::size_t i, std::string script, Nanos timeout) const {
    Command command;
    command.script = std::move(script);
    command.timeout = timeout;
    return fleet.cluster().node(nodes_[i]).run(std::move(command));
  }
  static Result<Seen> seen_in(const CommandOutcome& outcome) {
    if (!outcome.succeeded()) return infrastructure("it could not be looked at: " + outcome.describe());
    const std::size_t end = outcome.out.find('\n');
    if (end == std::string::npos) return infrastructure("it does not tell its boot_id");
    return Seen{outcome.out.substr(0, end), outcome.out.find("runs", end) != std::string::npos};
  }

  static Result<void> fail(NodeReport& at, Applied applied, const Error& error) {
    at.applied = applied;
    at.notes = error.message;
    return infrastructure(at.node + ": " + error.message);
  }

  void prove_boots(FaultReport& report) const {
    report.bit.reset();
    bool all = true, known = true;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      NodeReport& at = report.nodes[i];
      at.bit.reset();
      if (states_[i].boot_id_now.empty()) {
        known = false;
        continue;
      }
      at.bit = states_[i].boot_id_now != states_[i].boot_id;
      at.proof = {{"boot_id", states_[i].boot_id}, {"boot_id_after", states_[i].boot_id_now}};
      all = all && *at.bit;
    }
    if (known) report.bit = all;
  }

  // Every node that was cut and is not back: kernel, connection, system, agent, guard. What went wrong is in the notes.
  void bring_up(NodeFleet& fleet, FaultReport& report) {
    std::vector<std::size_t> left;
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      if (states_[i].cut && !states_[i].up) left.push_back(i);
    std::vector<std::jthread> working;
    std::vector<Result<void>> done(nodes_.size());
    for (const std::size_t i : left) working.emplace_back([&, i] { done[i] = bring_up(fleet, i); });
    working.clear();
    for (const std::size_t i : left) {
      NodeReport& at = report.nodes[i];
      if (done[i]) {
        states_[i].up = true;
        at.notes.clear();
      } else {
        at.notes = done[i].error().message;
      }
    }
  }

  // One thread a node; each touches its own state only.
  Result<void> bring_up(NodeFleet& fleet, std::size_t i) {
    const std::string& node = scene_.nodes[nodes_[i]].name;
    if (auto booted = scene_.power->boot(node, kBootPatience); !booted) return booted;
    const auto until = [](Nanos patience) { return std::chrono::steady_clock::now() + patience; };
    Result<Seen> seen = infrastructure("nobody looked");
    for (const auto end = until(kReachPatience);;) {
      seen = seen_in(ask(fleet, i, look_script(i), kLookTimeout).get());
      if (seen || std::chrono::steady_clock::now() > end) break;
      std::this_thread::sleep_for(200ms);
    }
    if (!seen) return infrastructure("it booted and cannot be reached: " + seen.error().message);
    states_[i].boot_id_now = seen->boot_id;
    if (states_[i].ran && !seen->runs) {
      const CommandOutcome started = ask(fleet, i, start_script(i), kStartPatience).get();
      if (!started.succeeded()) return infrastructure("the system could not be started: " + started.describe());
      seen = seen_in(ask(fleet, i, look_script(i), kLookTimeout).get());
      if (!seen) return tl::unexpected(seen.error());
      if (!seen->runs) return infrastructure("the system was started and does not run");
    }
    // The agent was in its memory too.
    const auto ready = fleet.on_each<void>({nodes_[i]}, [&](NodeSide& side, std::size_t) -> Result<void> {
      Result<void> installed;
      for (int attempt = 0; attempt < 3; ++attempt)  // the first may find the channel that died
        if (installed = side.start_guard(scene_.lease); installed) break;
      return installed;
    });
    return ready.front();
  }

  std::string name_;
  Way way_;
  Scene scene_;
  std::vector<std::size_t> nodes_;
  std::vector<SystemScripts> scripts_;
  std::vector<std::string> target_;
  std::vector<State> states_;
};

class PowerFault final : public Fault {
 public:
  PowerFault(const std::string& name, const std::string& about, Way way)
      : info_(node_fault_info(name, about, {})), way_(way) {}
  const FaultInfo& info() const override { return info_; }
  bool needs_power(const Parameters&) const override { return true; }

  Result<void> check(const Parameters& options, const std::vector<std::string>& nodes) const override {
    return check_target(info_.name, options.texts("target"), nodes);
  }

  Result<std::unique_ptr<ActiveFault>> resolve(const Parameters& options, const Scene& scene,
                                               Random& random) const override {
    if (auto sensible = check(options, scene.names()); !sensible) return tl::unexpected(sensible.error());
    if (!scene.power || !scene.power->why_not.empty() || !scene.power->cut)
      return bad_input(info_.name + ": " + no_power(scene.power, info_.name));
    const auto nodes = resolve_target(options.texts("target"), scene, random);
    if (!nodes) return tl::unexpected(nodes.error());
    std::vector<SystemScripts> scripts;
    for (const std::size_t node : *nodes) {
      scripts.emplace_back();
      if (!scene.system) continue;
      auto known = scene.system(scene.nodes[node].name);
      if (!known) return tl::unexpected(known.error());
      // Of a node of the lab that is what its disk holds; the rest of its tree is in memory.
      if (!known->data.empty() && !known->data.starts_with("/data/"))
        return bad_input(
            fmt::format("{}: the system keeps its data in {}, which is in the node's memory and would be lost whole; "
                        "only /data is on its disk",
                        info_.name, known->data));
      scripts.back() = std::move(*known);
    }
    return std::make_unique<ActivePower>(info_.name, way_, scene, *nodes, std::move(scripts), options.texts("target"));
  }

 private:
  FaultInfo info_;
  Way way_;
};

}  // namespace

std::string no_power(const NodePower* power, std::string_view fault) {
  std::string out = power && !power->why_not.empty()
                        ? power->why_not
                        : "nobody here has a hand on the power of these nodes: it takes a lab with a kernel for each "
                          "node (`cluster: {lab: {kernel: uml}}`)";
  if (fault == lose_unsynced_fault().info().name)
    out +=
        "; without that, `way: dm-flakey` (data on a linear device of the device mapper's) or `way: lazyfs` does it "
        "where a node has them, and `shaketable doctor` says which does";
  return out;
}

const std::vector<const Fault*>& power_faults() {
  static const PowerFault cut(
      "power-cut", "nodes lose their power, and boot again afterwards; what was not synced is lost", Way::off);
  static const PowerFault reboot("reboot", "nodes are synced and booted anew at once", Way::rebooted);
  static const std::vector<const Fault*> all{&reboot, &cut, &lose_unsynced_fault()};
  return all;
}

const Fault& power_cycle() {
  static const PowerFault lose("lose-unsynced", "the power goes, and comes back at once", Way::cycled);
  return lose;
}

}  // namespace shaketable

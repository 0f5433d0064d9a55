// pause-client: workers of the load stand still, as a client does that collects garbage, or whose machine is suspended.
// Nothing changes on any node.

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "base/text.h"
#include "nemesis/agent/protocol.h"
#include "nemesis/client_workers.h"
#include "nemesis/node_fault.h"
#include "nemesis/targets.h"

namespace shaketable {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kWorker = "worker ";
constexpr Nanos kStateLimit = 5s, kStatePoll = 1ms;

std::string name_of(std::size_t worker) {
  return fmt::format("{}{}", kWorker, worker);
}

// Waits until the worker's process is stopped, or is not; false: it has not come to that.
bool wait_for(const ClientWorkers& clients, std::size_t worker, bool stopped) {
  const auto deadline = std::chrono::steady_clock::now() + kStateLimit;
  while (true) {
    const auto now = clients.look(worker);
    if (stopped ? now && now->state == 'T' : !now || now->state != 'T') return true;
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(kStatePoll);
  }
}

class ActivePause final : public ActiveFault {
 public:
  ActivePause(std::shared_ptr<ClientWorkers> clients, const Scene& scene, std::string target,
              std::vector<std::size_t> workers)
      : clients_(std::move(clients)),
        longest_(scene.longest),
        target_(std::move(target)),
        workers_(std::move(workers)),
        at_stop_(workers_.size()) {}

  std::vector<std::pair<std::string, std::string>> parameters() const override { return {{"target", target_}}; }
  std::vector<std::string> targets() const override {
    std::vector<std::string> out;
    for (const std::size_t worker : workers_) out.push_back(name_of(worker));
    return out;
  }
  std::vector<std::size_t> changed() const override { return {}; }
  std::vector<std::string> beside() const override { return targets(); }
  std::size_t at_once() const override { return 0; }  // none of them is a node
  std::string text() const override { return "clients stand still: " + join(targets()); }
  std::vector<PlannedCommand> planned_commands() const override { return {}; }

  Result<void> apply(NodeFleet&, const Clock& clock, FaultReport& report) override {
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      NodeReport& at = report.nodes[i];
      const auto found = clients_->look(workers_[i]);
      if (found && found->state == 'T') {
        at.applied = Applied::failed;
        return infrastructure(at.node + " stands still already");
      }
      const Nanos before = clock.now();
      if (auto stopped = clients_->stop(workers_[i], longest_); !stopped) {
        at.applied = Applied::failed;
        at.notes = stopped.error().message;
        return Failure(stopped.error().in(at.node));
      }
      at.applied = Applied::unknown;
      if (!wait_for(*clients_, workers_[i], true))
        return infrastructure(fmt::format("{} does not stand still", at.node));
      at.applied = Applied::done;
      at.applied_at = clock.now();
      at.applied_within = *at.applied_at - before;
      at_stop_[i] = clients_->look(workers_[i]);
    }
    return {};
  }

  void prove(NodeFleet&, FaultReport& report) override {
    std::vector<std::string> idle;
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      NodeReport& at = report.nodes[i];
      const auto now = clients_->look(workers_[i]);
      const auto& then = at_stop_[i];
      at.proof.clear();
      // An answer that was on its way when the process stopped may arrive still; none to a later question.
      const std::uint64_t late = now && then && now->answered > then->asked ? now->answered - then->asked : 0;
      at.bit = now && then && now->pid == then->pid && now->state == 'T' && late == 0;
      if (then) at.proof.emplace_back("pid", static_cast<std::int64_t>(then->pid));
      at.proof.emplace_back("state", now ? std::string(1, now->state) : std::string("gone"));
      at.proof.emplace_back("completed", static_cast<std::int64_t>(late));
      at.proof.emplace_back("in_flight", static_cast<std::int64_t>(now && now->asked > now->answered ? 1 : 0));
      if (!*at.bit) idle.push_back(at.node);
    }
    report.bit = idle.empty();
    if (!idle.empty())
      add_note(report.notes, fmt::format("not proved: {} did not stand still all the time", join(idle)));
  }

  void undo(NodeFleet&, const Clock& clock, FaultReport& report) override {
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      NodeReport& at = report.nodes[i];
      if (at.undone == Undone::verified) continue;
      if (at.applied == Applied::pending || at.applied == Applied::failed) {
        at.undone = Undone::verified;  // nothing was done
        continue;
      }
      const auto gone_on = clients_->go_on(workers_[i]);
      if (gone_on && wait_for(*clients_, workers_[i], false)) {
        at.undone = Undone::verified;
        at.undone_at = clock.now();
        continue;
      }
      at.undone = Undone::failed;
      add_note(at.notes, gone_on ? "it stands still after SIGCONT" : gone_on.error().message);
    }
  }

 private:
  const std::shared_ptr<ClientWorkers> clients_;
  const Nanos longest_;
  const std::string target_;
  const std::vector<std::size_t> workers_;
  std::vector<std::optional<ClientLook>> at_stop_;
};

class PauseClient final : public Fault {
 public:
  const FaultInfo& info() const override {
    static const FaultInfo info = [] {
      FaultInfo out;
      out.name = kPauseClient;
      out.about = "workers of the load stand still (SIGSTOP), each a process of the controller's, and go on afterwards";
      out.main_parameter = "target";
      out.parameters = {
          target_parameter("one", "one, random 2, minority, majority, all, or workers by name: worker 0")};
      return out;
    }();
    return info;
  }
  bool of_nodes() const override { return false; }

  Result<void> check(const Parameters& options, const std::vector<std::string>&) const override {
    const std::vector<std::string> target = options.texts("target");
    if (target.empty()) return bad_input(info().name + ": target names nothing");
    for (const std::string& word : target) {
      if (worker_named(word)) continue;
      // Any number of workers but none: how many there are is the workload's.
      const auto count = target_count({word}, 3);
      static const std::vector<std::string> words{"one", "random", "minority", "majority", "all"};
      const bool counts = std::find(words.begin(), words.end(), word) != words.end() ||
                          (word.starts_with("random ") && count && *count > 0);
      if (!counts)
        return bad_input(fmt::format("{}: target \"{}\" is none of {}, \"random 2\" and \"worker 0\"", info().name,
                                     word, join(words)));
      if (target.size() > 1)
        return bad_input(fmt::format("{}: target {} stands alone, or names of workers do", info().name, word));
    }
    return {};
  }

  Result<std::unique_ptr<ActiveFault>> resolve(const Parameters& options, const Scene& scene,
                                               Random& random) const override {
    const std::vector<std::string> target = options.texts("target");
    if (auto sensible = check(options, {}); !sensible) return Failure(sensible.error());
    if (!scene.clients) return infrastructure("which workers these are is drawn when the fault begins");
    const std::vector<std::size_t> running = scene.clients->running();
    std::vector<std::size_t> workers;
    if (worker_named(target.front())) {
      for (const std::string& word : target) workers.push_back(*worker_named(word));
      for (const std::size_t worker : workers)
        if (std::find(running.begin(), running.end(), worker) == running.end())
          return infrastructure(name_of(worker) + " has no process now");
    } else {
      const std::size_t count = target_count(target, running.size()).value_or(0);
      if (count == 0 || count > running.size())
        return infrastructure(fmt::format("target {} is {} of {} workers that have a process now", target.front(),
                                          count, running.size()));
      workers = running;
      random.shuffle(workers);
      workers.resize(count);
    }
    std::sort(workers.begin(), workers.end());
    workers.erase(std::unique(workers.begin(), workers.end()), workers.end());
    return std::make_unique<ActivePause>(scene.clients, scene, join(target), std::move(workers));
  }
};

}  // namespace

std::optional<std::size_t> worker_named(const std::string& word) {
  if (!word.starts_with(kWorker)) return std::nullopt;
  const auto number = agent::to_number(std::string_view(word).substr(kWorker.size()));
  return number && *number >= 0 ? std::optional(static_cast<std::size_t>(*number)) : std::nullopt;
}

const Fault& pause_client_fault() {
  static const PauseClient fault;
  return fault;
}

}  // namespace shaketable

#pragma once
// The nemesis of one run: applies a schedule of faults, proves them, undoes them, and answers for the nodes afterwards.
// docs/faults.md says what lies on a node meanwhile.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "cluster/node.h"
#include "cluster/system.h"
#include "nemesis/clock_watch.h"
#include "nemesis/fault.h"
#include "nemesis/fault_log.h"
#include "nemesis/fleet.h"
#include "nemesis/schedule.h"

namespace shaketable {

class ClientWorkers;

struct NemesisOptions {
  std::string run;                         // its name; letters, digits, dots and dashes, others become dashes
  Nanos lease = std::chrono::seconds(10);  // at least 1 s; renewed every third of it
  Nanos longest_fault = std::chrono::minutes(5);
  std::vector<std::string> allowed_hosts;  // names or hosts of nodes; empty: every node of the cluster
  std::optional<int> max_faulty;           // nodes with a fault at once (FaultReport::targets)
  std::optional<int> max_failing;          // nodes that fail at once in the sense of the plan's model (system_model.h)
  bool keep_quorum = false;                // a majority has no fault, whatever overlaps
  std::function<Result<std::vector<std::string>>()> primaries;  // asked on the thread of run()
  // What the system's file says of a node; asked on the thread of run().
  std::function<Result<SystemScripts>(const std::string& node)> system;
  std::shared_ptr<ClientWorkers> clients;  // for faults of clients; null: there are none that can be stopped
  // Waits until the system is healthy, at most for the bound, and says how long that took; asked on the thread of run()
  // before each fault that is to wait for it, and on any thread by faults that wait themselves (Scene::healthy). Empty:
  // none waits.
  std::function<Result<Nanos>(Nanos bound, std::stop_token stop)> wait_healthy;
  Nanos recovery_wait = std::chrono::seconds(60);  // the bound
  NodePower power;
  // Connections that confirm the control path after the first change; the cluster's own ones may be older than a cut.
  std::function<std::unique_ptr<Remote>(const NodeSpec&)> fresh_remote = make_ssh_remote;
  NodeSideFactory node_side = make_agent_node_side;
};

// The system did not come back after a fault within NemesisOptions::recovery_wait.
struct NotRecovered {
  std::int64_t fault = 0;
  std::string text;  // "kill 3"
  std::string why;
};

struct PrepareReport {
  std::vector<NodeFacts> nodes;
  std::vector<NodeCleanliness> leftovers;  // nodes on which faults of an older run were found, and undone
  std::vector<std::string> remarks;        // "n3 has no IPv6: it is cut on IPv4 alone", and the like
};

// prepare(), then run(), then heal_all(): one thread. active(): any thread.
class Nemesis {
 public:
  // `cluster` should be the nemesis's own (see NodeFleet) and must outlive it.
  Nemesis(const Cluster& cluster, NemesisOptions options);
  ~Nemesis();  // lets go of the nodes without healing: what is in force is undone by their guards
  Nemesis(const Nemesis&) = delete;
  Nemesis& operator=(const Nemesis&) = delete;

  // Connects, heals what older runs left, learns what the nodes are, checks the schedule against them, starts guards.
  // Errors (bad_input or infrastructure): no fault can be applied; nodes are as they were, leftovers excepted.
  Result<PrepareReport> prepare(const std::vector<ScheduledFault>& schedule);

  // Blocks until the schedule is over or `stop` is requested; then nothing is in force any more, or the reports and
  // heal_all() say otherwise. `start` is the schedule's zero on `clock`. A fault that cannot be applied is reported and
  // passed over. An error: a node could not be proved clean after a fault, so the rest of the schedule was left out. It
  // is left out as well when the system does not recover: not_recovered() says so, and that is no error.
  Result<void> run(const std::vector<ScheduledFault>& schedule, Clock& clock, Nanos start, FaultLog& log,
                   std::stop_token stop);
  // After run(), its thread.
  const std::optional<NotRecovered>& not_recovered() const { return not_recovered_; }

  // From now on, until this goes, every node's clock is measured once a `period` of real time (clock_watch.h); `clock`
  // is the run's. After prepare().
  void watch_clocks(const Clock& clock, std::function<void(const ClockReading&)> log, Nanos period);
  void stop_watching_clocks() { clock_watch_.reset(); }

  // Ends leases and guards, undoes whatever is there and reads back. In the cluster's order. May be called at any
  // time, again too, prepare() or not.
  std::vector<NodeCleanliness> heal_all();

  // What is in force now, for the progress line: "partition halves"; empty when nothing is.
  std::string active() const;

 private:
  struct Running;
  void begin(const ScheduledFault& scheduled, const Clock& clock, Nanos start, FaultLog& log);
  Result<void> end(Running& running, const Clock& clock, FaultLog& log);
  Result<void> confirm_control_path(const std::vector<std::size_t>& nodes);
  void compare_with_found(std::vector<NodeCleanliness>& nodes);
  // When the next fault may begin; nullopt: never, as the system is not healthy, or `stop` was requested.
  std::optional<Nanos> wait_for_recovery(Nanos quiet, Clock& clock, FaultLog& log, std::stop_token stop);
  void keep_leases(std::stop_token stop);
  void publish();
  void set_power(const std::vector<std::size_t>& nodes, bool on);

  const NemesisOptions options_;
  NodeFleet fleet_;
  std::vector<NodeFacts> facts_;
  std::vector<std::optional<ForeignState>> found_;  // before the run; empty until prepare() has looked
  std::vector<bool> confirmed_;
  std::vector<std::unique_ptr<Running>> running_;
  std::optional<FaultReport> to_recover_from_;  // the fault that ended last, until the system is seen healthy after it
  std::optional<NotRecovered> not_recovered_;
  std::optional<Error> unclean_;
  mutable std::mutex mutex_;
  std::string active_;                       // guarded by mutex_
  std::set<std::size_t> off_;                // nodes without power; guarded by mutex_
  std::vector<std::string> keeper_remarks_;  // guarded by mutex_
  std::jthread keeper_;
  std::unique_ptr<ClockWatch> clock_watch_;
};

// Undoes every fault on every node, without any knowledge of the run that made it. Connects if need be; a node that
// cannot be reached is `unknown`.
std::vector<NodeCleanliness> heal(const Cluster& cluster);
bool all_clean(const std::vector<NodeCleanliness>& nodes);

// For --dry-run: every command that would touch a node. What is only known on the node stands as CONTROLLER and
// ADDRESS; choices that depend on the system's state are said in words.
std::vector<PlannedCommand> planned_commands(const std::vector<NodeSpec>& nodes, const NemesisOptions& options,
                                             const std::vector<ScheduledFault>& schedule);

}  // namespace shaketable

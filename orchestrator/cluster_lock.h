#pragma once
// One run at a time on a cluster: two would undo each other's faults, and find each other's.

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "cluster/node.h"

namespace shaketable {

// Where the lock lies on a node.
inline constexpr const char* kLockFile = "/run/shaketable.lock";
inline constexpr Nanos kLockLease = std::chrono::seconds(60);

// A lock file on every node with a lease that a thread renews. A run whose controller died loses it to the next run
// from the same machine, which sees that the process is gone, at once; to others when the lease is over, counted on the
// node's own time since boot, which no fault sets (a bent tick bends it by a tenth at most); after a reboot nobody
// holds it. A node on which the file cannot be written, or that lacks flock(1), which util-linux and busybox have, is
// not locked, and the log warns.
class ClusterLock {
 public:
  // Takes the lock on every node, in the order of their names, so that of two runs one gets all of them. `holder` says
  // who we are, in one line. Waits up to `wait` for others to let go. infrastructure: who holds it, where, and for how
  // long at most. The cluster must be connected and outlive the lock.
  static Result<std::unique_ptr<ClusterLock>> take(const Cluster& cluster, const std::string& holder, Nanos wait,
                                                   std::stop_token stop);
  ~ClusterLock();  // lets go of every node; what cannot be reached is let go by its lease

 private:
  ClusterLock(const Cluster& cluster, std::string holder, std::string token);
  Result<void> take_all();
  CommandOutcome take_node(Node& node) const;
  void renew_until(std::stop_token stop);

  const Cluster& cluster_;
  const std::string holder_, token_;
  std::vector<Node*> locked_;
  std::jthread renewer_;
};

// "RUN by USER@HOST (process PID)".
std::string lock_holder(const std::string& run);

// Names this process among all of all machines: "BOOT/PID-NAMESPACE/PID/START".
std::string lock_token();
// Whether the token is that of a process of this machine that is no more. False when nobody can tell.
bool is_dead_token(const std::string& token);

// Scripts for POSIX sh. Taking, and renewing, what is free, ours, left over, or `dead`'s: exit 0. Held by another: exit
// 75, and one line, "SECONDS TOKEN HOLDER". 76: the file itself is being held by somebody for more than ten seconds.
// 77: no flock.
std::string lock_script(const std::string& file, const std::string& token, Nanos lease, const std::string& holder,
                        const std::string& dead = "");
std::string unlock_script(const std::string& file, const std::string& token);

}  // namespace shaketable

#pragma once
// The embedded lab: a cluster of network namespaces on this machine, nothing of it in the host's own network.
// docs/lab.md says how it is made. State lies below $SHAKETABLE_STATE_DIR, else /var/lib/shaketable as root, else
// $XDG_STATE_HOME/shaketable: labs/NAME while a lab is up, and layers/ for the packages, which outlive it.
//
// The lab's own processes are this same executable, started again as `shaketable-lab __lab …`; a constructor in
// entry.cpp takes over before main(), so any program that links this library (a test, say) can bring a lab up, from any
// thread.

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "cluster/node_spec.h"

namespace shaketable {

struct LabSpec {
  std::string name = "lab";                      // [a-z0-9-], at most 32 characters
  int nodes = 5;                                 // 1 … 64
  std::vector<std::string> packages;             // Debian packages for the layer that the nodes share
  std::uint64_t node_memory_bytes = 1ull << 30;  // bound by a cgroup where the machine has one
  std::uint64_t node_disk_bytes = 2ull << 30;  // size of a node's /data; the rest of its writable state has a fixed cap
  Nanos timeout = std::chrono::seconds(60);    // for all sshd to answer (packages not counted)
  // "netns": nodes are namespaces under this machine's kernel. "uml": each runs a kernel of its own (User-Mode Linux),
  // so that clocks, tc netem and power cuts are real.
  std::string kind = "netns";
};

struct LabStatus {
  std::string name;
  bool running = false;
  std::string kind;  // as in LabSpec
  pid_t first_process = 0;
  std::string directory;              // keys, known_hosts, ssh_config, lab.log
  std::vector<std::string> packages;  // what the nodes have beyond the host's
  std::vector<NodeSpec> nodes;        // complete with keys and known_hosts
  std::vector<pid_t> node_processes;  // each node's first process, as the host sees it; 0: it has ended
  std::vector<std::string> limits;    // what this machine could not give, in words ("memory is not bounded: …")
};

// Where the controller's side of every lab is reached from.
inline constexpr std::string_view kLabControllerAddress = "10.77.0.254";
inline constexpr std::string_view kLabControllerAddress6 = "fd77::fe";

class Lab {
 public:
  // For those who are not root: makes THIS process root of a user namespace, that of the lab of this name if it is up.
  // Everything below needs it. Call before any thread is started; cannot be undone; does nothing for root. Sets
  // SHAKETABLE_STATE_DIR.
  static Result<void> become_root(const std::string& name);
  // Brings a lab up. Error if one of that name runs already, with the command that takes it down. Any thread.
  static Result<LabStatus> up(const LabSpec& spec);
  static Result<void> down(const std::string& name);  // fine if it is not up
  // `running` false when there is none of that name; what a dead one left behind is removed on the way.
  static Result<LabStatus> status(const std::string& name);
  static std::vector<std::string> names();  // labs that run, sorted
  // Only where nodes have kernels of their own. Cuts a node's power: what it had not synced is lost. Any thread.
  // With a lease above 0 the node's keeper boots it by itself when that has run out, whatever became of us, and the
  // node then runs `start` (a script, may be empty) once its sshd is up. Returns when the kernel has ended.
  static Result<void> cut_power(const std::string& name, const std::string& node, Nanos lease = Nanos(0),
                                const std::string& start = "");
  static Result<void> renew_power_lease(const std::string& name, const std::string& node, Nanos lease);
  // Nodes whose power is cut.
  static std::vector<std::string> nodes_off(const std::string& name);
  // Boots a node whose power was cut, if its keeper has not, and waits until its sshd answers. Its `start` is not run.
  static Result<void> boot(const std::string& name, const std::string& node, Nanos timeout);
  // Puts packages into every node of a running lab; they are there at once. Nothing is started by their scripts.
  // Before enter_network(): apt-get needs the way to its mirrors.
  static Result<void> install(const std::string& name, const std::vector<std::string>& packages);
  // Moves THIS process into the lab's network namespace, so that the nodes can be reached. Call before any thread is
  // started (other threads stay where they are); cannot be undone.
  static Result<void> enter_network(const std::string& name);
  // Replaces this process by `arguments` run beside the controller (network namespace of the lab, names of the nodes in
  // its /etc/hosts); returns only on error.
  static Result<void> exec(const std::string& name, const std::vector<std::string>& arguments);
  // Replaces this process by the ssh client on a node (`arguments` may be empty: a login shell).
  static Result<void> ssh(const std::string& name, const std::string& node, const std::vector<std::string>& arguments);
};

}  // namespace shaketable

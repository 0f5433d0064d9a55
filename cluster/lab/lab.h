#pragma once
// The embedded lab: a cluster of network namespaces on this machine, nothing of it in the host's own network.
// docs/lab.md says how it is made. State lies below a directory (default: $XDG_STATE_HOME/shaketable/labs/NAME, or
// /var/lib/shaketable/labs/NAME as root).

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "cluster/node_spec.h"

namespace shaketable {

struct LabSpec {
  std::string name = "lab";
  int nodes = 5;                                  // 1 … 64
  std::vector<std::string> packages;              // Debian packages for the layer that the nodes share
  std::uint64_t node_memory_bytes = 1ull << 30;   // bound by a cgroup where the machine has one
  std::uint64_t node_disk_bytes = 2ull << 30;     // size cap of a node's writable state
  Nanos timeout = std::chrono::seconds(60);       // for all sshd to answer (packages not counted)
};

struct LabStatus {
  std::string name;
  bool running = false;
  pid_t first_process = 0;
  std::vector<NodeSpec> nodes;                    // complete with keys and known_hosts
  std::vector<std::string> limits;                // what this machine could not give, in words ("memory is not bounded: …")
};

class Lab {
 public:
  // Brings a lab up. Error if one of that name runs already, with the command that takes it down.
  static Result<LabStatus> up(const LabSpec& spec);
  static Result<void> down(const std::string& name);  // fine if it is not up
  static Result<LabStatus> status(const std::string& name);
  static std::vector<std::string> names();            // labs that run
  // Puts packages into the shared layer of a running lab; nodes see them at once. Nothing is started by their scripts.
  static Result<void> install(const std::string& name, const std::vector<std::string>& packages);
  // Moves THIS process into the lab's network namespace, so that the nodes can be reached. Call before any thread is
  // started; cannot be undone.
  static Result<void> enter_network(const std::string& name);
  // Replaces this process by `arguments` run beside the controller (network namespace of the lab); returns only on error.
  static Result<void> exec(const std::string& name, const std::vector<std::string>& arguments);
  // Replaces this process by the ssh client on a node (`arguments` may be empty: a login shell).
  static Result<void> ssh(const std::string& name, const std::string& node, const std::vector<std::string>& arguments);
};

}  // namespace shaketable

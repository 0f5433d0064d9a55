#pragma once
// The life of the system under test on the cluster: install, set up, start, stop, kill, pause, health, primaries, logs.

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "cluster/node.h"
#include "cluster/system_spec.h"

namespace shaketable {

// A remote command before it is sent, for --dry-run.
struct PlannedCommand {
  std::string node, purpose, script;
};

struct NodeHealth {
  std::string node;
  bool healthy = false;
  std::string why;  // when not
};

// One thread at a time. `managed` false (plan: manage: none): install, set up, start, stop and teardown refuse.
class System {
 public:
  System(SystemSpec spec, const Cluster& cluster, bool managed, std::map<std::string, std::string> options);

  const SystemSpec& spec() const { return spec_; }

  // On every node at once. Errors list each failing node with the end of its output.
  Result<void> install();  // packages missing on a node (a lab node has them from the shared layer)
  Result<void> set_up();   // empties data, writes files, runs `setup`
  Result<void> start_all();
  Result<void> tear_down();  // stops, empties data, runs `teardown`

  Result<void> start(const std::vector<std::string>& nodes);
  Result<void> stop(const std::vector<std::string>& nodes);
  Result<void> kill(const std::vector<std::string>& nodes);    // SIGKILL to the pids, by pid and start time
  Result<void> pause(const std::vector<std::string>& nodes);   // SIGSTOP
  Result<void> resume(const std::vector<std::string>& nodes);  // SIGCONT

  std::vector<NodeHealth> health();
  // Polls until all nodes are healthy; an infrastructure error naming the sick ones and why when `timeout` is over.
  Result<Nanos> wait_until_healthy(Clock& clock, Nanos timeout, std::stop_token stop);
  Result<std::vector<std::string>> primaries();  // names, sorted; asked of every node, union of the answers
  Result<std::string> version();
  // Copies the logs of every node to `directory`/NODE/…; returns what could not be had, a line each (logs never fail a
  // run).
  std::vector<std::string> collect_logs(const std::string& directory, std::size_t limit_bytes_per_file);
  std::string client_url(const Node& node) const;

  // What install … tear_down would send, in order.
  std::vector<PlannedCommand> planned_commands() const;

 private:
  SystemSpec spec_;
  const Cluster& cluster_;
  bool managed_;
  std::map<std::string, std::string> options_;
};

// Fills {{…}} in. bad_input names the unknown variable and its place in the text.
Result<std::string> fill_template(std::string_view text, const std::map<std::string, std::string>& variables);

}  // namespace shaketable

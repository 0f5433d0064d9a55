#pragma once
// The life of the system under test on the cluster: install, set up, start, stop, kill, pause, health, primaries, logs.

#include <cstdint>
#include <functional>
#include <map>
#include <stop_token>
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

// A process on a node. The pid alone does not name one: it may have been given to another since.
struct ProcessId {
  std::string node;
  std::int64_t pid = 0;
  std::uint64_t start_ticks = 0;  // field 22 of /proc/PID/stat: clock ticks since boot
  char state = '?';               // field 3: R S D T …
  std::string command;            // /proc/PID/comm
  friend bool operator==(const ProcessId&, const ProcessId&) = default;
};

// Empty: the system's file does not say.
struct SystemScripts {
  std::string pids = {}, start = {}, data = {};
  // Makes what `start` needs and a node's memory held: directories, files, our mark on the data.
  std::string restore = {};
  std::string member_remove = {}, member_add = {}, members = {};  // empty also where the system is not managed
};

// pause and resume: one thread at a time; all else, any thread. `managed` false (plan: manage: none): install,
// set up, start, stop and teardown refuse, with bad_input; all else works. The cluster must outlive it. What a node
// says is part of an error, five lines at most.
class System {
 public:
  System(SystemSpec spec, const Cluster& cluster, bool managed, std::map<std::string, std::string> options);

  const SystemSpec& spec() const { return spec_; }

  // On every node at once. Errors list each failing node with the end of its output.
  Result<void> install();  // packages missing on a node (a lab node has them from the shared layer); starts no service
  // Kills what an earlier run left running, empties data, writes files, runs `setup`. A data directory with content
  // that shaketable did not put there is refused, as are directories that nobody can mean (/, /var/lib, /etc/…).
  Result<void> set_up();
  Result<void> start_all();
  Result<void> tear_down();  // stops (kills what does not stop), empties data, runs `teardown`

  // On the named nodes at once; bad_input for a name that is no node.
  Result<void> start(const std::vector<std::string>& nodes);
  Result<void> stop(const std::vector<std::string>& nodes);  // an error if processes are left
  Result<void> kill(
      const std::vector<std::string>& nodes);  // SIGKILL to the pids, by pid and start time; waits for their end
  Result<void> pause(const std::vector<std::string>& nodes);   // SIGSTOP; an error if nothing runs there, or it goes on
  Result<void> resume(const std::vector<std::string>& nodes);  // SIGCONT to those, as far as they are there still

  // What `pids` finds on the nodes, without zombies, pid 1, sshd and the command that looks. Nothing: it does not run.
  Result<std::vector<ProcessId>> processes(const std::vector<std::string>& nodes);

  std::vector<NodeHealth> health();
  // Polls until all nodes are healthy, and gives the time that took; an infrastructure error naming the sick ones and
  // why when `timeout` is over.
  Result<Nanos> wait_until_healthy(Clock& clock, Nanos timeout, std::stop_token stop);
  Result<std::vector<std::string>> primaries();  // names, sorted; asked of every node, union of the answers
  Result<std::string> version();                 // of the first node that tells
  // Copies the logs of every node to `directory`/NODE/…; returns what could not be had, a line each (logs never fail a
  // run). Of a long file, the end. Announced secrets are blotted out.
  std::vector<std::string> collect_logs(const std::string& directory, std::size_t limit_bytes_per_file);
  Result<std::string> client_url(const Node& node) const;

  // What a fault on a node may need, with everything filled in. bad_input for a name that is no node.
  Result<SystemScripts> scripts(const std::string& node) const;

  // What install … tear_down would send, in order.
  std::vector<PlannedCommand> planned_commands() const;

 private:
  using NodeScript = std::function<Result<std::string>(const Node&)>;
  struct Step {
    std::string purpose;  // "start"
    Nanos timeout;
  };
  Result<std::vector<Node*>> find_nodes(const std::vector<std::string>& names) const;
  Result<void> refuse_unmanaged(std::string_view what) const;
  Result<std::string> fill(const Node& node, std::string_view text) const;
  Result<std::vector<std::string>> on_each(const std::vector<Node*>& nodes, const Step& step,
                                           const NodeScript& script) const;
  Result<void> run_part(const std::vector<Node*>& nodes, const Step& step, const std::string& part) const;
  Result<void> write_files(const std::vector<Node*>& nodes) const;
  Result<void> signal_processes(std::string_view what, const std::vector<ProcessId>& processes) const;
  Result<std::string> restore_script(const Node& node) const;
  Result<std::string> prepare_script(const Node& node) const;
  Result<std::string> empty_script(const Node& node) const;

  SystemSpec spec_;
  const Cluster& cluster_;
  bool managed_;
  std::map<std::string, std::string> options_;            // the defaults, with what the plan set put over them
  std::map<std::string, std::vector<ProcessId>> paused_;  // by node
};

// Whether the description holds together: options known, every {{…}} known in every text, the data directory one that
// may be emptied, log_findings regular expressions. bad_input says which key is wrong.
Result<void> check_system(const SystemSpec& spec, const std::map<std::string, std::string>& options);

// Fills {{…}} in. bad_input names the unknown variable and its place in the text. `\{{` stands for a literal {{.
Result<std::string> fill_template(std::string_view text, const std::map<std::string, std::string>& variables);

// The variables of one node: {{node}} {{ip}} {{ip6}} {{index}} {{count}} {{data}} {{log}} {{run}} {{option.…}} and the
// lists.
// {{ip}} is the address that peers use; where none is given, the host that SSH connects to.
Result<std::map<std::string, std::string>> node_variables(const SystemSpec& spec,
                                                          const std::map<std::string, std::string>& options,
                                                          const std::vector<NodeSpec>& nodes, std::size_t index);

// bad_input unless `path` is absolute, plain and deep enough that emptying it can be meant.
Result<void> check_data_directory(const std::string& path);

}  // namespace shaketable

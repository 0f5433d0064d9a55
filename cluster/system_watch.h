#pragma once
// Looks at a system's processes and logs while a run lasts, and tells what nobody may have asked for: a process that is
// gone, a core file, a process that the kernel killed for want of memory, and log lines that the system's file names
// (log_findings). Whether a fault of the run explains it is not decided here.
//
// It only reads, once a period on each node and on connections of its own. A process is gone when /proc has no process
// of its number and start time any more (a zombie is none). Processes that one of the system's own started,
// or a child of its did, are not told: servers end their children all day, and say in their log when one crashed.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "cluster/node.h"
#include "cluster/system.h"

namespace shaketable {

struct SystemEvent {
  enum class Kind : std::uint8_t { process_died, core_dump, oom_kill, log_line };
  Kind kind = Kind::process_died;
  std::string node;
  Nanos earliest{0}, latest{0};    // on the run's clock: it happened between the two
  std::string what;                // "etcd (process 4711)", a path, the line of the log
  std::vector<std::string> lines;  // of the log around it, and what the kernel said; at most 40
  friend bool operator==(const SystemEvent&, const SystemEvent&) = default;
};
std::string_view to_string(SystemEvent::Kind kind);  // "process-died", "core-dump", "oom-kill", "log-line"

struct SystemWatchReport {
  std::vector<SystemEvent> events;     // at most kMostEvents of each node, in the order in which they were found
  std::int64_t omitted = 0;            // beyond that
  std::int64_t processes = 0;          // that were watched, over all nodes and the whole run
  std::vector<std::string> unwatched;  // "n3: …": nodes that never answered, and why
};

struct SystemWatchOptions {
  Nanos period = std::chrono::seconds(1);
  Nanos timeout = std::chrono::seconds(15);  // of one look at a node
};

inline constexpr std::size_t kMostEvents = 100;

// One thread calls it; the cluster should be its own, and all must outlive it.
class SystemWatch {
 public:
  // `options` as System takes them.
  SystemWatch(const SystemSpec& spec, const std::map<std::string, std::string>& options, const Cluster& cluster,
              const Clock& clock, SystemWatchOptions watch = {});
  ~SystemWatch();
  SystemWatch(const SystemWatch&) = delete;
  SystemWatch& operator=(const SystemWatch&) = delete;

  // How long the logs are and which core files there are: what was there before is no finding. Before start(). Nodes
  // that do not answer are in the report.
  void look_before();
  // From now on until finish(), once a period. Processes that are gone before this was called are no findings.
  void start();
  // A last look at every node, then what there was. Later calls give the same.
  const SystemWatchReport& finish();

 private:
  struct NodeState;
  void watch(std::stop_token stop);
  void look_everywhere(bool before);

  const Clock& clock_;
  const SystemWatchOptions options_;
  std::vector<std::unique_ptr<NodeState>> nodes_;
  SystemWatchReport report_;
  bool finished_ = false;
  std::jthread thread_;
};

}  // namespace shaketable

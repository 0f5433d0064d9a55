#pragma once
// A test plan after reading: complete, checked, with every default filled in. docs/plans.md is its description for
// users.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/parameters.h"
#include "cluster/node_spec.h"
#include "cluster/system_spec.h"
#include "nemesis/system_model.h"

namespace shaketable {

struct LabPlan {
  int nodes = 5;
  std::string kernel = "host";  // or "uml": each node has its own
  std::uint64_t node_memory_bytes = 1ull << 30;
  std::uint64_t node_disk_bytes = 2ull << 30;
};

struct ClusterPlan {
  std::optional<LabPlan> lab;   // the embedded lab, or
  std::vector<NodeSpec> nodes;  // machines of the user's (empty with a lab until it is up)
  bool managed = true;          // `manage: none` false: nothing is installed, started or stopped
};

// Client credentials and TLS. Secrets come from files or the environment and are announced to log::keep_secret when
// read.
struct ClientPlan {
  std::string name;  // "etcd"; default: the system's name
  Nanos timeout = std::chrono::seconds(2);
  Parameters options;  // as the client describes them
  std::string user, password;
  std::string ca_file, certificate_file, key_file;
};

struct GeneratorSpec;  // workloads/generator_spec.h

struct RatePlan {
  Nanos lasts{0};  // the last one stays
  double per_second = 1;
};

struct WorkloadPlan {
  std::string name;  // "register"
  int workers = 10;  // logical processes at once
  double rate = 0;   // operations a second over all workers; 0: as fast as the workers can
  Parameters options;
  std::shared_ptr<const GeneratorSpec> generator, final;  // in place of the workload's own; null: its own
  // Open load: operations are due at fixed times (docs/generators.md). Then `rates` is not empty.
  bool open = false, poisson = false;
  std::vector<RatePlan> rates;
  int backlog = 1000;
};

struct FaultPlan {
  std::string fault;      // "partition"
  Parameters options;     // as the fault describes them
  double weight = 1;      // random schedule
  Nanos at{0}, lasts{0};  // timeline
};

enum class ScheduleKind { random, timeline };

struct SchedulePlan {
  ScheduleKind kind = ScheduleKind::random;
  Nanos first_after = std::chrono::seconds(5);
  DurationRange lasts{std::chrono::seconds(5), std::chrono::seconds(10)};  // random: how long each fault lasts
  DurationRange quiet{std::chrono::seconds(3),
                      std::chrono::seconds(6)};  // random: then nothing is broken for this long
  // random: every fault but the first waits until the system is healthy, at most so long; 0: none waits
  Nanos recovery_wait = std::chrono::seconds(60);
  int repeat = 1;                 // timeline: so many times …
  Nanos every{0};                 // … one beginning so long after the other
  std::vector<FaultPlan> faults;  // empty: no faults
};

struct SafetyPlan {
  Nanos lease = std::chrono::seconds(10);
  Nanos longest_fault = std::chrono::minutes(5);  // hard maximum, whatever is renewed
  std::vector<std::string> allowed_hosts;         // empty: the plan's own nodes
  std::optional<int> max_faulty;                  // nodes with a fault at once
  bool keep_quorum = false;                       // a majority has no fault, whatever overlaps
};

// What becomes of processes that die unasked, core dumps and the like, and of lines in the system's logs that its file
// names: "fail" (a violation), "note" (told), "off" (nobody looks).
struct FindingsPlan {
  std::string crashes = "fail", logs = "fail";
};

struct CheckPlan {
  std::string checker;  // "linearizable"
  Parameters options;
};

struct Plan {
  std::string path;       // file it came from
  std::string directory;  // relative names in it start here: the file's own, unless the reader was told another
  std::string text;       // the plan as run: reads back to this plan. Secrets are never in it (they are named by
                          // file or variable); with overrides it is the changed plan, and a comment names them
  std::string name;
  std::string about;
  std::optional<std::uint64_t> seed;
  ClusterPlan cluster;
  SystemSpec system;
  std::string system_path;
  std::map<std::string, std::string> system_options;
  ClientPlan client;
  WorkloadPlan workload;
  SchedulePlan schedule;
  SafetyPlan safety;
  std::optional<SystemModel> model;             // what the system is said to stand; nullopt: the plan does not say
  Nanos time_limit = std::chrono::seconds(60);  // of the load
  Nanos health_before =
      std::chrono::seconds(60);               // the cluster must be healthy within this before the load, else exit 4
  Nanos recovery = std::chrono::seconds(60);  // and within this after the faults, else a liveness finding
  std::vector<CheckPlan> checks;              // empty: what the workload says
  FindingsPlan findings;
  Nanos check_timeout = std::chrono::seconds(60);
  std::uint64_t check_memory_bytes = 2ull << 30;
};

}  // namespace shaketable

#pragma once
// The runs of a results folder as a list: what each was, what came of it, and its figures; and one that still goes on,
// looked at closely. Runs that do not change are read once.

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "history/run_file.h"
#include "orchestrator/report/outcome.h"

namespace shaketable::serve {

struct RunEntry {
  std::string name;    // its folder, from the results folder on: "quickstart-20261121T045139Z"
  std::string folder;  // as it can be opened
  std::string plan, system, repeat;
  std::uint64_t seed = 0;
  std::int64_t started_wall_ns = 0;
  RunState state = RunState::ended;
  std::optional<Validity> verdict;  // none: nobody judged it yet
  int exit_code = 0;                // meaningless while it goes on
  std::string headline;             // a line: why, or what
  std::vector<std::string> faults;  // the different ones that were applied
  std::vector<std::string> unclean_nodes;
  Figures figures;
  std::string unreadable;  // why it could not be read; then nothing else but name and folder is known
};
// "valid", "invalid", "unknown", "running", "unreadable", "not judged".
std::string verdict_word(const RunEntry& entry);

struct RunFilter {
  std::string verdict, plan, system, fault;  // empty: any; verdict as verdict_word() says
  std::int64_t since_wall_ns = INT64_MIN, until_wall_ns = INT64_MAX;
  bool takes(const RunEntry& entry) const;
};
// "24h" (before `now`), "2026-11-21" or "2026-11-21T04:51:39Z"; bad_input: neither.
Result<std::int64_t> parse_moment(std::string_view text, std::int64_t now_wall_ns);

// A second of a load: completions by outcome, and the latency of the successful.
struct LiveSecond {
  std::int64_t second = 0, ok = 0, fail = 0, info = 0;
  Nanos p50{}, p99{};
};
struct LiveRun {
  RunEntry entry;
  Nanos elapsed{};
  std::vector<LiveSecond> seconds;        // the last three minutes
  std::vector<FaultRecord> faults;        // that are in force
  std::vector<ClockOffsetRecord> clocks;  // the last reading of each node
  std::string log;                        // its last lines
};

// Any thread; one reads at a time.
class RunIndex {
 public:
  explicit RunIndex(std::string results) : results_(std::move(results)) {}
  const std::string& results() const { return results_; }

  // Newest first. infrastructure or bad_input: the folder cannot be listed.
  Result<std::vector<RunEntry>> list();
  // By the entry's name. bad_input: there is no such run. A run that goes on is read again at most once in ten times as
  // long as reading it took, so that looking at it does not disturb it.
  Result<RunEntry> find(const std::string& name);
  Result<LiveRun> look(const std::string& name);

 private:
  struct Kept {
    RunEntry entry;
    std::int64_t changed = 0;  // time of the file's last change and its size
    std::uintmax_t size = 0;
  };
  struct KeptLive {
    LiveRun run;
    Nanos read_at{}, cost{};
  };
  RunEntry entry_of(const std::string& folder);

  std::string results_;
  SteadyClock clock_;
  std::mutex mutex_;
  std::map<std::string, Kept> kept_;  // by folder
  std::map<std::string, KeptLive> live_;
};

}  // namespace shaketable::serve

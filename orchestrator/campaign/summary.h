#pragma once
// What a campaign has found so far.

#include <set>
#include <string>
#include <vector>

#include "orchestrator/campaign/folder.h"
#include "orchestrator/campaign/odds.h"
#include "orchestrator/report/exit_code.h"

namespace shaketable {

struct CellSummary {
  std::string name, plan;
  std::vector<std::string> setting;
  int violations = 0, trials = 0;  // trials: runs that found a violation, or none; their odds
  int unknown = 0, failed = 0;     // decided nothing; without a verdict. Neither is a trial
  int open = 0;                    // not run
  std::vector<std::uint64_t> violating_seeds;
  std::vector<std::string> kinds;  // "linearizable: nonlinearizable", each once
  std::string run, repeat;         // of the first violation: folder, and the command that repeats it
  std::string why_failed;          // of the last that did
  std::int64_t operations = 0;
  double seconds = 0;
  Interval interval() const { return clopper_pearson(violations, trials); }
};

// Two cells that differ in one key only, as tests of two versions of a system do.
struct Comparison {
  std::string key, plan, rest;  // rest: what else is set, in both
  std::string a, b;             // values of the key
  int violations_a = 0, trials_a = 0, violations_b = 0, trials_b = 0;
  double p = 1;  // fisher_exact
};

struct CampaignSummary {
  std::string name, folder;
  std::vector<CellSummary> cells;  // in the order of the campaign
  std::vector<Comparison> comparisons;
  std::vector<std::string> unclean;  // "n2 (RUN)": of clusters that are not labs
  std::string stopped;               // why not every job was run; empty: it was, or will be
  ExitCode code = ExitCode::pass;    // the worst of the runs'
};

// `results` by job index; nullopt: none yet.
CampaignSummary summarise(const CampaignFolder& folder, const std::vector<std::optional<JobResult>>& results);
std::string summary_text(const CampaignSummary& summary);
Value summary_json(const CampaignSummary& summary);

// The jobs that need not be run any more, as the campaign wishes, and why in words. Intervals are looked at after every
// run, so one that is met may be met by chance: it covers the truth a little less often than it says.
std::string jobs_to_skip(const CampaignFolder& folder, const CampaignSummary& summary,
                         const std::vector<std::optional<JobResult>>& results, std::set<int>& skipped);

}  // namespace shaketable

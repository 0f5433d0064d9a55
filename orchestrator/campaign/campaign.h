#pragma once
// A campaign: plans × settings × seeds. docs/campaigns.md is the description for users.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "orchestrator/plan/reader.h"

namespace shaketable {

// Something in the plans that takes several values: "client.reads" and "linearizable", "serializable".
struct Variation {
  std::string key;  // as --set takes it
  std::vector<std::string> values;
};

struct CampaignStop {
  std::optional<int> violations;   // of the whole campaign: no run is begun after so many
  std::optional<double> interval;  // of a cell: it gets no further run once its interval is no wider
};

struct SlurmPlan {
  std::string partition, account, time;  // as sbatch takes them; empty: Slurm's defaults
  std::vector<std::string> options;      // more of sbatch's, as they are
};

struct Campaign {
  std::string path, name, about;
  std::vector<std::string> plans;  // paths
  std::vector<std::uint64_t> seeds;
  std::vector<std::string> set;  // for every run
  std::vector<Variation> vary;
  CampaignStop stop;
  std::string executor = "local";              // or "slurm"
  int at_once = 1;                             // runs side by side
  int retries = 1;                             // of a run that failed for want of infrastructure
  Nanos run_limit = std::chrono::minutes(30);  // a run that lasts longer is ended
  SlurmPlan slurm;
};

// One run that is to be. A cell is what differs in nothing but the seed.
struct CampaignJob {
  int index = 0;                     // 0, 1, … in the campaign
  std::string id;                    // "PLAN.SETTING.SEED": names its folder; [A-Za-z0-9_.-]
  std::string cell;                  // "etcd-register client.reads=serializable"
  std::string plan;                  // path
  std::vector<std::string> setting;  // the last of `set`: "client.reads=serializable"; empty without vary
  std::vector<std::string> set;
  std::uint64_t seed = 0;
  std::string checksum;  // of the plan as it will run, but for the seed
  bool lab = true;       // runs on a lab of its own, so that several can be at once
};

// Errors are bad_input, of lines as plan errors have them.
Result<Campaign> read_campaign(const std::string& path);
Result<Campaign> parse_campaign(std::string_view text, const std::string& path);

// All jobs: seeds run fastest over the cells (every cell has had its first seed before any has its second), so that a
// campaign that is stopped early knows as much of one cell as of another. Reads every plan with every setting.
Result<std::vector<CampaignJob>> campaign_jobs(const Campaign& campaign, const Catalogue& catalogue,
                                               const PlanOptions& options);

}  // namespace shaketable

#pragma once
// A campaign's folder. It is all that a campaign knows, so that a campaign that was killed goes on when it is started
// again, and so that whoever runs a job (a child process, a task of Slurm's on another machine) needs nothing else:
//
//   campaign.json       the jobs, and how they are run
//   campaign.lock       held by the one process that conducts the campaign
//   jobs/ID.json        what came of a job; written whole when its run has ended
//   jobs/ID.lock        held by whoever runs it;  jobs/ID.log  what that run said
//   runs/ID/            the run itself
//   slurm.json          the job array that was handed to Slurm last
//   summary.txt, .json  written again after every job

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/unique_fd.h"
#include "history/value.h"
#include "orchestrator/campaign/campaign.h"

namespace shaketable {

// What came of one job.
struct JobResult {
  std::string id, checksum;  // as in its CampaignJob
  std::uint64_t seed = 0;
  int exit_code = 4;
  std::string valid;                    // "true", "false", "unknown"; empty: there is no verdict
  std::vector<std::string> violations;  // "linearizable: nonlinearizable"
  std::string run, repeat;              // folder; the command that repeats it
  std::string why;                      // what failed, when there is no verdict
  std::vector<std::string> unclean_nodes;
  std::int64_t operations = 0, faults_applied = 0, faults_proved = 0;
  int attempts = 0;
  double seconds = 0;  // wall time of the last attempt
  // A verdict was reached: the run counts, and is not done again. Unknown is one.
  bool judged() const { return !valid.empty(); }
};
Value result_json(const JobResult& result);
Result<JobResult> result_from_json(std::string_view text);

// Lock files go by flock(2): a holder that dies holds nothing.
class FileLock {
 public:
  // nullopt: somebody else holds it; `holder` then says who (what the holder wrote, or nothing).
  static Result<std::optional<FileLock>> take(const std::string& path, std::string& holder);

 private:
  explicit FileLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

struct CampaignFolder {
  std::string path;
  Campaign campaign;      // name, retries, run_limit, at_once
  std::string directory;  // where relative names of the jobs start
  std::vector<CampaignJob> jobs;

  std::string result_path(const CampaignJob& job) const { return path + "/jobs/" + job.id + ".json"; }
  std::string lock_path(const CampaignJob& job) const { return path + "/jobs/" + job.id + ".lock"; }
  std::string log_path(const CampaignJob& job) const { return path + "/jobs/" + job.id + ".log"; }
  std::string run_path(const CampaignJob& job) const { return path + "/runs/" + job.id; }
  // Of the job's own lab: no two campaigns on a machine share one. [a-z0-9-], at most 32 characters.
  std::string lab_name(const CampaignJob& job) const;

  // nullopt: nothing has come of it yet (or what is there is of another plan).
  Result<std::optional<JobResult>> result(const CampaignJob& job) const;
};

// Makes the folder, or goes on with the one that is there. bad_input: runs in it were made by plans that have changed
// since.
Result<void> write_folder(const CampaignFolder& folder);
Result<CampaignFolder> read_folder(const std::string& path);

}  // namespace shaketable

#pragma once
// Where the runs of a campaign take place.

#include <memory>
#include <set>
#include <vector>

#include "orchestrator/campaign/folder.h"

namespace shaketable {

// One thread. What was begun goes on when the executor's process dies, and is found again by the next one.
class Executor {
 public:
  virtual ~Executor() = default;
  // Begins what can be begun of `pending` (indices, in order of preference) and takes it out.
  virtual Result<void> offer(std::vector<int>& pending) = 0;
  // Indices of the jobs that have ended since the last call. Does not wait.
  virtual Result<std::vector<int>> ended() = 0;
  // Takes back what has not begun running yet; what did is not disturbed.
  virtual Result<void> withdraw(const std::set<int>& jobs) = 0;
  // Begun (or waiting in a queue of the executor's), and not ended.
  virtual std::size_t under_way() const = 0;
  // What runs is to end, healing what it broke; called again, sooner.
  virtual void interrupt() = 0;
};

// So many child processes side by side.
std::unique_ptr<Executor> local_executor(const CampaignFolder& folder);

// A job array of Slurm's: sbatch, squeue and scancel, nothing else. The folder, this program and the plans must lie on
// the compute nodes where they lie here (a shared file system), and the labs need root there. An array that an earlier
// process submitted and that still runs is waited for.
Result<std::unique_ptr<Executor>> slurm_executor(const CampaignFolder& folder);

}  // namespace shaketable

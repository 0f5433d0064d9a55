#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <map>

#include "cluster/local_process.h"
#include "orchestrator/campaign/executor.h"
#include "orchestrator/campaign/run_child.h"

namespace shaketable {
namespace {

class LocalExecutor final : public Executor {
 public:
  explicit LocalExecutor(const CampaignFolder& folder)
      : folder_(folder), nowhere_(::open("/dev/null", O_RDWR | O_CLOEXEC)) {}

  // A campaign that gives up on an error waits for its runs all the same: killed ones would leave their labs behind.
  ~LocalExecutor() override {
    for (const auto& [index, process] : processes_) {
      ::kill(process->pid(), SIGINT);
      (void)process->wait(std::chrono::minutes(4)).has_value();
    }
  }

  Result<void> offer(std::vector<int>& pending) override {
    while (!pending.empty() && processes_.size() < static_cast<std::size_t>(folder_.campaign.at_once)) {
      const CampaignJob& job = folder_.jobs[static_cast<std::size_t>(pending.front())];
      // Two runs on one cluster would break each other.
      if (!processes_.empty() && (!job.lab || !on_labs_)) break;
      LocalProcessSpec spec;
      spec.arguments = {own_program(), "campaign-job", std::filesystem::absolute(folder_.path).string(),
                        std::to_string(job.index)};
      spec.directory = folder_.directory;
      spec.stream = nowhere_.get();
      spec.error_file = std::filesystem::absolute(folder_.log_path(job)).string();
      auto process = LocalProcess::start(spec);
      if (!process) return Failure(process.error());
      processes_.emplace(job.index, std::move(*process));
      on_labs_ = job.lab;
      pending.erase(pending.begin());
    }
    return {};
  }

  Result<std::vector<int>> ended() override {
    std::vector<int> out;
    for (auto process = processes_.begin(); process != processes_.end();) {
      if (process->second->wait(Nanos(0))) {
        out.push_back(process->first);
        process = processes_.erase(process);
      } else {
        ++process;
      }
    }
    return out;
  }

  Result<void> withdraw(const std::set<int>&) override { return {}; }  // what was taken has begun
  std::size_t under_way() const override { return processes_.size(); }

  void interrupt() override {
    for (const auto& [index, process] : processes_) ::kill(process->pid(), SIGINT);
  }

 private:
  const CampaignFolder& folder_;
  const UniqueFd nowhere_;
  std::map<int, std::unique_ptr<LocalProcess>> processes_;
  bool on_labs_ = true;
};

}  // namespace

std::unique_ptr<Executor> local_executor(const CampaignFolder& folder) {
  return std::make_unique<LocalExecutor>(folder);
}

}  // namespace shaketable

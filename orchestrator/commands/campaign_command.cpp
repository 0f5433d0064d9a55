#include <fmt/format.h>

#include <filesystem>

#include "base/log.h"
#include "history/text.h"
#include "orchestrator/campaign/conduct.h"
#include "orchestrator/campaign/job_run.h"
#include "orchestrator/catalogue.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/interrupts.h"
#include "orchestrator/run_folder.h"

namespace shaketable {
namespace {

ExitCode failed(const Error& error) {
  log::error("{}", error.message);
  return exit_code_of(error);
}

Result<CampaignFolder> folder_of(const CampaignOptions& options) {
  auto campaign = read_campaign(options.path);
  if (!campaign) return Failure(campaign.error());
  if (!options.executor.empty()) campaign->executor = options.executor;
  if (options.at_once > 0) campaign->at_once = options.at_once;
  PlanOptions plan_options;
  plan_options.set = options.set;
  plan_options.config_directories = config_directories();
  auto jobs = campaign_jobs(*campaign, catalogue(), plan_options);
  if (!jobs) return Failure(jobs.error());
  CampaignFolder folder;
  folder.path = options.out.empty() ? "results/campaign-" + campaign->name : options.out;
  folder.campaign = std::move(*campaign);
  folder.directory = std::filesystem::current_path().string();
  folder.jobs = std::move(*jobs);
  return folder;
}

Result<CampaignSummary> carry_through(const CampaignFolder& folder) {
  std::error_code problem;
  std::filesystem::create_directories(folder.path, problem);
  if (problem) return infrastructure(fmt::format("{} cannot be made: {}", folder.path, problem.message()));
  std::string holder;
  const auto lock = FileLock::take(folder.path + "/campaign.lock", holder);
  if (!lock) return Failure(lock.error());
  if (!*lock)
    return infrastructure(fmt::format("the campaign in {} is being run by {}; --status looks at it", folder.path,
                                      holder.empty() ? "somebody else" : holder));
  const std::string file = folder.path + "/campaign.json";
  const auto before = std::filesystem::exists(file) ? read_file(file) : Result<std::string>("");
  if (!before) return Failure(before.error());
  if (const auto written = write_folder(folder); !written) return Failure(written.error());
  const auto now = read_file(file);
  if (!now) return Failure(now.error());
  const Interrupts interrupts;
  std::unique_ptr<Executor> executor;
  // An array that was submitted earlier counts its tasks by the jobs of then.
  if (!before->empty() && *before != *now && std::filesystem::exists(folder.path + "/slurm.json"))
    if (std::filesystem::remove(folder.path + "/slurm.json", problem); problem)
      return infrastructure(fmt::format("{}/slurm.json cannot be removed: {}", folder.path, problem.message()));
  if (folder.campaign.executor == "slurm") {
    auto slurm = slurm_executor(folder);
    if (!slurm) return Failure(slurm.error());
    executor = std::move(*slurm);
  } else {
    executor = local_executor(folder);
  }
  log::info("campaign {}: {} runs, {} at once ({}), in {}", folder.campaign.name, folder.jobs.size(),
            folder.campaign.at_once, folder.campaign.executor, folder.path);
  return conduct(folder, *executor);
}

}  // namespace

ExitCode campaign_command(const CampaignOptions& options) {
  const auto folder = folder_of(options);
  if (!folder) return failed(folder.error());
  if (options.status && !std::filesystem::exists(folder->path + "/campaign.json"))
    return failed({ErrorKind::bad_input, fmt::format("{} has not been begun", folder->path)});
  const auto summary = options.status ? look(*folder) : carry_through(*folder);
  if (!summary) return failed(summary.error());
  fmt::print("{}", options.json ? to_json(summary_json(*summary)) + "\n" : summary_text(*summary));
  return summary->code;
}

ExitCode campaign_job_command(const std::string& path, int index) {
  const auto folder = read_folder(path);
  if (!folder) return failed(folder.error());
  if (index < 0 || static_cast<std::size_t>(index) >= folder->jobs.size())
    return failed({ErrorKind::bad_input, fmt::format("{} has no job {}", path, index)});
  const auto result = run_job(*folder, folder->jobs[static_cast<std::size_t>(index)]);
  if (!result) return failed(result.error());
  return result->judged() || result->exit_code != 0 ? static_cast<ExitCode>(result->exit_code)
                                                    : ExitCode::infrastructure;
}

}  // namespace shaketable

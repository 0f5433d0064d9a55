#include "orchestrator/campaign/conduct.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "history/text.h"
#include "orchestrator/interrupts.h"
#include "orchestrator/run_folder.h"

namespace shaketable {
namespace {

using namespace std::chrono_literals;
using Results = std::vector<std::optional<JobResult>>;

constexpr Nanos kBetweenLooks = 100ms;

Result<void> write_summary(const CampaignFolder& folder, const CampaignSummary& summary) {
  if (const auto text = write_file(folder.path + "/summary.txt", summary_text(summary)); !text) return text;
  return write_file(folder.path + "/summary.json", to_json(summary_json(summary)) + "\n");
}

Result<Results> read_results(const CampaignFolder& folder) {
  Results results(folder.jobs.size());
  for (const CampaignJob& job : folder.jobs) {
    auto result = folder.result(job);
    if (!result) return Failure(result.error());
    results[static_cast<std::size_t>(job.index)] = std::move(*result);
  }
  return results;
}

void tell(const CampaignJob& job, const JobResult& result, std::size_t done, std::size_t all) {
  std::string what = result.why;
  if (result.valid == "false")
    what = "INVALID (" + join(result.violations) + ")";
  else if (result.judged())
    what = result.valid == "true" ? "valid" : "unknown";
  log::info("[{}/{}] {} seed {}: {}, {:.0f} s", done, all, job.cell, job.seed, what, result.seconds);
}

}  // namespace

Result<CampaignSummary> look(const CampaignFolder& folder) {
  const auto results = read_results(folder);
  if (!results) return Failure(results.error());
  CampaignSummary summary = summarise(folder, *results);
  std::set<int> skipped;
  summary.stopped = jobs_to_skip(folder, summary, *results, skipped);
  return summary;
}

Result<CampaignSummary> conduct(const CampaignFolder& folder, Executor& executor) {
  auto read = read_results(folder);
  if (!read) return Failure(read.error());
  Results& results = *read;
  std::size_t done = 0;
  std::vector<int> pending;
  for (const CampaignJob& job : folder.jobs) {
    std::optional<JobResult>& result = results[static_cast<std::size_t>(job.index)];
    if (result && !result->judged()) result.reset();  // it failed; now it may go better
    if (result)
      ++done;
    else
      pending.push_back(job.index);
  }
  if (done > 0) log::info("{} of {} runs were done before", done, folder.jobs.size());
  CampaignSummary summary = summarise(folder, results);
  int signals = 0;
  bool no_more = false;
  const auto heed_wish = [&]() -> Result<void> {
    std::set<int> skipped;
    const std::string why = jobs_to_skip(folder, summary, results, skipped);
    if (!why.empty() && summary.stopped != why) summary.stopped = why;
    std::erase_if(pending, [&](int index) { return skipped.contains(index); });
    return skipped.empty() ? Result<void>() : executor.withdraw(skipped);
  };
  if (const auto heeded = heed_wish(); !heeded) return Failure(heeded.error());
  while (true) {
    for (; signals < Interrupts::count(); ++signals) {
      if (!no_more) log::warning("interrupted: what runs ends and heals; the rest is left for another time");
      no_more = true;
      executor.interrupt();
    }
    if (!no_more)
      if (const auto offered = executor.offer(pending); !offered) return Failure(offered.error());
    if (executor.under_way() == 0 && (pending.empty() || no_more)) break;
    const auto ended = executor.ended();
    if (!ended) return Failure(ended.error());
    for (const int index : *ended) {
      const CampaignJob& job = folder.jobs[static_cast<std::size_t>(index)];
      auto result = folder.result(job);
      if (!result) return Failure(result.error());
      ++done;
      if (!*result) {
        --done;  // withdrawn before it began, or ended without a word
        if (!no_more && summary.stopped.empty()) {
          JobResult lost;
          lost.id = job.id;
          lost.checksum = job.checksum;
          lost.seed = job.seed;
          lost.why = fmt::format("it ended without a result; {} says more", folder.log_path(job));
          log::warning("{}: {}", job.id, lost.why);
          results[static_cast<std::size_t>(index)] = std::move(lost);
        }
      } else if (no_more && !(*result)->judged()) {
        --done;  // it was we who ended it
      } else {
        tell(job, **result, done, folder.jobs.size());
        results[static_cast<std::size_t>(index)] = std::move(*result);
      }
      const std::string stopped = summary.stopped;
      summary = summarise(folder, results);
      summary.stopped = stopped;
    }
    if (!ended->empty()) {
      if (const auto heeded = heed_wish(); !heeded) return Failure(heeded.error());
      if (const auto written = write_summary(folder, summary); !written) return Failure(written.error());
      continue;
    }
    std::this_thread::sleep_for(kBetweenLooks);
  }
  if (no_more) {
    summary.stopped = "interrupted; the same command goes on";
    summary.code = worse(summary.code, ExitCode::interrupted);
  }
  if (const auto written = write_summary(folder, summary); !written) return Failure(written.error());
  return summary;
}

}  // namespace shaketable

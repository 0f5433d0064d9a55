#pragma once
// One job of a campaign, run in a process of its own: a run enters its lab's network for good. Started by both
// executors as `shaketable campaign-job FOLDER INDEX`.

#include "orchestrator/campaign/folder.h"

namespace shaketable {

// Runs the job, again where infrastructure failed, as often as the campaign says, and writes jobs/ID.json. A job that
// somebody else is running is waited for; one that has been judged is left alone. SIGINT and SIGTERM are handed on to
// the run, which then heals; the job has no verdict then. Errors are for what kept the result from being written.
Result<JobResult> run_job(const CampaignFolder& folder, const CampaignJob& job);

// What a run's summary.json says. Errors: it is not there, or malformed.
Result<JobResult> result_of_run(const CampaignJob& job, const std::string& run, int exit_code);

}  // namespace shaketable

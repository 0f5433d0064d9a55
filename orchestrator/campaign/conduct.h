#pragma once
// Carries a campaign through, or on.

#include "orchestrator/campaign/executor.h"
#include "orchestrator/campaign/summary.h"

namespace shaketable {

// Runs every job that has no verdict yet, until none is left, or the campaign's wish is met, or a signal comes, or
// nodes of a cluster that is no lab are not clean. The folder must be written. summary.txt and summary.json are there
// at any time. Interrupted: what runs heals and ends, and the rest can be run another time.
Result<CampaignSummary> conduct(const CampaignFolder& folder, Executor& executor);

// What is known now, without running anything.
Result<CampaignSummary> look(const CampaignFolder& folder);

}  // namespace shaketable

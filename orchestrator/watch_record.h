#pragma once
// What the watch on processes and logs saw, as the run's file keeps it.

#include "cluster/system_watch.h"
#include "history/value.h"
#include "orchestrator/plan/plan.h"

namespace shaketable {

// The value of kMetaFindings (orchestrator/report/findings.h).
Value watch_record(const SystemWatchReport& report, const FindingsPlan& wanted);

}  // namespace shaketable

#pragma once
// The report of a run for people: one HTML file that needs nothing else, neither network nor other files
// (docs/report.md). It is made from the run's folder alone.

#include <string>

#include "orchestrator/report/outcome.h"

namespace shaketable {

// The page as text. `outcome` with its judgements. Errors are those of reading the run.
Result<std::string> report_page(const RunFile& file, const Outcome& outcome);

}  // namespace shaketable

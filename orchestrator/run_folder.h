#pragma once
// Where runs land: results/NAME-TIME, and results/latest, a link to the newest. results/README.md has the layout.

#include <string>
#include <string_view>

#include "base/result.h"
#include "orchestrator/report/outcome.h"

namespace shaketable {

// Makes the folder of a new run. `out` names it itself (it must not hold a run yet); else it is made below `results`
// and results/latest points to it.
Result<std::string> make_run_folder(std::string_view results, std::string_view plan_name, std::string_view out);

// Writes a whole file, through a temporary name.
Result<void> write_file(const std::string& path, std::string_view content);
Result<std::string> read_file(const std::string& path);

// Writes report.html, the run for people (docs/report.md), into the folder of a run; answers its path.
Result<std::string> write_report(const std::string& folder, const Outcome& outcome);

}  // namespace shaketable

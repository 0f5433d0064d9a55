#include <fmt/format.h>

#include "base/log.h"
#include "history/text.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/report/run_diff.h"

namespace shaketable {

ExitCode diff_command(const std::string& a, const std::string& b, bool json) {
  const auto diff = diff_runs(a, b);
  if (!diff) {
    log::error("{}", diff.error().message);
    return exit_code_of(diff.error());
  }
  fmt::print("{}", json ? to_json(diff_json(*diff)) + "\n" : diff_text(*diff));
  return ExitCode::pass;
}

}  // namespace shaketable

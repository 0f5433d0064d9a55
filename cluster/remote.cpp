#include "cluster/remote.h"

#include <fmt/format.h>

namespace shaketable {
namespace {

std::string_view last_line(std::string_view text) {
  const std::size_t end = text.find_last_not_of(" \t\r\n");
  if (end == std::string_view::npos) return {};
  text = text.substr(0, end + 1);
  const std::size_t newline = text.rfind('\n');
  return newline == std::string_view::npos ? text : text.substr(newline + 1);
}

}  // namespace

std::string CommandOutcome::describe() const {
  switch (state) {
    case CommandState::not_started:
      return "not started: " + why;
    case CommandState::unknown:
      return "unknown: " + why;
    case CommandState::done:
      break;
  }
  if (!signal.empty()) return "killed by " + signal;
  std::string_view said = last_line(err);
  if (said.empty() && exit_code != 0) said = last_line(out);
  if (said.empty()) return fmt::format("exit code {}", exit_code);
  return fmt::format("exit code {}: {}", exit_code, said);
}

}  // namespace shaketable

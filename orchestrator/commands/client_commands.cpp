// The commands about client programs: conformance, and client, which serves a built-in client as one.
#include <fmt/format.h>

#include <iostream>

#include "base/duration.h"
#include "base/log.h"
#include "history/text.h"
#include "orchestrator/commands/commands.h"
#include "workloads/clients/conformance.h"
#include "workloads/clients/exec.h"
#include "workloads/clients/registry.h"
#include "workloads/clients/serve.h"

namespace shaketable {

ExitCode client_command(const std::string& name) {
  const ClientInfo* info = find_client(name);
  if (!info) {
    log::error("there is no client \"{}\"", name);
    return ExitCode::bad_input;
  }
  std::ios::sync_with_stdio(false);
  const auto served = serve_client(*info, std::cin, std::cout);
  if (served) return ExitCode::pass;
  log::error("{}", served.error().message);
  return exit_code_of(served.error());
}

ExitCode conformance_command(const ConformanceOptions& options) {
  ConformanceSettings settings;
  settings.command = options.program;
  settings.interface = options.interface;
  settings.endpoints = options.endpoints;
  const auto timeout = parse_duration(options.timeout);
  if (!timeout || *timeout <= Nanos(0)) {
    log::error("--timeout must be a duration such as 5s, not \"{}\"", options.timeout);
    return ExitCode::bad_input;
  }
  settings.timeout = *timeout;
  for (const std::string& option : options.options) {
    const std::size_t equals = option.find('=');
    if (equals == std::string::npos || equals == 0) {
      log::error("--option must be NAME=VALUE, not \"{}\"", option);
      return ExitCode::bad_input;
    }
    settings.options.emplace_back(option.substr(0, equals), option.substr(equals + 1));
  }
  const auto findings = check_conformance(settings, [&](const ConformanceFinding& finding) {
    if (options.json) return;
    fmt::print("{}  {}{}{}\n", finding.passed ? "ok  " : "FAIL", finding.rule, finding.detail.empty() ? "" : ": ",
               finding.detail);
    std::fflush(stdout);
  });
  if (!findings) {
    log::error("{}", findings.error().message);
    return exit_code_of(findings.error());
  }
  std::vector<Value> rows;
  std::size_t failed = 0;
  for (const ConformanceFinding& finding : *findings) {
    failed += finding.passed ? 0 : 1;
    rows.push_back(Value::map({{"rule", finding.rule}, {"passed", finding.passed}, {"detail", finding.detail}}));
  }
  if (options.json)
    fmt::print("{}\n", to_json(Value::map({{"schema", 1},
                                           {"protocol", kClientProtocol},
                                           {"conforms", failed == 0},
                                           {"rules", Value::list(std::move(rows))}})));
  else
    fmt::print("{}\n", failed == 0 ? fmt::format("all {} rules hold", findings->size())
                                   : fmt::format("{} of {} rules are broken", failed, findings->size()));
  return failed == 0 ? ExitCode::pass : ExitCode::violation;
}

}  // namespace shaketable

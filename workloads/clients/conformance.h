#pragma once
// Does a program keep docs/client-protocol.md? Each rule is tried on the program itself.

#include <functional>
#include <string>
#include <vector>

#include "base/parameters.h"
#include "base/result.h"

namespace shaketable {

struct ConformanceSettings {
  std::vector<std::string> command;
  std::string interface = "register";       // what its functions are; other ones are asked for the protocol alone
  std::vector<std::string> endpoints;       // URLs of a system that answers; may be empty
  Entries options;                          // of the hello message
  Nanos timeout = std::chrono::seconds(5);  // for each answer
};

struct ConformanceFinding {
  std::string rule;
  bool passed = false;
  std::string detail;  // what came instead
};

// Writes into the system at the endpoints, under a run's name of its own, and asks the program to remove it again.
// Errors: the program cannot be started.
Result<std::vector<ConformanceFinding>> check_conformance(const ConformanceSettings& settings,
                                                          const std::function<void(const ConformanceFinding&)>& found);

}  // namespace shaketable

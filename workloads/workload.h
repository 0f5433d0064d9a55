#pragma once
// A workload: what clients do, and which checkers judge what came of it.

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/parameters.h"
#include "base/random.h"
#include "base/result.h"
#include "workloads/generator.h"

namespace shaketable {

// A checker by name, with those of its parameters that differ from its own defaults.
struct WorkloadCheck {
  std::string checker;
  std::vector<std::pair<std::string, ParameterValue>> options;
};

struct Workload {
  GeneratorPtr main;   // endless; rate and time limit are the caller's (stagger, time_limit)
  GeneratorPtr final;  // after the faults are healed; null if there is nothing to read. Ends by itself
  std::vector<WorkloadCheck> checks;
};

struct WorkloadInfo {
  std::string name, about;
  std::vector<ParameterSpec> parameters;
  std::string interface;  // what its client must offer (workloads/interfaces.h)
  // Errors are bad_input: parameters that do not go together. `workers` is how many processes there are at once. Random
  // numbers come with each question (Context::random).
  std::function<Result<Workload>(const Parameters&, std::size_t workers)> make;
};

const std::vector<WorkloadInfo>& workloads();
const WorkloadInfo* find_workload(std::string_view name);

}  // namespace shaketable

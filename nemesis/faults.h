#pragma once
// The catalogue of faults: what a plan can name, and its parameters.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/parameters.h"

namespace shaketable {

struct FaultInfo {
  std::string name;   // "partition"
  std::string about;  // one line
  std::vector<ParameterSpec> parameters;
  std::string main_parameter;  // the one that a plan may write alone: `partition: halves`
};

inline constexpr const char* kPauseClient = "pause-client";  // needs clients that are processes of their own

class Fault;

const std::vector<FaultInfo>& faults();

// nullptr for a name that is not in the catalogue. Lives for ever; any thread.
const Fault* find_fault(std::string_view name);

}  // namespace shaketable

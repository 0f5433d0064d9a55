#pragma once
// The agent's program as a file beside ours, to be put on nodes.

#include <string>
#include <string_view>

#include "base/result.h"

namespace shaketable {

struct AgentProgram {
  std::string bytes;
  std::string hash;     // as the agent's greeting gives it
  std::string machine;  // as uname -m prints it: x86_64, aarch64, …
};

// For nodes of that machine: shaketable-agent, or shaketable-agent-MACHINE, in the directory of this program. Read
// once; the reference lives for ever. Any thread.
Result<const AgentProgram*> agent_program_for(const std::string& machine);

// What the ELF header says the program is for; "" when it is none.
std::string machine_of(std::string_view program);

}  // namespace shaketable

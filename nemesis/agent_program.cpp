#include "nemesis/agent_program.h"

#include <elf.h>
#include <fmt/format.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>

#include "nemesis/agent/protocol.h"

namespace shaketable {
namespace {

namespace fs = std::filesystem;

std::string own_directory() {
  std::error_code ignored;
  return fs::read_symlink("/proc/self/exe", ignored).parent_path().string();
}

std::string slurp(const std::string& path) {
  std::ostringstream text;
  if (std::ifstream file(path, std::ios::binary); file) text << file.rdbuf();
  return text.str();
}

}  // namespace

std::string machine_of(std::string_view program) {
  Elf64_Ehdr header;  // both classes have the machine in the same place
  if (program.size() < sizeof header || std::memcmp(program.data(), ELFMAG, SELFMAG) != 0) return {};
  std::memcpy(&header, program.data(), sizeof header);
  switch (header.e_machine) {
    case EM_X86_64:
      return "x86_64";
    case EM_AARCH64:
      return "aarch64";
    case EM_386:
      return "i686";
    case EM_ARM:
      return "armv7l";
    case EM_RISCV:
      return "riscv64";
    case EM_PPC64:
      return "ppc64le";
    case EM_S390:
      return "s390x";
    default:
      return fmt::format("ELF machine {}", header.e_machine);
  }
}

Result<const AgentProgram*> agent_program_for(const std::string& machine) {
  static std::mutex mutex;
  static std::map<std::string, AgentProgram> known;
  const std::lock_guard lock(mutex);
  if (const auto found = known.find(machine); found != known.end()) return &found->second;
  // Beside the program, or where the package puts it.
  std::string directory = own_directory();
  if (const std::string installed = directory + "/../lib/shaketable"; !fs::exists(directory + "/shaketable-agent"))
    if (fs::exists(installed + "/shaketable-agent")) directory = fs::weakly_canonical(installed).string();
  std::string there;
  for (const std::string& name : {std::string("shaketable-agent"), "shaketable-agent-" + machine}) {
    AgentProgram program;
    program.bytes = slurp(directory + "/" + name);
    if (program.bytes.empty()) continue;
    program.machine = machine_of(program.bytes);
    there = fmt::format("{}/{} is for {}", directory, name, program.machine.empty() ? "no machine" : program.machine);
    if (program.machine != machine) continue;
    program.hash = agent::hash_of(program.bytes);
    return &known.emplace(machine, std::move(program)).first->second;
  }
  if (there.empty())
    return infrastructure(fmt::format("{}/shaketable-agent is not there: build it (scripts/build)", directory));
  return infrastructure(
      fmt::format("the node is of the architecture {0} and {1}: build an agent for it with "
                  "-DSHAKETABLE_AGENT_CROSS={0}-linux-gnu-g++, which leaves {2}/shaketable-agent-{0}",
                  machine, there, directory));
}

}  // namespace shaketable

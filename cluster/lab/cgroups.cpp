#include "cluster/lab/cgroups.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <optional>
#include <sstream>
#include <system_error>
#include <thread>

#include "cluster/lab/plumbing.h"

namespace shaketable::lab {
namespace {

using namespace std::chrono_literals;

bool has_word(const std::string& text, std::string_view word, char separator) {
  std::istringstream stream(text);
  for (std::string item; std::getline(stream, item, separator);) {
    while (!item.empty() && item.back() == '\n') item.pop_back();
    if (item == word) return true;
  }
  return false;
}

struct Hierarchies {
  std::string unified;    // mount point of v2; empty: none
  std::string v1_memory;  // mount point of v1's memory controller; empty: none
};

Hierarchies find_hierarchies() {
  Hierarchies found;
  const Result<std::string> mounts = read_file("/proc/self/mountinfo");
  if (!mounts) return found;
  std::istringstream lines(*mounts);
  for (std::string line; std::getline(lines, line);) {
    // "36 25 0:31 ROOT POINT OPTIONS [optional…] - TYPE SOURCE SUPER_OPTIONS"
    const std::size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    std::string skip, point, type, source, super;
    std::istringstream front(line), back(line.substr(dash + 3));
    front >> skip >> skip >> skip >> skip >> point;
    back >> type >> source >> super;
    if (type == "cgroup2" && found.unified.empty()) found.unified = point;
    if (type == "cgroup" && has_word(super, "memory", ',')) found.v1_memory = point;
  }
  return found;
}

}  // namespace

Result<std::string> make_lab_cgroup(const std::string& name) {
  const Hierarchies at = find_hierarchies();
  std::string why = "no cgroup file system with the memory controller is mounted";
  if (!at.unified.empty()) {
    const Result<std::string> controllers = read_file(at.unified + "/cgroup.controllers");
    if (controllers && has_word(*controllers, "memory", ' ')) {
      const std::string directory = at.unified + "/" + name;
      // Both levels have to hand the controller down; a container whose root holds processes refuses the first.
      auto given = write_kernel_file(at.unified + "/cgroup.subtree_control", "+memory");
      if (given) given = make_directory(directory);
      if (given) given = write_kernel_file(directory + "/cgroup.subtree_control", "+memory");
      if (given) return directory;
      rmdir(directory.c_str());
      why = given.error().message;
    }
  }
  if (!at.v1_memory.empty()) {
    const std::string directory = at.v1_memory + "/" + name;
    if (auto made = make_directory(directory))
      return directory;
    else
      why = made.error().message;
  }
  return infrastructure(why);
}

Result<std::string> make_node_cgroup(const std::string& directory, const std::string& node, std::uint64_t bytes) {
  const std::string path = directory + "/" + node;
  if (auto made = make_directory(path); !made) return Failure(made.error());
  const bool v2 = access((path + "/memory.max").c_str(), F_OK) == 0;
  if (auto bound = write_kernel_file(path + (v2 ? "/memory.max" : "/memory.limit_in_bytes"), std::to_string(bytes));
      !bound)
    return Failure(bound.error());
  // Swap is part of the bound, where the kernel counts it.
  const std::string swap = path + (v2 ? "/memory.swap.max" : "/memory.memsw.limit_in_bytes");
  if (access(swap.c_str(), W_OK) == 0)
    if (auto bound = write_kernel_file(swap, v2 ? "0" : std::to_string(bytes)); !bound) return Failure(bound.error());
  return path;
}

Result<void> remove_lab_cgroup(const std::string& directory) {
  const auto deadline = std::chrono::steady_clock::now() + 3s;
  for (;;) {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(directory, ignored))
      if (entry.is_directory(ignored)) rmdir(entry.path().c_str());
    if (rmdir(directory.c_str()) == 0 || errno == ENOENT) return {};
    const int error = errno;
    if (std::chrono::steady_clock::now() > deadline)
      return system_failure("cannot remove the cgroup " + directory, error);
    std::this_thread::sleep_for(10ms);
  }
}

}  // namespace shaketable::lab

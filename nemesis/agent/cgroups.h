#pragma once
// cgroup v2 as the agent uses it: where processes are, and groups of ours beside them.

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "nemesis/agent/process.h"

namespace shaketable::agent {

// Where cgroup v2 is mounted, and which part of it that shows.
struct CgroupMount {
  std::string root, point;
};
std::optional<CgroupMount> v2_mount();  // nullopt: nowhere
// The directory of a process's group.
Result<std::string> group_of(const ProcessName& process, const CgroupMount& mount);
// Into a file that is there, by one write.
Result<void> put(const std::string& path, std::string_view text);
// Every process in `group` into `home`, and the group removed; nothing to do if it is gone.
Result<void> dissolve(const std::string& group, const std::string& home);

}  // namespace shaketable::agent

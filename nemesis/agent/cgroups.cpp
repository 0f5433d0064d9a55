#include "nemesis/agent/cgroups.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <sstream>

#include "nemesis/agent/system.h"

namespace shaketable::agent {

using namespace std::chrono_literals;

std::optional<CgroupMount> v2_mount() {
  const auto text = read_file("/proc/self/mountinfo");
  if (!text) return std::nullopt;
  for (const std::string& line : lines_of(*text)) {
    const std::size_t dash = line.find(" - ");
    if (dash == std::string::npos || line.compare(dash, 11, " - cgroup2 ") != 0) continue;
    std::istringstream words(line);
    std::string id, parent, device;
    CgroupMount mount;
    if (words >> id >> parent >> device >> mount.root >> mount.point) return mount;
  }
  return std::nullopt;
}

Result<std::string> group_of(const ProcessName& process, const CgroupMount& mount) {
  const auto text = read_file("/proc/" + std::to_string(process.pid) + "/cgroup");
  if (!text) return infrastructure(text.error().message);
  for (const std::string& line : lines_of(*text)) {
    if (!line.starts_with("0::")) continue;
    std::string path = line.substr(3);
    if (mount.root != "/" && path.starts_with(mount.root)) path.erase(0, mount.root.size());
    const std::string directory = mount.point + (path == "/" ? "" : path);
    if (!exists(directory + "/cgroup.procs")) return infrastructure("its group " + path + " cannot be seen from here");
    return directory;
  }
  return infrastructure("it is in no group of cgroup v2");
}

Result<void> put(const std::string& path, std::string_view text) {
  const int file = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (file < 0) return failure(path, errno);
  const bool done = write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int why = errno;
  close(file);
  if (!done) return failure(path, why);
  return {};
}

Result<void> dissolve(const std::string& group, const std::string& home) {
  if (!exists(group)) return {};
  const auto inside = read_file(group + "/cgroup.procs");
  if (!inside) return Failure(inside.error());
  for (const std::string& pid : lines_of(*inside))
    if (auto moved = put(home + "/cgroup.procs", pid); !moved && exists("/proc/" + pid))
      return infrastructure("process " + pid + " cannot be moved back: " + moved.error().message);
  // A group empties a moment after its last process has left.
  const Nanos deadline = raw_now() + 2s;
  while (rmdir(group.c_str()) != 0 && errno != ENOENT) {
    if (raw_now() >= deadline) return failure(group + " cannot be removed", errno);
    usleep(2000);
  }
  return {};
}

}  // namespace shaketable::agent

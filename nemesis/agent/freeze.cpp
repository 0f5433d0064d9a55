// Frozen processes, by the freezer of cgroup v2. A group of our own below the one they are in: their limits stay.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <sstream>

#include "nemesis/agent/processes.h"
#include "nemesis/agent/system.h"

namespace shaketable::agent {
namespace {

using namespace std::chrono_literals;

// Where cgroup v2 is mounted, and which part of it that shows; nullopt: nowhere.
struct Mount {
  std::string root, point;
};
std::optional<Mount> v2_mount() {
  const auto text = read_file("/proc/self/mountinfo");
  if (!text) return std::nullopt;
  for (const std::string& line : lines_of(*text)) {
    const std::size_t dash = line.find(" - ");
    if (dash == std::string::npos || line.compare(dash, 11, " - cgroup2 ") != 0) continue;
    std::istringstream words(line);
    std::string id, parent, device;
    Mount mount;
    if (words >> id >> parent >> device >> mount.root >> mount.point) return mount;
  }
  return std::nullopt;
}

// The directory of a process's group.
Result<std::string> group_of(const ProcessName& process, const Mount& mount) {
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

bool frozen(const std::string& group) {
  const auto events = read_file(group + "/cgroup.events");
  return events && events->find("frozen 1") != std::string::npos;
}

class ArmedFreeze final : public Armed {
 public:
  explicit ArmedFreeze(std::vector<std::string> groups) : groups_(std::move(groups)) {}
  Result<void> commit() override {
    for (const std::string& group : groups_)
      if (auto done = put(group + "/cgroup.freeze", "1"); !done) return done;
    const Nanos deadline = raw_now() + 5s;
    while (!std::all_of(groups_.begin(), groups_.end(), frozen)) {
      if (raw_now() >= deadline) return infrastructure("cgroup.events does not say that they are frozen");
      usleep(1000);
    }
    return {};
  }

 private:
  std::vector<std::string> groups_;
};

std::vector<std::string> groups_in(const Entry& entry, std::string_view name) {
  return lines_of(field(entry.fields, name));
}

}  // namespace

Result<void> Freeze::look(Entry& entry) const {
  const auto mount = v2_mount();
  if (!mount) return infrastructure("there is no cgroup v2 on this node, so nothing can be frozen (pause is there)");
  const auto found = find_processes(std::string(field(entry.fields, "pids")));
  if (!found) return Failure(found.error());
  std::vector<std::string> homes;
  for (const ProcessName& process : *found) {
    const auto group = group_of(process, *mount);
    if (!group) return Failure(group.error());
    if (!exists(*group + "/cgroup.freeze") && *group != mount->point)
      return infrastructure("cgroup v2 has no freezer on this node (Linux before 5.2)");
    if (std::find(homes.begin(), homes.end(), *group) == homes.end()) homes.push_back(*group);
  }
  set_field(entry.fields, "processes", to_text(*found));
  set_field(entry.fields, "homes", joined(homes, "\n"));
  std::vector<std::string> groups;
  for (const std::string& home : homes) groups.push_back(home + "/shaketable-" + entry.key);
  set_field(entry.fields, "groups", joined(groups, "\n"));
  return {};
}

Result<std::unique_ptr<Armed>> Freeze::arm(Entry& entry) const {
  const auto mount = v2_mount();
  if (!mount) return infrastructure("cgroup v2 is gone");
  const auto homes = groups_in(entry, "homes"), groups = groups_in(entry, "groups");
  const auto failed = [&](const Error& why) -> Result<std::unique_ptr<Armed>> {
    (void)undo(entry).has_value();
    return Failure(why);
  };
  for (const std::string& group : groups)
    if (mkdir(group.c_str(), 0755) != 0 && errno != EEXIST) return failed(failure(group, errno).value());
  for (const ProcessName& process : to_processes(field(entry.fields, "processes"))) {
    const auto home = group_of(process, *mount);
    if (!home) return failed(home.error());
    const auto at = std::find(homes.begin(), homes.end(), *home);
    if (at == homes.end()) return failed(infrastructure("a process changed its group meanwhile").value());
    const std::string& group = groups[static_cast<std::size_t>(at - homes.begin())];
    if (auto moved = put(group + "/cgroup.procs", std::to_string(process.pid)); !moved) return failed(moved.error());
  }
  for (const std::string& group : groups)
    if (!exists(group + "/cgroup.freeze"))
      return failed(infrastructure("cgroup v2 has no freezer on this node").value());
  return std::make_unique<ArmedFreeze>(groups);
}

Fields Freeze::prove(const Entry& entry) const {
  const auto groups = groups_in(entry, "groups");
  const auto held = std::count_if(groups.begin(), groups.end(), frozen);
  return {{"frozen", std::to_string(held)}, {"bit", held == static_cast<std::ptrdiff_t>(groups.size()) ? "yes" : "no"}};
}

Result<Undone> Freeze::undo(const Entry& entry) const {
  const auto homes = groups_in(entry, "homes"), groups = groups_in(entry, "groups");
  Undone undone;
  for (std::size_t i = 0; i < groups.size() && i < homes.size(); ++i) {
    if (!exists(groups[i])) continue;
    if (auto thawed = put(groups[i] + "/cgroup.freeze", "0"); !thawed && exists(groups[i] + "/cgroup.freeze"))
      return Failure(thawed.error());
    const auto inside = read_file(groups[i] + "/cgroup.procs");
    if (!inside) return Failure(inside.error());
    for (const std::string& pid : lines_of(*inside))
      if (auto moved = put(homes[i] + "/cgroup.procs", pid); !moved && exists("/proc/" + pid))
        return infrastructure("process " + pid + " cannot be moved back: " + moved.error().message);
    // A group empties a moment after its last process has left.
    const Nanos deadline = raw_now() + 2s;
    while (rmdir(groups[i].c_str()) != 0 && errno != ENOENT) {
      if (raw_now() >= deadline) return failure(groups[i] + " cannot be removed", errno);
      usleep(2000);
    }
  }
  return undone;
}

}  // namespace shaketable::agent

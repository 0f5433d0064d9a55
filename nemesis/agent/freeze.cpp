// Frozen processes, by the freezer of cgroup v2. A group of our own below the one they are in: their limits stay.

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "nemesis/agent/cgroups.h"
#include "nemesis/agent/journal.h"
#include "nemesis/agent/processes.h"
#include "nemesis/agent/system.h"

namespace shaketable::agent {
namespace {

using namespace std::chrono_literals;

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
  if (const auto other = Journal().beside(entry, {"stall"}))
    return infrastructure("another fault that moves processes into groups is in force: " + *other);
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
    if (auto dissolved = dissolve(groups[i], homes[i]); !dissolved) return Failure(dissolved.error());
  }
  return undone;
}

}  // namespace shaketable::agent

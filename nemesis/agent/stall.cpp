#include "nemesis/agent/stall.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <sstream>

#include "nemesis/agent/cgroups.h"
#include "nemesis/agent/helper.h"
#include "nemesis/agent/journal.h"
#include "nemesis/agent/processes.h"
#include "nemesis/agent/system.h"

namespace shaketable::agent {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kBlock = 4096;

std::int64_t number(const Entry& entry, std::string_view name) {
  return to_number(field(entry.fields, name)).value_or(0);
}

bool has_word(const std::string& path, std::string_view wanted) {
  const auto text = read_file(path);
  if (!text) return false;
  std::istringstream words(*text);
  for (std::string word; words >> word;)
    if (word == wanted) return true;
  return false;
}

// The whole disk below a directory, as io.max names it: a partition has no queue of its own.
Result<std::string> disk_of(const std::string& path) {
  struct stat found {};
  if (!path.starts_with('/') || stat(path.c_str(), &found) != 0 || !S_ISDIR(found.st_mode))
    return infrastructure("\"" + path + "\" is not a directory of this node");
  std::string device = std::to_string(major(found.st_dev)) + ":" + std::to_string(minor(found.st_dev));
  const std::string known = "/sys/dev/block/" + device;
  if (!exists(known))
    return infrastructure(path + " lies on no single disk (its file system is overlay, tmpfs, btrfs or the like)");
  if (!exists(known + "/partition")) return device;
  const auto whole = read_file(known + "/../dev");
  if (!whole || lines_of(*whole).empty()) return infrastructure("the disk of partition " + device + " is not known");
  return lines_of(*whole).front();
}

// A file without a name; negative: errno.
int open_probe(const std::string& path) {
  const int file = open(path.c_str(), O_TMPFILE | O_WRONLY | O_DSYNC | O_CLOEXEC, 0600);
  return file < 0 ? -errno : file;
}

bool write_block(int file) {
  static const std::string block(kBlock, 'x');
  return pwrite(file, block.data(), block.size(), 0) == static_cast<ssize_t>(block.size());
}

[[noreturn]] void keep_writing(const std::string& path) {
  const int file = open_probe(path);
  for (std::int64_t done = 1; file >= 0; ++done) {
    if (!write_block(file)) break;
    prctl(PR_SET_NAME, (kStallProbe + std::to_string(done)).c_str());
    usleep(1000);
  }
  for (;;) pause();
}

// The directories from the mount to this one, both included.
std::vector<std::string> way_down(const std::string& point, const std::string& directory) {
  std::vector<std::string> out{point};
  for (std::size_t end = point.size(); end < directory.size();) {
    end = std::min(directory.find('/', end + 1), directory.size());
    out.push_back(directory.substr(0, end));
  }
  return out;
}

std::vector<std::string> listed(const Entry& entry, std::string_view name) {
  return lines_of(field(entry.fields, name));
}

class ArmedStall final : public Armed {
 public:
  ArmedStall(std::vector<std::string> groups, std::string limit, std::unique_ptr<WaitingHelper> probe)
      : groups_(std::move(groups)), limit_(std::move(limit)), probe_(std::move(probe)) {}
  Result<void> commit() override {
    for (const std::string& group : groups_)
      if (auto done = put(group + "/io.max", limit_); !done) return done;
    return probe_->go();
  }

 private:
  std::vector<std::string> groups_;
  std::string limit_;
  std::unique_ptr<WaitingHelper> probe_;
};

}  // namespace

Result<void> lift_io_limits(const std::string& group) {
  const auto limits = read_file(group + "/io.max");
  if (!limits) return {};
  for (const std::string& line : lines_of(*limits)) {
    const std::string device = line.substr(0, line.find(' '));
    if (auto done = put(group + "/io.max", device + " rbps=max wbps=max riops=max wiops=max"); !done) return done;
  }
  return {};
}

Result<void> Stall::look(Entry& entry) const {
  const auto mount = v2_mount();
  if (!mount) return infrastructure("there is no cgroup v2 on this node, so nothing can be held to a rate");
  if (!has_word(mount->point + "/cgroup.controllers", "io"))
    return infrastructure(
        "cgroup v2 has no io controller on this node (in a hybrid tree it belongs to v1, as blkio), so nothing can be "
        "held to a rate");
  // Its undo takes the io controller back, and with it every other limit below; and a group that a fault made is no
  // home to go back to.
  if (const auto other = Journal().beside(entry, {name(), "freeze"}))
    return infrastructure("another fault that moves processes into groups is in force: " + *other);
  const std::string path(field(entry.fields, "path"));
  const auto disk = disk_of(path);
  if (!disk) return Failure(disk.error());
  const auto found = find_processes(std::string(field(entry.fields, "pids")));
  if (!found) return Failure(found.error());
  std::vector<std::string> homes, groups, handed;
  for (const ProcessName& process : *found) {
    const auto group = group_of(process, *mount);
    if (!group) return Failure(group.error());
    if (std::find(homes.begin(), homes.end(), *group) == homes.end()) homes.push_back(*group);
  }
  for (const std::string& home : homes) {
    if (has_word(home + "/io.max", *disk)) return infrastructure(home + " has a limit of this disk already");
    const std::string above = home == mount->point ? home : home.substr(0, home.rfind('/'));
    groups.push_back(above + "/shaketable-" + entry.key + (groups.empty() ? "" : "." + std::to_string(groups.size())));
    for (const std::string& directory : way_down(mount->point, above))
      if (!has_word(directory + "/cgroup.subtree_control", "io") &&
          std::find(handed.begin(), handed.end(), directory) == handed.end())
        handed.push_back(directory);
  }
  const int probe = open_probe(path);
  if (probe < 0) return failure("no file for the proof can be made in " + path, -probe);
  const Nanos before = raw_now();
  const bool written = write_block(probe);
  const int why = errno;
  close(probe);
  if (!written) return failure(path, why);
  const auto reference = std::chrono::duration_cast<std::chrono::microseconds>(raw_now() - before).count();
  set_field(entry.fields, "processes", to_text(*found));
  set_field(entry.fields, "homes", joined(homes, "\n"));
  set_field(entry.fields, "groups", joined(groups, "\n"));
  set_field(entry.fields, "handed", joined(handed, "\n"));
  set_field(entry.fields, "device", *disk);
  set_field(entry.fields, "reference_us", std::to_string(std::max<std::int64_t>(reference, 1)));
  set_field(entry.fields, "raw", std::to_string(raw_now().count()));
  return {};
}

Result<std::unique_ptr<Armed>> Stall::arm(Entry& entry) const {
  const auto mount = v2_mount();
  if (!mount) return infrastructure("cgroup v2 is gone");
  const auto homes = listed(entry, "homes"), groups = listed(entry, "groups");
  const auto failed = [&](const Error& why) -> Result<std::unique_ptr<Armed>> {
    (void)undo(entry).has_value();
    return Failure(why);
  };
  for (const std::string& directory : listed(entry, "handed"))
    if (auto done = put(directory + "/cgroup.subtree_control", "+io"); !done)
      return failed(done.error().in("the io controller cannot be handed down"));
  for (const std::string& group : groups) {
    if (mkdir(group.c_str(), 0755) != 0 && errno != EEXIST) return failed(failure(group, errno).value());
    if (!exists(group + "/io.max")) return failed(infrastructure("the kernel has no io.max").value());
  }
  for (const ProcessName& process : to_processes(field(entry.fields, "processes"))) {
    const auto home = group_of(process, *mount);
    if (!home) return failed(home.error());
    const auto at = std::find(homes.begin(), homes.end(), *home);
    if (at == homes.end()) return failed(infrastructure("a process changed its group meanwhile").value());
    const std::string& group = groups[static_cast<std::size_t>(at - homes.begin())];
    if (auto moved = put(group + "/cgroup.procs", std::to_string(process.pid)); !moved) return failed(moved.error());
  }
  const std::string path(field(entry.fields, "path"));
  auto probe = WaitingHelper::start(std::string(kStallProbe) + "0", [path] { keep_writing(path); });
  if (!probe) return failed(probe.error());
  set_field(entry.fields, "probe", to_text((*probe)->name()));
  if (auto moved = put(groups.front() + "/cgroup.procs", std::to_string((*probe)->name().pid)); !moved)
    return failed(moved.error());
  const std::string bytes(field(entry.fields, "bytes"));
  return std::make_unique<ArmedStall>(
      groups, std::string(field(entry.fields, "device")) + " rbps=" + bytes + " wbps=" + bytes, std::move(*probe));
}

Fields Stall::prove(const Entry& entry) const {
  std::int64_t writes = -1;
  if (const auto probe = to_process(field(entry.fields, "probe")); probe && alive(*probe))
    if (const auto state = look_at(probe->pid); state && state->command.starts_with(kStallProbe))
      writes = to_number(state->command.substr(std::string_view(kStallProbe).size())).value_or(-1);
  const std::int64_t elapsed_us = (raw_now().count() - number(entry, "raw")) / 1000;
  const std::int64_t reference = number(entry, "reference_us");
  // What the limit lets through, twice over; and far fewer than there would be without it.
  const std::int64_t most = 2 * (elapsed_us * number(entry, "bytes") / 1'000'000 / kBlock) + 2;
  const bool bit = writes >= 0 && writes <= most && elapsed_us / (writes + 1) > 4 * (reference + 1000);
  return {{"writes", std::to_string(writes)},
          {"elapsed_ms", std::to_string(elapsed_us / 1000)},
          {"reference_us", std::to_string(reference)},
          {"bit", bit ? "yes" : "no"}};
}

Result<Undone> Stall::undo(const Entry& entry) const {
  const auto homes = listed(entry, "homes"), groups = listed(entry, "groups");
  // First of all, so that nothing waits for its disk any more; who does can neither be killed nor leave its group.
  for (const std::string& group : groups)
    if (auto lifted = lift_io_limits(group); !lifted) return Failure(lifted.error());
  if (const auto probe = to_process(field(entry.fields, "probe")))
    if (auto ended = end_helpers({*probe}); !ended) return Failure(ended.error());
  for (std::size_t i = 0; i < groups.size() && i < homes.size(); ++i)
    if (auto dissolved = dissolve(groups[i], homes[i]); !dissolved) return Failure(dissolved.error());
  auto handed = listed(entry, "handed");
  std::reverse(handed.begin(), handed.end());
  for (const std::string& directory : handed) {
    const std::string control = directory + "/cgroup.subtree_control";
    if (!has_word(control, "io")) continue;
    if (auto done = put(control, "-io"); !done) return Failure(done.error());
    if (has_word(control, "io")) return infrastructure(directory + " hands the io controller down still");
  }
  return Undone();
}

}  // namespace shaketable::agent

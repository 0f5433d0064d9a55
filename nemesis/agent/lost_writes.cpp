#include "nemesis/agent/lost_writes.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "nemesis/agent/processes.h"
#include "nemesis/agent/system.h"

namespace shaketable::agent {
namespace {

using namespace std::chrono_literals;

constexpr Nanos kStillTimeout = 2s;
constexpr Nanos kEndTimeout = 5s;
constexpr Nanos kStartTimeout = 45s;
constexpr Nanos kRunTimeout = 5s;

template <class Predicate>
bool wait_until(Predicate done, Nanos timeout) {
  const Nanos deadline = raw_now() + timeout;
  while (!done()) {
    if (raw_now() >= deadline) return false;
    usleep(5000);
  }
  return true;
}

std::string text_of(const Entry& entry, std::string_view name) {
  return std::string(field(entry.fields, name));
}

std::vector<ProcessName> system_now(const Entry& entry) {
  const auto found = find_processes(text_of(entry, "pids"));
  return found ? *found : std::vector<ProcessName>();
}

bool stands_still(const ProcessName& process) {
  const auto found = look_at(process.pid);
  return !found || found->start != process.start || found->state == 'T' || found->state == 't' || found->state == 'Z' ||
         found->state == 'X';
}

Result<void> end_processes(const std::vector<ProcessName>& processes) {
  for (const ProcessName& process : processes) signal_process(process, SIGKILL);
  if (!wait_until([&] { return std::none_of(processes.begin(), processes.end(), alive); }, kEndTimeout))
    return infrastructure("a process lives on after SIGKILL");
  return {};
}

// None where nobody can tell: who relies on it asks for the device's openers too.
std::vector<Mount> mounted(Disks& disks, const std::string& device) {
  auto all = disks.mounts();
  if (!all) return {};
  std::erase_if(*all, [&](const Mount& mount) { return mount.device != device; });
  return *all;
}

// Unmounts all of the device's, the last first. Whoever `end` ends may be started again by somebody else meanwhile.
template <class End>
Result<void> unmount_all(Disks& disks, const std::string& device, End end) {
  Result<void> done;
  const bool free = wait_until(
      [&] {
        auto here = mounted(disks, device);
        for (; !here.empty(); here.pop_back())
          if (done = disks.unmount(here.back().point); !done) break;
        if (here.empty()) return true;
        end();
        return false;
      },
      disks.patience());
  if (free) return {};
  const auto left = mounted(disks, device);
  const auto users = left.empty() ? std::vector<std::string>() : disks.users(left.back(), {});
  return infrastructure((done ? "it stays mounted" : done.error().message) +
                        (users.empty() ? "" : " (in use by " + joined(users, ", ") + ")"));
}

// udev looks at a device for a moment whenever it changes.
Result<void> wait_for_openers(Disks& disks, const std::string& name, int most) {
  Result<void> looked;
  const bool free = wait_until(
      [&] {
        const auto device = disks.look(name);
        looked = device ? Result<void>() : Result<void>(Failure(device.error()));
        return device && *device && (*device)->openers <= most;
      },
      disks.patience());
  if (free) return {};
  if (!looked) return looked;
  return infrastructure("the device " + name +
                        " is open elsewhere: by another mount, in another namespace, or a program");
}

// Nobody has the device open.
Result<void> put_table_back(Disks& disks, const std::string& name, const MapTable& table) {
  if (auto loaded = disks.load(name, table); !loaded) return loaded;
  if (auto resumed = disks.resume(name); !resumed) return resumed;
  const auto now = disks.table(name, Slot::live);
  if (!now) return Failure(now.error());
  if (*now != table) return infrastructure("the table of " + name + " was not read back: it is " + to_text(*now));
  return {};
}

Result<void> drop_waiting(Disks& disks, const MappedDevice& device) {
  if (!device.waiting) return {};
  const auto waiting = disks.table(device.name, Slot::waiting);
  if (!waiting) return Failure(waiting.error());
  return without_dropping(*waiting) ? disks.clear(device.name) : Result<void>();
}

void add_note(Undone& undone, const std::string& text) {
  undone.note += (undone.note.empty() ? "" : "; ") + text;
}

// Tables and mount as found, from whatever stage; what is done already is not done again. `dropped`: what the device
// was asked to write since it dropped writes.
Result<void> restore_disk(Disks& disks, const Entry& entry, Undone& undone,
                          std::optional<std::int64_t> writes_before = std::nullopt,
                          std::optional<std::int64_t>* dropped = nullptr) {
  const std::string name = text_of(entry, "name");
  const auto found_table = to_table(field(entry.fields, "table"));
  const auto found_mount = to_mount(field(entry.fields, "mount"));
  if (!found_table || !found_mount) return infrastructure("its journal does not say which table and mount there were");
  // Somebody else's look at it may have made it stand still; ours never does for longer than a call.
  std::optional<MappedDevice> device;
  for (int attempt = 0;; ++attempt) {
    const auto looked = disks.look(name);
    if (!looked) return Failure(looked.error());
    device = *looked;
    if (!device || device->uuid != text_of(entry, "uuid")) {
      undone.missing = "the device " + name + " is not there any more";
      return {};
    }
    if (!device->suspended) break;
    if (attempt == 20) {
      if (auto cleared = drop_waiting(disks, *device); !cleared) return cleared;
      if (auto resumed = disks.resume(name); !resumed) return resumed;
    }
    if (attempt == 40) return infrastructure("the device " + name + " stands still (dmsetup resume " + name + ")");
    usleep(100'000);
  }
  // What waits would be in force with the next resume, whoever asks for it.
  if (auto cleared = drop_waiting(disks, *device); !cleared) return cleared;
  auto live = disks.table(name, Slot::live);
  if (!live) return Failure(live.error());
  if (without_dropping(*live)) {
    auto processes = to_processes(field(entry.fields, "processes"));
    for (const ProcessName& process : system_now(entry)) processes.push_back(process);
    if (auto ended = end_processes(processes); !ended) return ended;
    bool again = false;
    const auto end = [&] {
      const auto now = system_now(entry);
      again = again || !now.empty();
      (void)end_processes(now).has_value();
    };
    if (auto unmounted = unmount_all(disks, device->device, end); !unmounted)
      return infrastructure("the device " + name + " drops writes still: " + unmounted.error().message);
    if (again) add_note(undone, "somebody else started the system while its disk dropped writes");
    if (auto free = wait_for_openers(disks, name, 0); !free)
      return infrastructure("the device " + name + " drops writes still: " + free.error().message);
    if (const auto now = disks.writes(device->device); dropped && now && writes_before)
      *dropped = *now - *writes_before;
    if (auto back = put_table_back(disks, name, *found_table); !back) return back;
    live = disks.table(name, Slot::live);
    if (!live) return Failure(live.error());
  }
  if (*live != *found_table) {
    undone.missing = "the table of " + name + " is another one than was found: " + to_text(*live);
    return {};
  }
  const auto here = [&]() -> Result<std::optional<Mount>> {
    const auto all = disks.mounts();
    if (!all) return Failure(all.error());
    std::optional<Mount> last;
    for (const Mount& mount : *all)
      if (mount.device == device->device && mount.point == found_mount->point) last = mount;
    return last;
  };
  auto now = here();
  if (!now) return Failure(now.error());
  if (!*now) {
    if (auto done = disks.mount(*found_mount); !done) return done;
    now = here();
    if (!now) return Failure(now.error());
  }
  if (!*now) return infrastructure(found_mount->point + " was mounted and is not there");
  if (const std::string differs = difference(*found_mount, **now); !differs.empty())
    undone.missing = found_mount->point + " is mounted otherwise: " + differs;
  return {};
}

class ArmedLoss final : public Armed {
 public:
  ArmedLoss(Disks& disks, const Entry& entry) : disks_(disks), entry_(entry) {}

  Result<void> commit() override {
    const std::string name = text_of(entry_, "name");
    const auto table = to_table(field(entry_.fields, "table"));
    const auto mount = to_mount(field(entry_.fields, "mount"));
    const auto drops = table ? dropping(*table) : std::nullopt;
    if (!drops || !mount) return infrastructure("there is no table that could drop writes");
    // Until here nothing has changed: what was looked at may have, meanwhile.
    const auto processes = system_now(entry_);
    if (processes.empty()) return infrastructure("the system ended before its moment came");
    if (const auto users = disks_.users(*mount, processes); !users.empty())
      return infrastructure(mount->point + " is in use by " + joined(users, ", "));
    const auto live = disks_.table(name, Slot::live);
    if (!live) return Failure(live.error());
    if (*live != *table) return infrastructure("the table of " + name + " changed before the moment came");
    // They stand still first, so that nothing is told to be synced that is dropped; and nobody starts them again yet.
    for (const ProcessName& process : processes) signal_process(process, SIGSTOP);
    (void)wait_until([&] { return std::all_of(processes.begin(), processes.end(), stands_still); }, kStillTimeout);
    auto done = write_probe(text_of(entry_, "probe"));
    if (done) done = disks_.load(name, *drops);
    if (done)
      if (done = disks_.resume(name); !done) (void)disks_.clear(name).has_value();
    if (!done) {
      for (const ProcessName& process : processes) signal_process(process, SIGCONT);
      return done;
    }
    const auto before = disks_.writes(mount->device);
    std::optional<std::int64_t> dropped;
    Undone undone;
    if (auto back = restore_disk(disks_, entry_, undone, before, &dropped); !back) return back;
    if (dropped) kept_.emplace_back("dropped_writes", std::to_string(*dropped));
    if (!undone.missing.empty()) return infrastructure(undone.missing);
    if (auto started = start_system(entry_); !started) return started;
    if (!undone.note.empty()) return infrastructure(undone.note);
    return {};
  }
  Fields kept() const override { return kept_; }

 private:
  Disks& disks_;
  Entry entry_;
  Fields kept_;
};

}  // namespace

Result<void> write_probe(const std::string& path) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return failure("the probe " + path, errno);
  const ssize_t put = write(file, "unsynced\n", 9);
  const int why = put < 0 ? errno : ENOSPC;
  close(file);
  if (put == 9) return {};
  unlink(path.c_str());
  return failure("the probe " + path, why);
}

bool probe_survived(const std::string& path) {
  const auto text = read_file(path);
  return text && *text == "unsynced\n";
}

Result<std::string> existing_directory(const std::string& path) {
  if (!path.starts_with('/')) return infrastructure("\"" + path + "\" is no absolute path");
  for (std::string directory = path;;) {
    char real[4096];
    if (realpath(directory.c_str(), real)) return std::string(real);
    if (errno != ENOENT || directory == "/") return failure(directory, errno);
    const std::size_t slash = directory.find_last_of('/');
    directory = slash == 0 ? "/" : directory.substr(0, slash);
  }
}

Result<void> start_system(const Entry& entry) {
  const std::string pids = text_of(entry, "pids");
  if (find_processes(pids)) return {};
  const Output started = run_script(text_of(entry, "start"), kStartTimeout);
  if (started.code != 0) return infrastructure("the system could not be started: " + started.describe());
  if (!wait_until([&] { return find_processes(pids).has_value(); }, kRunTimeout))
    return infrastructure("the system was started and does not run");
  return {};
}

Result<void> LostWrites::look(Entry& entry) const {
  if (geteuid() != 0) return infrastructure("the agent is not root there");
  if (text_of(entry, "start").empty())
    return infrastructure("the system's file does not say how to start it (start), so nothing could undo this");
  if (const auto other = Journal().beside(entry, {name()}))
    return infrastructure("another fault that drops writes is in force: " + *other);
  const std::string path = text_of(entry, "path");
  const auto directory = existing_directory(path);
  if (!directory) return Failure(directory.error());
  const auto mounts = disks_.mounts();
  if (!mounts) return Failure(mounts.error());
  const auto mount = mount_of(*mounts, *directory);
  if (!mount) return infrastructure("no mount is known that " + path + " lies on");
  const std::string lies = path + " lies on " + mount->point + " (" + mount->type + ")";
  if (mount->point == "/") return infrastructure(path + " lies on the root file system, which cannot be unmounted");
  for (const std::string_view own : {kJournalDirectory, kRunDirectory, kProgram})
    if (const auto place = existing_directory(std::string(own)))
      if (const auto under = mount_of(*mounts, *place); under && under->device == mount->device)
        return infrastructure(lies + ", and so does " + std::string(own) + ", which the undo needs");
  const auto device = disks_.mapped(mount->device);
  if (!device) return Failure(device.error());
  if (!*device)
    return infrastructure(lies + ", and that is no device of the device mapper's: dm-flakey can take no place of it");
  const MappedDevice& below = **device;
  if (below.suspended || below.waiting || below.read_only)
    return infrastructure("the device " + below.name +
                          (below.suspended ? " stands still"
                           : below.waiting ? " has a table waiting that somebody loaded"
                                           : " can only be read"));
  const auto table = disks_.table(below.name, Slot::live);
  if (!table) return Failure(table.error());
  if (without_dropping(*table)) return infrastructure("the device " + below.name + " drops writes already");
  if (!dropping(*table))
    return infrastructure("the table of the device " + below.name + " is not linear: " + to_text(*table));
  if (auto able = disks_.can_drop(); !able) return able;
  if (mount->root != "/" || mount->options.starts_with("ro") || mount->super.starts_with("ro"))
    return infrastructure(mount->point + " is a part of a file system, or can only be read");
  for (const std::string& tag : mount->tags)
    if (!tag.starts_with("shared:")) return infrastructure(mount->point + " is mounted from elsewhere (" + tag + ")");
  for (const Mount& other : *mounts) {
    if (other.point != mount->point && other.device == mount->device)
      return infrastructure("its file system is mounted on " + other.point + " too");
    if (other.point != mount->point ? is_below(other.point, mount->point) : other.device != mount->device)
      return infrastructure("something else is mounted on or below " + mount->point + ": " + other.point);
  }
  if (auto whole = disks_.survives_power_cut(*mount); !whole) return whole;
  const auto found = find_processes(text_of(entry, "pids"));
  if (!found) return Failure(found.error());
  for (const ProcessName& process : *found)
    if (const auto state = look_at(process.pid); state && state->state == 'T')
      return infrastructure("process " + to_text(process) + " stands still already");
  if (const auto users = disks_.users(*mount, *found); !users.empty())
    return infrastructure(mount->point + " is in use by others than the system: " + joined(users, ", "));
  if (auto alone = wait_for_openers(disks_, below.name, 1); !alone) return alone;
  set_field(entry.fields, "name", below.name);
  set_field(entry.fields, "uuid", below.uuid);
  set_field(entry.fields, "table", to_text(*table));
  set_field(entry.fields, "mount", to_line(*mount));
  set_field(entry.fields, "processes", to_text(*found));
  set_field(entry.fields, "probe", mount->point + "/.shaketable-unsynced." + entry.key);
  return {};
}

Result<std::unique_ptr<Armed>> LostWrites::arm(Entry& entry) const {
  return std::make_unique<ArmedLoss>(disks_, entry);
}

Fields LostWrites::prove(const Entry& entry) const {
  Fields out;
  if (has_field(entry.fields, "dropped_writes"))
    out.emplace_back("dropped_writes", field(entry.fields, "dropped_writes"));
  const bool survived = probe_survived(text_of(entry, "probe"));
  out.emplace_back("unsynced_file", survived ? "still there" : "lost");
  out.emplace_back("bit", survived ? "no" : "yes");
  return out;
}

Result<Undone> LostWrites::undo(const Entry& entry) const {
  Undone undone;
  if (entry.boot == boot_id()) {
    if (auto restored = restore_disk(disks_, entry, undone); !restored) return Failure(restored.error());
    if (!undone.missing.empty()) return undone;
    // Who was stopped in the moment before and not killed after it.
    for (const ProcessName& process : to_processes(field(entry.fields, "processes"))) signal_process(process, SIGCONT);
  } else {
    // The table went with the boot, and what is mounted is what every boot mounts.
    const auto found = to_mount(field(entry.fields, "mount")), now = [&]() -> std::optional<Mount> {
      const auto mounts = disks_.mounts();
      return mounts && found ? mount_of(*mounts, found->point) : std::nullopt;
    }();
    if (!found || !now || now->point != found->point) {
      undone.note = "the node was rebooted since, and " + (found ? found->point : "its file system") +
                    " is not mounted: the system was not started";
      return undone;
    }
  }
  if (auto started = start_system(entry); !started) return Failure(started.error());
  unlink(text_of(entry, "probe").c_str());
  return undone;
}

std::vector<std::string> dropping_devices(Disks& disks) {
  std::vector<std::string> out;
  const auto names = disks.names();
  if (!names) return out;
  for (const std::string& name : *names) {
    const auto device = disks.look(name);
    if (!device || !*device) continue;
    const auto live = disks.table(name, Slot::live);
    const auto waiting = (*device)->waiting ? disks.table(name, Slot::waiting) : Result<MapTable>(MapTable());
    if ((live && without_dropping(*live)) || (waiting && without_dropping(*waiting))) out.push_back(name);
  }
  return out;
}

void remove_dropping(Disks& disks, std::vector<std::string>& undone, std::vector<std::string>& in_force,
                     std::vector<std::string>& doubts) {
  for (const std::string& name : dropping_devices(disks)) {
    const auto restore = [&]() -> Result<void> {
      auto device = disks.look(name);
      if (!device || !*device) return infrastructure("it cannot be looked at");
      if (auto cleared = drop_waiting(disks, **device); !cleared) return cleared;
      const auto live = disks.table(name, Slot::live);
      const auto linear = live ? without_dropping(*live) : std::nullopt;
      if (!linear) return {};
      const auto mounts = mounted(disks, (*device)->device);
      if (auto unmounted = unmount_all(disks, (*device)->device, [] {}); !unmounted) return unmounted;
      if (auto free = wait_for_openers(disks, name, 0); !free) return free;
      if (auto back = put_table_back(disks, name, *linear); !back) return back;
      for (const Mount& mount : mounts)
        if (auto again = disks.mount(mount); !again) return again;
      doubts.push_back("what kept its data on " +
                       (mounts.empty() ? name + ", which was not mounted," : mounts[0].point) + " was ended: start it");
      return {};
    };
    if (auto done = restore(); !done)
      in_force.push_back("the device " + name + " drops writes: " + done.error().message);
    else
      undone.push_back("the device " + name + " dropped writes");
  }
}

}  // namespace shaketable::agent

#include "nemesis/agent/disks.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <sstream>

#include "nemesis/agent/protocol.h"
#include "nemesis/agent/system.h"

namespace shaketable::agent {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kUsersTold = 5;

std::string device_of(const struct stat& found) {
  return std::to_string(major(found.st_dev)) + ":" + std::to_string(minor(found.st_dev));
}

bool lies_on(const std::string& path, const std::string& device) {
  struct stat found {};
  return stat(path.c_str(), &found) == 0 && device_of(found) == device;
}

std::string target_of(const std::string& link) {
  char text[512] = "";
  return readlink(link.c_str(), text, sizeof text - 1) > 0 ? text : "";
}

// "dm-0": the kernel's own name of it.
std::string kernel_name(const std::string& device) {
  const std::string link = target_of("/sys/dev/block/" + device);
  return link.substr(link.rfind('/') + 1);
}

bool has_open(const std::string& process, const std::string& device) {
  for (const char* link : {"/cwd", "/root", "/exe"})
    if (lies_on(process + link, device)) return true;
  for (const std::string& name : list_directory(process + "/fd"))
    if (lies_on(process + "/fd/" + name, device)) return true;
  const auto maps = read_file(process + "/maps");
  if (!maps) return false;
  for (const std::string& line : lines_of(*maps)) {
    std::istringstream words(line);
    std::string range, rights, offset, numbers;
    unsigned most = 0, least = 0;
    if (!(words >> range >> rights >> offset >> numbers)) continue;
    if (sscanf(numbers.c_str(), "%x:%x", &most, &least) == 2 &&
        std::to_string(most) + ":" + std::to_string(least) == device)
      return true;
  }
  return false;
}

// What no process has open and the kernel holds all the same.
void add_users_in_kernel(const Mount& mount, std::vector<std::string>& out) {
  for (const std::string& name : list_directory("/sys/block"))
    if (const auto file = read_file("/sys/block/" + name + "/loop/backing_file"))
      if (const auto lines = lines_of(*file); !lines.empty() && is_below(lines.front(), mount.point))
        out.push_back("the device " + name);
  struct List {
    const char *path, *what;
  };
  for (const List& list : {List{"/proc/swaps", "swap space "}, List{"/proc/fs/nfsd/exports", "the NFS export "}})
    if (const auto text = read_file(list.path))
      for (const std::string& line : lines_of(*text))
        if (const std::string path = line.substr(0, line.find_first_of(" \t")); is_below(path, mount.point))
          out.push_back(list.what + path);
}

class NodeDisks final : public Disks {
 public:
  Result<std::vector<Mount>> mounts() override {
    const auto text = read_file("/proc/self/mountinfo");
    if (!text) return Failure(text.error());
    return to_mounts(*text);
  }

  Result<void> mount(const Mount& wanted) override {
    const MountCall call = to_call(wanted);
    const auto try_it = [&](const std::string& data) {
      return ::mount(wanted.source.c_str(), wanted.point.c_str(), wanted.type.c_str(), call.flags, data.c_str()) == 0;
    };
    // Better with other options than not at all; the caller sees that they differ.
    if (!try_it(call.data) && (errno != EINVAL || !try_it(""))) return failure("mount " + wanted.point, errno);
    // What it gets by itself depends on the mount above.
    const auto now = mounts();
    const auto here = now ? mount_of(*now, wanted.point) : std::nullopt;
    if (!here || here->point != wanted.point || here->tag("shared").empty() == wanted.tag("shared").empty()) return {};
    if (::mount(nullptr, wanted.point.c_str(), nullptr, wanted.tag("shared").empty() ? MS_PRIVATE : MS_SHARED,
                nullptr) != 0)
      return failure("the propagation of " + wanted.point, errno);
    return {};
  }

  Result<void> unmount(const std::string& point) override {
    if (umount2(point.c_str(), UMOUNT_NOFOLLOW) != 0) return failure("umount " + point, errno);
    return {};
  }

  Result<std::optional<MappedDevice>> mapped(const std::string& device) override {
    const auto name = read_file("/sys/dev/block/" + device + "/dm/name");
    if (!name || lines_of(*name).empty()) return std::optional<MappedDevice>();
    return look(lines_of(*name).front());
  }
  Result<std::vector<std::string>> names() override {
    const auto mapper = DeviceMapper::open();
    if (!mapper) return std::vector<std::string>();
    return mapper->names();
  }
  Result<std::optional<MappedDevice>> look(const std::string& name) override {
    const auto mapper = DeviceMapper::open();
    if (!mapper) return Failure(mapper.error());
    return mapper->look(name);
  }
  Result<MapTable> table(const std::string& name, Slot slot) override {
    const auto mapper = DeviceMapper::open();
    if (!mapper) return Failure(mapper.error());
    return mapper->table(name, slot);
  }
  Result<void> load(const std::string& name, const MapTable& table) override {
    const auto mapper = DeviceMapper::open();
    return mapper ? mapper->load(name, table) : Result<void>(Failure(mapper.error()));
  }
  Result<void> clear(const std::string& name) override {
    const auto mapper = DeviceMapper::open();
    return mapper ? mapper->clear(name) : Result<void>(Failure(mapper.error()));
  }
  Result<void> resume(const std::string& name) override {
    const auto mapper = DeviceMapper::open();
    return mapper ? mapper->resume(name) : Result<void>(Failure(mapper.error()));
  }

  Result<void> can_drop() override {
    const auto mapper = DeviceMapper::open();
    if (!mapper) return Failure(mapper.error());
    const auto there = mapper->has_target("flakey");
    if (!there) return Failure(there.error());
    if (*there || run({"modprobe", "-n", "-q", "dm-flakey"}, "", 5s).code == 0) return {};
    return infrastructure("this node's kernel has no dm-flakey");
  }

  Result<void> survives_power_cut(const Mount& mount) override {
    // It may read back what it believes to have written.
    if (mount.super.find("errors=panic") != std::string::npos)
      return infrastructure(mount.point + " is mounted with errors=panic: the node itself could be lost");
    if (mount.type == "xfs") {
      if (mount.super.find("logdev=") != std::string::npos || mount.super.find("rtdev=") != std::string::npos)
        return infrastructure("the file system of " + mount.point + " has its log or data on another device too");
      return {};
    }
    if (mount.type != "ext4" && mount.type != "ext3")
      return infrastructure(mount.point + " is " + mount.type +
                            ": only ext4, ext3 and xfs are known to come back after writes were dropped");
    const std::string prefix = kernel_name(mount.device) + "-";
    for (const std::string& name : list_directory("/proc/fs/jbd2"))
      if (name.starts_with(prefix)) return {};
    return infrastructure("the file system of " + mount.point +
                          " has no journal of its own on that device: it would not come back whole");
  }

  std::vector<std::string> users(const Mount& mount, const std::vector<ProcessName>& except) override {
    std::vector<std::string> out;
    const std::string own_space = target_of("/proc/self/ns/mnt"), group = mount.tag("shared");
    std::map<std::string, bool> reached;  // by mount namespace: whether an unmount of ours frees the device there
    for (const std::string& name : list_directory("/proc")) {
      const auto pid = to_number(name);
      if (!pid) continue;
      const std::string process = "/proc/" + name;
      const auto state = look_at(static_cast<pid_t>(*pid));
      if (!state ||
          std::find(except.begin(), except.end(), ProcessName{static_cast<pid_t>(*pid), state->start}) != except.end())
        continue;
      const std::string space = target_of(process + "/ns/mnt");
      if (!space.empty() && space != own_space && !reached.contains(space)) {
        const auto text = read_file(process + "/mountinfo");
        bool all = true;
        for (const Mount& other : text ? to_mounts(*text) : std::vector<Mount>())
          all = all && (other.device != mount.device ||
                        (!group.empty() && (other.tag("shared") == group || other.tag("master") == group)));
        reached[space] = all;
      }
      const std::string said = "process " + name + " (" + state->command + ")";
      if (const auto known = reached.find(space); known != reached.end() && !known->second)
        out.push_back(said + ", which has it mounted in a namespace of its own");
      else if (has_open(process, mount.device))
        out.push_back(said);
      if (out.size() >= kUsersTold) return out;
    }
    add_users_in_kernel(mount, out);
    return out;
  }

  std::optional<std::int64_t> writes(const std::string& device) override {
    const auto text = read_file("/sys/dev/block/" + device + "/stat");
    if (!text) return std::nullopt;
    std::istringstream words(*text);  // Documentation/admin-guide/iostats.rst: the fifth
    std::int64_t value = 0;
    for (int i = 0; i < 5; ++i)
      if (!(words >> value)) return std::nullopt;
    return value;
  }
};

}  // namespace

Disks& node_disks() {
  static NodeDisks disks;
  return disks;
}

}  // namespace shaketable::agent

#include "cluster/lab/root_tree.h"

#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "cluster/lab/plumbing.h"
#include "cluster/lab/user_namespace.h"

namespace shaketable::lab {
namespace {

constexpr std::array kOverlaid = {"usr", "etc", "opt", "bin", "sbin", "lib", "lib32", "lib64", "libx32"};

Result<void> overlay(const RootTree& tree, const std::string& name, const std::string& lower,
                     const std::string& scratch) {
  const std::string target = tree.at + "/root/" + name;
  const std::string upper = tree.write_to_layer ? tree.layer + "/" + name : scratch + "/up/" + name;
  const std::string work = tree.write_to_layer ? tree.layer + "/work/" + name : scratch + "/work/" + name;
  for (const std::string& directory : {target, upper, work})
    if (auto made = make_directory(directory); !made) return made;
  // Programs that become their owner would become nobody, who owns the machine's files here.
  auto mounted = mount_at(
      "overlay", target, "overlay", tree.foreign_owners ? MS_NOSUID : 0,
      fmt::format("lowerdir={},upperdir={},workdir={}{}", lower, upper, work, is_rootless() ? ",userxattr" : ""));
  if (!mounted && tree.write_to_layer)
    return infrastructure(
        mounted.error().message +
        "; the package layer needs a file system that overlay can write to (ext4, xfs, "
        "btrfs, tmpfs; not another overlay, as in a container): set SHAKETABLE_STATE_DIR to a directory on one");
  if (!mounted) return infrastructure(mounted.error().message + "; the lab needs overlay file systems in the kernel");
  return {};
}

// Devices cannot be made without root; the machine's own can be shown.
Result<void> borrow_device(const std::string& dev, const std::string& name) {
  if (auto made = write_file(dev + "/" + name, ""); !made) return made;
  return mount_at("/dev/" + name, dev + "/" + name, "", MS_BIND);
}

Result<void> build_dev(const std::string& dev, bool own_kernel) {
  if (auto made = make_directory(dev); !made) return made;
  if (own_kernel) {
    if (auto mounted = mount_at("dev", dev, "devtmpfs", MS_NOSUID); !mounted) return mounted;
    for (const char* directory : {"/pts", "/shm"})
      if (auto made = make_directory(dev + directory); !made) return made;
    if (symlink("/proc/self/fd", (dev + "/fd").c_str()) != 0 && errno != EEXIST)
      return system_failure("cannot create " + dev + "/fd");
    if (auto mounted = mount_at("devpts", dev + "/pts", "devpts", MS_NOSUID | MS_NOEXEC,
                                "newinstance,ptmxmode=0666,mode=620,gid=5");
        !mounted)
      return mounted;
    return mount_at("shm", dev + "/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
  }
  if (auto mounted = mount_at("dev", dev, "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755,size=1m"); !mounted) return mounted;
  struct Device {
    const char* name;
    int major, minor;
  };
  for (const Device& device :
       {Device{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}})
    if (auto made = is_rootless() ? borrow_device(dev, device.name)
                                  : make_device(dev + "/" + device.name, device.major, device.minor);
        !made)
      return made;
  for (const char* directory : {"/pts", "/shm", "/mqueue"})
    if (auto made = make_directory(dev + directory); !made) return made;
  if (auto mounted =
          mount_at("devpts", dev + "/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620,gid=5");
      !mounted)
    return mounted;
  if (auto mounted = mount_at("shm", dev + "/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777,size=64m"); !mounted)
    return mounted;
  struct Link {
    const char *name, *to;
  };
  for (const Link& link : {Link{"/ptmx", "pts/ptmx"},
                           {"/fd", "/proc/self/fd"},
                           {"/stdin", "fd/0"},
                           {"/stdout", "fd/1"},
                           {"/stderr", "fd/2"}})
    if (symlink(link.to, (dev + link.name).c_str()) != 0) return system_failure("cannot create " + dev + link.name);
  return {};
}

// The kernel's switches below /proc/sys are one set for the whole machine, save those of the network, and root may
// write them without any capability.
Result<void> protect_proc(const std::string& proc) {
  if (auto done = remount_bind(proc + "/sys", MS_RDONLY); !done) return done;
  if (auto done = remount_bind(proc + "/sys/net", 0); !done) return done;
  for (const char* switches : {"/sysrq-trigger", "/irq", "/bus", "/fs", "/acpi", "/scsi"})
    if (access((proc + switches).c_str(), F_OK) == 0)
      if (auto done = remount_bind(proc + switches, MS_RDONLY); !done) return done;
  return {};
}

}  // namespace

Result<void> build_root_tree(const RootTree& tree) {
  const std::string size = tree.bytes == 0 ? "" : fmt::format(",size={}", tree.bytes);
  if (auto mounted = mount_at("shaketable", tree.at, "tmpfs", MS_NODEV, "mode=755" + size); !mounted) return mounted;
  const std::string root = tree.at + "/root", scratch = tree.at + "/scratch";
  if (auto made = make_directory(root); !made) return made;
  // pivot_root wants a mount point, and the scratch directories of the overlays must not be in sight.
  if (auto mounted = mount_at(root, root, "", MS_BIND); !mounted) return mounted;

  for (const char* name : kOverlaid) {
    const std::string host = std::string("/") + name;
    std::error_code error;
    const auto status = std::filesystem::symlink_status(host, error);
    if (std::filesystem::is_symlink(status)) {
      std::filesystem::copy_symlink(host, root + host, error);
      if (error) return system_failure("cannot create " + root + host, error.value());
    } else if (std::filesystem::is_directory(status)) {
      const std::string in_layer = tree.layer + host;
      const bool layered = !tree.write_to_layer && std::filesystem::is_directory(in_layer, error);
      // Without root the layer has all of /etc, and what is mounted below the machine's own (in a container:
      // resolv.conf) would forbid an overlay of it.
      const bool whole = (is_rootless() || tree.foreign_owners) && std::string_view(name) == "etc";
      if (whole && tree.write_to_layer) {
        if (auto made = make_directory(root + host); !made) return made;
        if (auto mounted = mount_at(in_layer, root + host, "", MS_BIND); !mounted) return mounted;
        continue;
      }
      const std::string lower = whole ? in_layer : layered ? in_layer + ":" + host : host;
      if (auto done = overlay(tree, name, lower, scratch); !done) return done;
    }
  }
  if (tree.write_to_layer) {
    for (const std::string& directory : {root + "/var", tree.layer + "/var"})
      if (auto made = make_directory(directory); !made) return made;
    if (auto mounted = mount_at(tree.layer + "/var", root + "/var", "", MS_BIND); !mounted) return mounted;
  } else if (auto done = overlay(tree, "var", tree.layer + "/var", scratch); !done) {
    return done;
  }

  struct Fresh {
    const char* name;
    int mode;
  };
  for (const Fresh& fresh : {Fresh{"/root", 0700},
                             {"/home", 0755},
                             {"/srv", 0755},
                             {"/mnt", 0755},
                             {"/media", 0755},
                             {"/boot", 0755},
                             {"/run", 0755},
                             {"/run/lock", 01777},
                             {"/tmp", 01777},
                             {"/data", 0755},
                             {"/proc", 0555},
                             {"/sys", 0555},
                             {"/.old", 0700}})
    if (auto made = make_directory(root + fresh.name, fresh.mode);
        !made || chmod((root + fresh.name).c_str(), static_cast<mode_t>(fresh.mode)) != 0)
      return made ? system_failure("cannot set the mode of " + root + fresh.name) : made;

  if (auto mounted = mount_at("proc", root + "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC); !mounted)
    return mounted;
  constexpr unsigned long kPlain = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  if (!tree.own_kernel)
    if (auto done = protect_proc(root + "/proc"); !done) return done;
  // A sysfs shows a network namespace, and only its root may mount it: while a layer is made that is the machine's own.
  const bool borrowed = tree.write_to_layer && is_rootless();
  if (auto mounted = borrowed
                         ? mount_at("/sys", root + "/sys", "", MS_BIND | MS_REC)
                         : mount_at("sysfs", root + "/sys", "sysfs", tree.own_kernel ? kPlain : kPlain | MS_RDONLY);
      !mounted)
    return mounted;
  return build_dev(root + "/dev", tree.own_kernel);
}

Result<void> enter_root_tree(const RootTree& tree) {
  const std::string root = tree.at + "/root";
  if (chdir(root.c_str()) != 0 || syscall(SYS_pivot_root, ".", ".old") != 0 || chdir("/") != 0)
    return system_failure("cannot make " + root + " the root");
  if (umount2("/.old", MNT_DETACH) != 0) return system_failure("cannot let go of the old root");
  if (rmdir("/.old") != 0) return system_failure("cannot remove /.old");
  return {};
}

}  // namespace shaketable::lab

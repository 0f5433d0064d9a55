// The first process of a node that has a kernel of its own: process 1 under User-Mode Linux. Its first root is the
// machine's own tree, read only, through hostfs; it builds the node's root over that and keeps sshd running. What it
// says goes to the console, which the node's keeper on the machine (uml_node.cpp) reads.

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <thread>

#include "cluster/lab/network.h"
#include "cluster/lab/node_files.h"
#include "cluster/lab/processes.h"
#include "cluster/lab/root_tree.h"
#include "cluster/lab/time_service.h"

namespace shaketable::lab {
namespace {

using namespace std::chrono_literals;

constexpr Nanos kTimePatience = 3s;
constexpr std::string_view kPlace = "/mnt";  // a directory that every Debian has; the guest's own tmpfs goes there

Result<void> load_module(const std::string& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return system_failure("cannot open " + path);
  if (syscall(SYS_finit_module, file.get(), "", 0) != 0 && errno != EEXIST)
    return system_failure("cannot load " + path);
  return {};
}

// Debian's UML kernel has no NF_TABLES_IPV4: the iptables of nf_tables cannot work there, the legacy one does.
Result<void> choose_legacy_iptables(const std::string& root) {
  for (const char* family : {"iptables", "ip6tables"})
    for (const char* part : {"", "-save", "-restore"}) {
      const std::string legacy = fmt::format("/usr/sbin/{}-legacy{}", family, part);
      const std::string name = fmt::format("{}/usr/sbin/{}{}", root, family, part);
      if (access((root + legacy).c_str(), X_OK) != 0) continue;
      unlink(name.c_str());
      if (symlink(legacy.c_str(), name.c_str()) != 0) return system_failure("cannot create " + name);
    }
  return {};
}

class Guest {
 public:
  Guest(Record record, std::string directory, int index)
      : record_(std::move(record)), directory_(std::move(directory)), index_(index), name_(fmt::format("n{}", index)) {}

  Result<void> set_up() {
    if (auto mounted = mount_at("sysfs", "/sys", "sysfs"); !mounted) return mounted;
    if (auto done = load_overlay(); !done) return done;
    if (sethostname(name_.c_str(), name_.size()) != 0) return system_failure("cannot set the host name");
    RootTree tree;
    tree.at = std::string(kPlace);
    tree.layer = record_.layer;
    tree.own_kernel = true;
    tree.foreign_owners = record_.rootless;
    if (auto done = build_root_tree(tree); !done) return done;
    // Out of reach once this is the root.
    if (const Result<std::string> start = read_file(OffFiles(directory_, name_).start)) start_ = *start;
    const std::string root = tree.at + "/root";
    if (auto mounted = mount_at("cgroup2", root + "/sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, "");
        !mounted)
      return mounted;
    if (auto done = offer_modules(root); !done) return done;
    if (auto mounted = mount_at(map_disk(root), root + "/data", "ext4", MS_NOATIME, ""); !mounted) return mounted;
    if (auto done = write_node_files(record_, directory_, name_, root); !done) return done;
    if (auto done = choose_legacy_iptables(root); !done) return done;
    if (auto done = set_up_network(); !done) return done;
    // A node that is a little behind is a node all the same, and every run measures its clock.
    if (auto told = take_time(kTimePatience); !told)
      write_all(1, "the clock is not set: " + told.error().message + "\n");
    return enter_root_tree(tree);
  }

  static void say(const std::string& line) { write_all(1, fmt::format("\n{}{}\n", kGuestSays, line)); }

  [[noreturn]] void stay() {
    pid_t sshd = start_sshd();
    say("up");
    run_start();
    for (;;)
      if (wait(nullptr) == sshd) {
        std::this_thread::sleep_for(500ms);
        sshd = start_sshd();
      }
  }

 private:
  // What the node ran when its power was cut, if nobody is there to start it again.
  void run_start() const {
    if (start_.empty() || fork() != 0) return;
    setsid();
    const Descriptor log(open("/var/log/start.log", O_WRONLY | O_CREAT | O_APPEND, 0644));
    for (const int output : {1, 2}) dup2(log.get(), output);
    execl("/bin/sh", "sh", "-c", start_.c_str(), nullptr);
    _exit(127);
  }

  // The machine may have no /lib/modules, and the guest has none yet, so the first is loaded by its path.
  Result<void> load_overlay() {
    utsname kernel{};
    uname(&kernel);
    release_ = kernel.release;
    const std::string modules = fmt::format("{}/usr/lib/uml/modules/{}/kernel/", record_.layer, release_);
    return load_module(modules + "fs/overlayfs/overlay.ko");
  }

  // Where modprobe, and the kernel itself for qdiscs and matches, look for modules. IPv6 is one.
  Result<void> offer_modules(const std::string& root) const {
    if (auto made = make_directory(root + "/usr/lib/modules"); !made) return made;
    const std::string name = root + "/usr/lib/modules/" + release_;
    unlink(name.c_str());
    if (symlink(("/usr/lib/uml/modules/" + release_).c_str(), name.c_str()) != 0)
      return system_failure("cannot create " + name);
    if (!record_.ipv6) return {};
    ProgramOptions in_node;
    in_node.root = root;
    const Result<int> loaded = run_program({"modprobe", "ipv6"}, in_node);
    if (!loaded) return Failure(loaded.error());
    if (*loaded != 0) return infrastructure(fmt::format("modprobe ipv6: exit code {}", *loaded));
    return {};
  }

  // The node's disk behind a linear device of the device mapper's, as a volume of LVM would be: so that what can be
  // done to such a disk can be tried here. Without it the disk is there as it is.
  std::string map_disk(const std::string& root) const {
    const std::string disk = "/dev/ubda", name = "lab-data";
    ProgramOptions in_node;
    in_node.root = root;
    const auto run = [&](const std::vector<std::string>& words) {
      const Result<int> code = run_program(words, in_node);
      return code && *code == 0;
    };
    // There is no udev to make its node.
    if (run({"modprobe", "dm-mod"}) &&
        run({"dmsetup", "create", "--noudevrules", "--noudevsync", name, "--table",
             fmt::format("0 {} linear {} 0", record_.disk_bytes / 512, disk)}) &&
        run({"dmsetup", "mknodes", name}))
      return "/dev/mapper/" + name;
    write_all(1, "the disk is not behind the device mapper\n");
    return disk;
  }

  Result<void> set_up_network() {
    Result<Network> network = Network::open();
    if (!network) return Failure(network.error());
    std::vector<Result<void>> steps = {network->rename("vec0", "eth0"), network->set_up("lo"), network->set_up("eth0"),
                                       network->add_address("eth0", node_address(index_), 24)};
    if (record_.ipv6) steps.push_back(network->add_address("eth0", node_address6(index_), 64));
    for (const Result<void>& step : steps)
      if (!step) return step;
    return {};
  }

  Record record_;
  std::string directory_;
  int index_;
  std::string name_, release_, start_;
};

}  // namespace

int run_guest(const std::string& directory, int index) {
  umask(022);
  const auto fail = [](const Error& error) {
    Guest::say("error " + error.message);
    std::this_thread::sleep_for(100ms);  // a kernel whose process 1 ends panics; the words have to be out before
    return 1;
  };
  clearenv();
  setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
  setenv("HOME", "/root", 1);
  setenv("LANG", "C.UTF-8", 1);
  if (auto mounted = mount_at("proc", "/proc", "proc"); !mounted) return fail(mounted.error());
  Result<Record> record = read_record(directory);
  if (!record) return fail(record.error());
  Guest guest(std::move(*record), directory, index);
  if (auto up = guest.set_up(); !up) return fail(up.error());
  guest.stay();
}

}  // namespace shaketable::lab

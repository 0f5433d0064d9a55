// A node's first process: builds the node's root, gives up what a node must not be able to do, keeps sshd running.

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <system_error>
#include <thread>

#include "base/duration.h"
#include "cluster/lab/data_disk.h"
#include "cluster/lab/lab.h"
#include "cluster/lab/network.h"
#include "cluster/lab/processes.h"
#include "cluster/lab/root_tree.h"

namespace shaketable::lab {
namespace {

using namespace std::chrono_literals;

// Everything writable beside /data: programs' logs, /tmp, /root, packages installed later. In memory, so it is also
// counted against the node's bound.
constexpr std::uint64_t kSystemBytes = 512ull << 20;

// What root of a node may do: services, sshd, iptables, tc, tracing. Not there, and never to be: sys_time (the clock is
// the host's), sys_admin (mounts, namespaces), mknod (disks of the host), sys_module, sys_boot, sys_rawio, syslog, bpf,
// perfmon, dac_read_search (opens files by handle, around the root), mac_*, audit_control, wake_alarm, block_suspend,
// sys_pacct, checkpoint_restore.
constexpr std::array kKeptCapabilities = {
    CAP_CHOWN,      CAP_DAC_OVERRIDE,  CAP_FOWNER,           CAP_FSETID,       CAP_KILL,
    CAP_SETGID,     CAP_SETUID,        CAP_SETPCAP,          CAP_SETFCAP,      CAP_NET_RAW,
    CAP_NET_ADMIN,  CAP_NET_BROADCAST, CAP_NET_BIND_SERVICE, CAP_IPC_LOCK,     CAP_IPC_OWNER,
    CAP_SYS_CHROOT, CAP_SYS_PTRACE,    CAP_SYS_NICE,         CAP_SYS_RESOURCE, CAP_AUDIT_WRITE,
    CAP_LEASE,      CAP_SYS_TTY_CONFIG};

constexpr std::string_view kSshdConfig = R"(ListenAddress 0.0.0.0
ListenAddress ::
HostKey /etc/ssh/lab_host_key
AuthorizedKeysFile .ssh/authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
X11Forwarding no
PrintMotd no
# The default, sntrup761, costs 0.2 s of processor time a connection.
KexAlgorithms curve25519-sha256
MaxStartups 200
MaxSessions 200
LogLevel ERROR
PidFile none
Subsystem sftp internal-sftp
)";

Result<void> drop_capabilities() {
  std::uint64_t kept = 0;
  for (const int capability : kKeptCapabilities) kept |= 1ull << capability;
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
    return system_failure("cannot clear the ambient capabilities");
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability)
    if (!(kept >> capability & 1) && prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0)
      return system_failure(fmt::format("cannot drop capability {}", capability));
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (syscall(SYS_capget, &header, data) != 0) return system_failure("cannot read the capabilities");
  for (int half = 0; half < 2; ++half) {
    const auto mask = static_cast<std::uint32_t>(kept >> (32 * half));
    data[half].permitted &= mask;
    data[half].effective = data[half].permitted;
    data[half].inheritable = 0;
  }
  if (syscall(SYS_capset, &header, data) != 0) return system_failure("cannot set the capabilities");
  // The one that would let a node set the machine's clock is looked at again: better no node than that.
  if (prctl(PR_CAPBSET_READ, CAP_SYS_TIME, 0, 0, 0) != 0 || syscall(SYS_capget, &header, data) != 0 ||
      (data[0].permitted | data[0].effective | data[0].inheritable) & (1u << CAP_SYS_TIME))
    return infrastructure("the node could set this machine's clock: CAP_SYS_TIME is still there after it was dropped");
  return {};
}

// No password of the host's is of use in a node, and sshd takes an account whose password starts with ! for locked.
std::string without_passwords(const std::string& shadow) {
  std::istringstream lines(shadow);
  std::string out;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t from = line.find(':'), to = from == std::string::npos ? from : line.find(':', from + 1);
    if (to != std::string::npos) line.replace(from + 1, to - from - 1, "*");
    out += line + "\n";
  }
  return out;
}

class NodeProcess {
 public:
  NodeProcess(const Record& record, std::string directory, int index, std::string place, int report, int go)
      : record_(record),
        directory_(std::move(directory)),
        name_(fmt::format("n{}", index)),
        index_(index),
        report_(report),
        go_(go) {
    tree_.at = std::move(place);
    tree_.layer = record.layer;
    tree_.bytes = std::min(kSystemBytes, record.memory_bytes / 2);
  }

  Result<void> set_up() {
    char host_pid[32] = {};
    if (readlink("/proc/self", host_pid, sizeof host_pid - 1) < 0) return system_failure("cannot read /proc/self");
    if (!say(fmt::format("pid {}", host_pid))) return infrastructure("the lab's first process is gone");
    if (sethostname(name_.c_str(), name_.size()) != 0) return system_failure("cannot set the host name");
    if (auto done = build_root_tree(tree_); !done) return done;
    if (auto done = mount_data(); !done) return done;
    if (auto done = write_files(); !done) return done;
    if (auto done = set_up_network(); !done) return done;
    if (auto done = enter_root_tree(tree_); !done) return done;
    return drop_capabilities();
  }

  bool say(const std::string& line) { return write_all(report_, line + "\n"); }

  // For ever: sshd runs, and the orphans of this pid namespace are reaped.
  [[noreturn]] void stay() {
    pid_t sshd = start_sshd();
    say("up");
    for (;;) {
      const pid_t ended = waitpid(-1, nullptr, 0);
      if (ended == sshd) {
        // While the lab comes up somebody reads this. Later a test may have killed it, and a node that cannot be
        // reached any more helps nobody.
        say("error its sshd ended: " + tail_of_file("/var/log/sshd.log", 1));
        std::this_thread::sleep_for(500ms);
        sshd = start_sshd();
      }
    }
  }

 private:
  Result<void> mount_data() {
    const std::string data = tree_.at + "/root/data";
    const auto disk = mount_data_disk(directory_, data, record_.disk_bytes);
    if (!disk) {
      // Memory then, and so little of it that a full disk comes before a full memory.
      const std::uint64_t bytes = std::min(record_.disk_bytes, record_.memory_bytes / 2);
      if (auto mounted = mount_at("data", data, "tmpfs", MS_NODEV, fmt::format("mode=755,size={}", bytes)); !mounted)
        return mounted;
      say(fmt::format("limit /data of the nodes lies in memory, {} each: {}", format_size(bytes),
                      disk.error().message));
    }
    return {};
  }

  Result<void> write_files() {
    const std::string root = tree_.at + "/root";
    const Result<std::string> host_key = read_file(directory_ + "/host_" + name_);
    const Result<std::string> authorized = read_file(directory_ + "/id.pub");
    const Result<std::string> shadow = read_file(root + "/etc/shadow");
    const Result<std::string> random = read_file("/proc/sys/kernel/random/uuid");
    for (const auto* part : {&host_key, &authorized, &shadow, &random})
      if (!*part) return Failure(part->error());
    std::string machine = *random;
    std::erase(machine, '-');
    struct File {
      std::string path, content;
      int mode;
    };
    for (const char* directory : {"/root/.ssh", "/run/sshd", "/etc/ssh"})
      if (auto made = make_directory(root + directory, directory == std::string_view("/root/.ssh") ? 0700 : 0755);
          !made)
        return made;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(root + "/etc/ssh", error))
      if (entry.path().filename().string().starts_with("ssh_host_"))
        unlink(entry.path().c_str());            // the host's own keys
    rmdir((root + "/data/lost+found").c_str());  // databases like their directories empty
    for (const char* path : {"/etc/resolv.conf", "/etc/nologin", "/etc/hosts.deny"}) unlink((root + path).c_str());
    for (const File& file : {File{"/etc/hosts", hosts_file(record_), 0644},
                             {"/etc/hostname", name_ + "\n", 0644},
                             {"/etc/machine-id", machine, 0444},
                             {"/etc/shadow", without_passwords(*shadow), 0640},
                             {"/etc/ssh/lab_host_key", *host_key, 0600},
                             {"/root/.ssh/authorized_keys", *authorized, 0600},
                             {"/etc/ssh/lab_sshd_config", std::string(kSshdConfig), 0644}})
      if (auto written = write_file(root + file.path, file.content, file.mode); !written) return written;
    return {};
  }

  Result<void> set_up_network() {
    char byte;
    if (read(go_, &byte, 1) != 1) return infrastructure("the lab's first process is gone");
    close(go_);
    Result<Network> network = Network::open();
    if (!network) return Failure(network.error());
    std::vector<Result<void>> steps = {network->set_up("lo"), network->set_up("eth0"),
                                       network->add_address("eth0", node_address(index_), 24)};
    if (record_.ipv6) steps.push_back(network->add_address("eth0", node_address6(index_), 64));
    for (const Result<void>& step : steps)
      if (!step) return step;
    return {};
  }

  static pid_t start_sshd() {
    const pid_t child = fork();
    if (child != 0) return child;
    setsid();
    signal(SIGPIPE, SIG_DFL);
    // Its log lies in the node, under the node's cap. -D: it stays in the foreground, so that its end is seen.
    execl("/usr/sbin/sshd", "/usr/sbin/sshd", "-D", "-f", "/etc/ssh/lab_sshd_config", "-E", "/var/log/sshd.log",
          nullptr);
    dprintf(2, "cannot start /usr/sbin/sshd: errno %d\n", errno);
    _exit(127);
  }

  const Record& record_;
  std::string directory_, name_;
  int index_, report_, go_;
  RootTree tree_;
};

}  // namespace

void run_node(const Record& record, const std::string& directory, int index, const std::string& place, int report,
              int go) {
  prctl(PR_SET_NAME, fmt::format("lab-n{}", index).c_str());
  // Descriptors of the lab's first process and of other nodes, which forking brought along.
  for (unsigned int from = 3; const int kept : {std::min(report, go), std::max(report, go)}) {
    if (static_cast<unsigned int>(kept) > from) close_range(from, static_cast<unsigned int>(kept) - 1, 0);
    from = static_cast<unsigned int>(kept) + 1;
    if (kept == std::max(report, go)) close_range(from, ~0u, 0);
  }
  clearenv();
  setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
  setenv("HOME", "/root", 1);
  setenv("LANG", "C.UTF-8", 1);
  NodeProcess node(record, directory, index, place, report, go);
  if (auto up = node.set_up(); !up) {
    node.say("error " + up.error().message);
    _exit(1);
  }
  node.stay();
}

}  // namespace shaketable::lab

// A node's first process: builds the node's root, gives up what a node must not be able to do, keeps sshd running.

#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <thread>

#include "base/duration.h"
#include "cluster/lab/capabilities.h"
#include "cluster/lab/data_disk.h"
#include "cluster/lab/lab.h"
#include "cluster/lab/network.h"
#include "cluster/lab/node_files.h"
#include "cluster/lab/processes.h"
#include "cluster/lab/root_tree.h"

namespace shaketable::lab {
namespace {

using namespace std::chrono_literals;

// Everything writable beside /data: programs' logs, /tmp, /root, packages installed later. In memory, so it is also
// counted against the node's bound.
constexpr std::uint64_t kSystemBytes = 512ull << 20;

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
    if (auto done = write_node_files(record_, directory_, name_, tree_.at + "/root"); !done) return done;
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

  const Record& record_;
  std::string directory_, name_;
  int index_, report_, go_;
  RootTree tree_;
};

}  // namespace

void run_node(const Record& record, const std::string& directory, int index, const std::string& place, int report,
              int go) {
  prctl(PR_SET_NAME, fmt::format("lab-n{}", index).c_str());
  keep_only(report, go);
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

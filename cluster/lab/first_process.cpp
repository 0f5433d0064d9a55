// The lab's first process: pid 1 of a pid namespace, holder of the network namespace with the bridge. Everything of the
// lab lives below it, so that its death, however it comes, takes all of it along.

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <thread>

#include "base/duration.h"
#include "base/text.h"
#include "cluster/lab/cgroups.h"
#include "cluster/lab/lab.h"
#include "cluster/lab/network.h"
#include "cluster/lab/processes.h"
#include "cluster/lab/time_service.h"

namespace shaketable::lab {
namespace {

using namespace std::chrono_literals;
using Deadline = std::chrono::steady_clock::time_point;

constexpr int kMostNodes = 64;

struct Node {
  ProcessName process;
  Descriptor report, go;
  std::string said;  // what came over `report` and is not yet a whole line
};

// The host's /proc is still the one mounted here, so it knows us by the number that the host does.
Result<pid_t> own_pid_on_host() {
  char text[32] = {};
  if (readlink("/proc/self", text, sizeof text - 1) < 0) return system_failure("cannot read /proc/self");
  return static_cast<pid_t>(std::strtol(text, nullptr, 10));
}

Result<std::string> next_line(Node& node, Deadline deadline) {
  for (;;) {
    if (const std::size_t end = node.said.find('\n'); end != std::string::npos) {
      std::string line = node.said.substr(0, end);
      node.said.erase(0, end + 1);
      if (line.starts_with("error ")) return infrastructure(line.substr(6));
      return line;
    }
    const auto more = read_some(node.report.get(), deadline);
    if (!more) return infrastructure("it did not come up in time");
    if (more->empty()) return infrastructure("its first process died");
    node.said += *more;
  }
}

// A process between the namespaces of the lab and those of the node: it makes the latter, forks the node's first
// process into them and ends; the node's process becomes our child.
Result<Node> start_node(const Record& record, const std::string& directory, int index, const std::string& cgroup,
                        const std::string& place) {
  int report[2], go[2];
  if (pipe2(report, O_CLOEXEC) != 0 || pipe2(go, O_CLOEXEC) != 0) return system_failure("cannot create a pipe");
  const pid_t between = fork();
  if (between < 0) return system_failure("cannot fork");
  if (between == 0) {
    const auto fail = [&](const Failure& failure) {
      write_all(report[1], "error " + failure.value().message + "\n");
      _exit(1);
    };
    if (record.kind == "uml") {
      const pid_t keeper = fork();
      if (keeper < 0) fail(system_failure("cannot fork"));
      if (keeper == 0) run_uml_node(record, directory, index, place, report[1], go[0]);
      _exit(0);
    }
    if (!cgroup.empty())
      if (auto joined = write_kernel_file(cgroup + "/cgroup.procs", "0"); !joined) fail(Failure(joined.error()));
    if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP | CLONE_NEWPID) != 0)
      fail(system_failure("cannot make the node's namespaces"));
    const pid_t node = fork();
    if (node < 0) fail(system_failure("cannot fork"));
    if (node == 0) run_node(record, directory, index, place, report[1], go[0]);
    _exit(0);
  }
  close(report[1]);
  close(go[0]);
  while (waitpid(between, nullptr, 0) < 0 && errno == EINTR) {
  }
  Node node;
  node.report = Descriptor(report[0]);
  node.go = Descriptor(go[1]);
  return node;
}

// False if the node has said that it failed; `said` is then the reason.
bool poll_report(Node& node) {
  const auto more = read_some(node.report.get(), std::chrono::steady_clock::now());
  if (!more) return true;
  node.said = more->starts_with("error ") ? more->substr(6, more->find('\n') - 6) : "its first process died";
  return false;
}

// Whether an sshd answers there with its banner before `deadline`.
Result<void> wait_for_sshd(Node& node, int index, Deadline deadline) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(22);
  inet_pton(AF_INET, node_address(index).c_str(), &address.sin_addr);
  std::string last = "no answer";
  while (std::chrono::steady_clock::now() < deadline) {
    const Descriptor connection(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval patience{1, 0};
    setsockopt(connection.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
      const auto banner = read_some(connection.get(), std::min(deadline, std::chrono::steady_clock::now() + 2s));
      if (banner && banner->starts_with("SSH-")) return {};
      last = "no banner";
    } else {
      last = std::generic_category().message(errno);
    }
    if (!poll_report(node)) return infrastructure(node.said);
    std::this_thread::sleep_for(10ms);
  }
  return infrastructure(fmt::format("its sshd does not answer on port 22 ({})", last));
}

class FirstProcess {
 public:
  FirstProcess(std::string directory, Record record) : directory_(std::move(directory)), record_(std::move(record)) {}

  Result<void> bring_up() {
    deadline_ = std::chrono::steady_clock::now() + record_.timeout;
    if (auto done = write_own_name(); !done) return done;
    if (auto done = hold_layer(); !done) return done;
    if (auto done = make_place(); !done) return done;
    if (auto done = keep_program(); !done) return done;
    if (auto done = make_bridge(); !done) return done;
    if (auto done = start_nodes(); !done) return done;
    if (record_.kind == "uml")
      if (auto done = offer_time(); !done) return done;
    if (auto done = connect_nodes(); !done) return done;
    for (int i = 1; i <= record_.nodes; ++i)
      if (auto done = wait_for_sshd(nodes_[static_cast<std::size_t>(i - 1)], i, deadline_); !done)
        return Failure(std::move(done.error()).in(fmt::format("node n{}", i)));
    return write_record(directory_, record_);
  }

  // Takes the children that end, for ever. A node that ends stays down: it is reported by `lab status`.
  [[noreturn]] void stay() {
    for (;;) {
      int status = 0;
      const pid_t child = waitpid(-1, &status, 0);
      if (child > 0)
        dprintf(2, "child %d ended (%s %d)\n", child, WIFSIGNALED(status) ? "signal" : "exit code",
                WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
      if (child < 0 && errno == ECHILD) pause();
    }
  }

 private:
  Result<void> write_own_name() {
    const Result<pid_t> pid = own_pid_on_host();
    if (!pid) return Failure(pid.error());
    const auto name = name_process(*pid);
    if (!name) return infrastructure("/proc does not show the lab's first process; is it mounted with hidepid?");
    record_.first = *name;
    record_.boot = boot_id();
    // Written before it exists: who finds the record later knows what to remove.
    if (record_.kind == "uml")
      return write_record(directory_, record_);  // a kernel of its own bounds its memory itself
    const Result<std::string> cgroup = make_lab_cgroup(fmt::format("shaketable-{}-{}", record_.name, *pid));
    if (cgroup)
      record_.cgroup = *cgroup;
    else
      record_.limits.push_back("memory of the nodes is not bounded: " + cgroup.error().message);
    return write_record(directory_, record_);
  }

  // Where there is a kernel for each node, its first process is this program, also when it boots an hour from now and
  // the file has been built anew, moved or removed.
  Result<void> keep_program() const {
    if (record_.kind != "uml") return {};
    std::error_code error;
    const std::string copy = guest_program(directory_);
    std::filesystem::copy_file("/proc/self/exe", copy, error);
    if (!error) std::filesystem::permissions(copy, std::filesystem::perms(0755), error);
    if (error) return infrastructure(fmt::format("cannot copy this program to {}: {}", copy, error.message()));
    return {};
  }

  // A shared lock for life: nobody removes a layer that is mounted.
  Result<void> hold_layer() {
    Result<Descriptor> lock = lock_file(record_.layer + "/lock", true, 10s);
    if (!lock) return Failure(lock.error());
    layer_lock_ = std::move(*lock);
    return {};
  }

  // Mount points for the nodes, on a file system that only this mount namespace sees.
  Result<void> make_place() {
    place_ = directory_ + "/nodes";
    if (auto made = make_directory(place_); !made) return made;
    return mount_at("shaketable", place_, "tmpfs", 0, "mode=700,size=1m");
  }

  Result<void> make_bridge() {
    Result<Network> network = Network::open();
    if (!network) return Failure(network.error());
    std::vector<Result<void>> steps = {network->set_up("lo"), network->add_bridge("br0"),
                                       network->add_address("br0", std::string(kLabControllerAddress), 24)};
    if (record_.ipv6) steps.push_back(network->add_address("br0", std::string(kLabControllerAddress6), 64));
    for (const Result<void>& step : steps)
      if (!step) return step;
    return {};
  }

  Result<void> start_nodes() {
    for (int i = 1; i <= record_.nodes; ++i) {
      const std::string name = fmt::format("n{}", i);
      std::string cgroup;
      if (!record_.cgroup.empty() && record_.kind != "uml") {  // a kernel of its own has its bound by itself
        Result<std::string> made = make_node_cgroup(record_.cgroup, name, record_.memory_bytes);
        if (!made) return Failure(std::move(made.error()).in("node " + name));
        cgroup = *made;
      }
      if (auto made = make_directory(place_ + "/" + name); !made) return made;
      Result<Node> node = start_node(record_, directory_, i, cgroup, place_ + "/" + name);
      if (!node) return Failure(std::move(node.error()).in("node " + name));
      nodes_.push_back(std::move(*node));
    }
    return {};
  }

  Result<void> connect_nodes() {
    Result<Network> network = Network::open();
    if (!network) return Failure(network.error());
    const auto each = [&](auto step) -> Result<void> {
      for (int i = 1; i <= record_.nodes; ++i)
        if (Result<void> done = step(i, nodes_[static_cast<std::size_t>(i - 1)]); !done)
          return Failure(std::move(done.error()).in(fmt::format("node n{}", i)));
      return {};
    };
    auto connected = each([&](int i, Node& node) -> Result<void> {
      const Result<std::string> line = next_line(node, deadline_);  // "pid N", in the host's numbers
      if (!line) return Failure(line.error());
      const auto process = name_process(static_cast<pid_t>(std::strtol(line->c_str() + 4, nullptr, 10)));
      if (!process) return infrastructure("its first process died");
      node.process = *process;
      record_.node_processes.push_back(*process);
      const Descriptor net(open(fmt::format("/proc/{}/ns/net", process->pid).c_str(), O_RDONLY | O_CLOEXEC));
      if (!net) {
        const Failure failure = system_failure("cannot open its network namespace");
        // If it has died, it has said why.
        const Result<std::string> last = next_line(node, std::chrono::steady_clock::now() + 1s);
        return last ? failure : Failure(last.error());
      }
      const bool uml = record_.kind == "uml";
      const std::string outer = fmt::format("v{}", i), inner = uml ? fmt::format("u{}", i) : "eth0";
      // A guest has the address that ends in i itself, behind its end of the pair.
      const auto mac_last = static_cast<unsigned char>(uml ? i + kMostNodes : i);
      if (auto added = network->add_pair(outer, "br0", inner, net.get(), mac_last); !added) return added;
      if (uml) {
        if (auto up = network->set_up(inner, true); !up) return up;
        for (const std::string& end : {outer, inner})
          if (auto plain = Network::switch_off_offloads(end); !plain) return plain;
      }
      if (!write_all(node.go.get(), "g")) return infrastructure("its first process died");
      return {};
    });
    if (!connected) return connected;
    return each([&](int, Node& node) -> Result<void> {
      for (;;) {
        const Result<std::string> line = next_line(node, deadline_);
        if (!line) return Failure(line.error());
        if (line->starts_with("limit ")) {
          const std::string limit = line->substr(6);
          if (std::find(record_.limits.begin(), record_.limits.end(), limit) == record_.limits.end())
            record_.limits.push_back(limit);
        }
        if (*line == "up") return {};
      }
    });
  }

  std::string directory_, place_;
  Record record_;
  Deadline deadline_;
  Descriptor layer_lock_;
  std::vector<Node> nodes_;
};

}  // namespace

int run_first_process(const std::string& directory) {
  const auto fail = [](const Error& error) {
    write_all(kReportDescriptor, "error " + error.message);
    return 1;
  };
  signal(SIGPIPE, SIG_IGN);
  umask(022);
  fcntl(kReportDescriptor, F_SETFD, FD_CLOEXEC);
  const Result<Record> record = read_record(directory);
  if (!record) return fail(record.error());
  if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID) != 0)
    return fail(
        system_failure("cannot make namespaces; a container needs to be privileged for this (docker run --privileged)")
            .value());
  if (auto cut = mount_at("none", "/", "", MS_REC | MS_PRIVATE); !cut) return fail(cut.error());
  const pid_t first = fork();
  if (first < 0) return fail(system_failure("cannot fork").value());
  if (first > 0) return 0;  // the one that counts is the child, in the new pid namespace
  prctl(PR_SET_NAME, "shaketable-lab");
  if (chdir("/") != 0) return fail(system_failure("cannot change to /").value());
  FirstProcess process(directory, *record);
  if (auto up = process.bring_up(); !up) return fail(up.error());
  // Nobody there to hear it: who brought the lab up is dead, and nobody wants it.
  if (!write_all(kReportDescriptor, "ready")) return 1;
  close(kReportDescriptor);
  process.stay();
}

}  // namespace shaketable::lab

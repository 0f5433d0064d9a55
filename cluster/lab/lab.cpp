#include "cluster/lab/lab.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <thread>

#include "base/duration.h"
#include "base/log.h"
#include "base/text.h"
#include "cluster/lab/cgroups.h"
#include "cluster/lab/keys.h"
#include "cluster/lab/layer.h"
#include "cluster/lab/processes.h"
#include "cluster/lab/record.h"
#include "cluster/lab/user_namespace.h"

namespace shaketable {
namespace {

using namespace lab;
using namespace std::chrono_literals;

constexpr int kMostNodes = 64;
constexpr auto kLockPatience = 20min;  // another `up` may be installing packages

Result<void> check_name(const std::string& name) {
  const auto fits = [](char c) {
    return std::islower(static_cast<unsigned char>(c)) || std::isdigit(static_cast<unsigned char>(c)) || c == '-';
  };
  if (name.empty() || name.size() > 32 || name[0] == '-' || !std::all_of(name.begin(), name.end(), fits))
    return bad_input(fmt::format("{} cannot be a lab's name: it takes up to 32 of a-z, 0-9 and -", shell_quote(name)));
  return {};
}

Result<void> check_spec(const LabSpec& spec) {
  if (auto good = check_name(spec.name); !good) return good;
  if (spec.kind != "netns" && spec.kind != "uml")
    return bad_input(fmt::format("there is no lab of kind {}; there are netns and uml", shell_quote(spec.kind)));
  if (spec.nodes < 1 || spec.nodes > kMostNodes)
    return bad_input(fmt::format("a lab has 1 to {} nodes, not {}", kMostNodes, spec.nodes));
  if (spec.node_memory_bytes < (64ull << 20)) return bad_input("a lab's node needs at least 64MiB of memory");
  if (spec.node_disk_bytes < (16ull << 20)) return bad_input("a lab's node needs at least 16MiB of disk");
  return check_package_names(spec.packages);
}

// Namespaces, mounts, links and foreign owners: without one of these there is no lab.
Result<void> check_rights(const std::string& purpose) {
  struct Need {
    int capability;
    const char* name;
  };
  const Result<std::string> status = read_file("/proc/self/status");
  if (!status) return Failure(status.error());
  const std::size_t at = status->find("CapEff:");
  const std::uint64_t effective = at == std::string::npos ? 0 : std::strtoull(status->c_str() + at + 7, nullptr, 16);
  std::vector<std::string> missing;
  for (const Need& need : {Need{CAP_SYS_ADMIN, "CAP_SYS_ADMIN"},
                           {CAP_NET_ADMIN, "CAP_NET_ADMIN"},
                           {CAP_SYS_CHROOT, "CAP_SYS_CHROOT"},
                           {CAP_MKNOD, "CAP_MKNOD"},
                           {CAP_CHOWN, "CAP_CHOWN"},
                           {CAP_DAC_OVERRIDE, "CAP_DAC_OVERRIDE"}})
    if (!(effective >> need.capability & 1)) missing.emplace_back(need.name);
  if (missing.empty()) return {};
  if (geteuid() != 0)
    return infrastructure(
        fmt::format("{} needs root, for network namespaces and mounts: run it with sudo (user {} lacks {})", purpose,
                    geteuid(), join(missing)));
  return infrastructure(
      fmt::format("{} needs capabilities that this root lacks: {} (in a container: docker run --privileged)", purpose,
                  join(missing)));
}

NodeSpec node_spec(const std::string& directory, const Record& record, int index) {
  NodeSpec node;
  node.name = fmt::format("n{}", index);
  node.host = node_address(index);
  node.host_key_alias = node.name;
  node.address = node_address(index);
  if (record.ipv6) node.address6 = node_address6(index);
  node.ssh.user = "root";
  node.ssh.identity_files = {directory + "/id"};
  node.ssh.use_agent = false;
  node.ssh.known_hosts = directory + "/known_hosts";
  node.ssh.config = "none";
  return node;
}

LabStatus make_status(const std::string& directory, const Record& record) {
  LabStatus status;
  status.name = record.name;
  status.running = true;
  status.kind = record.kind;
  status.first_process = record.first.pid;
  status.directory = directory;
  status.packages = record.packages;
  status.packages.insert(status.packages.end(), record.installed.begin(), record.installed.end());
  for (int i = 1; i <= record.nodes; ++i) status.nodes.push_back(node_spec(directory, record, i));
  for (const ProcessName& process : record.node_processes)
    status.node_processes.push_back(is_alive(process) ? process.pid : 0);
  status.limits = record.limits;
  return status;
}

// Keys, and files for the ssh client and for /etc/hosts beside the controller.
Result<void> write_access(const std::string& directory, const Record& record) {
  const Result<std::string> id = make_key_pair(directory + "/id");
  if (!id) return Failure(id.error());
  if (auto written = write_file(directory + "/id.pub", *id + " shaketable-lab\n"); !written) return written;
  std::string known;
  std::string config = fmt::format(
      "Host n*\n  User root\n  IdentityFile {0}/id\n  IdentitiesOnly yes\n  UserKnownHostsFile {0}/known_hosts\n"
      "  GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n  PasswordAuthentication no\n  ConnectTimeout "
      "5\n  LogLevel ERROR\n",
      directory);
  for (int i = 1; i <= record.nodes; ++i) {
    const Result<std::string> key = make_key_pair(fmt::format("{}/host_n{}", directory, i));
    if (!key) return Failure(key.error());
    known += fmt::format("n{} {}\n", i, *key);
    config += fmt::format("Host n{0}\n  HostName {1}\n  HostKeyAlias n{0}\n", i, node_address(i));
  }
  const std::string hosts = hosts_file(record);
  struct File {
    const char* name;
    const std::string& content;
  };
  for (const File& file : {File{"/known_hosts", known}, {"/hosts", hosts}, {"/ssh_config", config}})
    if (auto written = write_file(directory + file.name, file.content); !written) return written;
  return {};
}

// Removes what is left of a lab whose processes are dead.
Result<void> remove_remains(const std::string& directory) {
  Result<void> outcome;
  if (const Result<Record> record = read_record(directory); record && !record->cgroup.empty())
    outcome = remove_lab_cgroup(record->cgroup);
  std::error_code error;
  std::filesystem::remove_all(directory, error);
  if (error) return system_failure("cannot remove " + directory, error.value());
  return outcome;
}

Result<void> stop_processes(const std::string& directory) {
  const Result<Record> record = read_record(directory);
  if (!record || !record->is_running()) return {};
  return kill_and_wait(record->first, 20s);
}

// What the first process says when it is done, until `deadline`.
Result<void> wait_for_child(const Child& child, const std::string& log_file,
                            std::chrono::steady_clock::time_point deadline) {
  std::string said;
  for (;;) {
    const auto more = read_some(child.report.get(), deadline);
    if (!more) return infrastructure("the lab did not come up in time; its last lines:\n" + tail_of_file(log_file, 10));
    said += *more;
    if (said == "ready") return {};
    if (!more->empty()) continue;
    if (said.starts_with("error ")) return infrastructure(said.substr(6));
    const std::string log_lines = tail_of_file(log_file, 10);
    return infrastructure("the lab's first process died" +
                          (log_lines.empty() ? "" : "; its last lines:\n" + log_lines));
  }
}

std::vector<std::string> machine_limits(const std::string& directory, const LabSpec& spec) {
  std::vector<std::string> limits;
  struct statvfs space {};
  if (statvfs(directory.c_str(), &space) != 0) return limits;
  const std::uint64_t free = std::uint64_t{space.f_bavail} * space.f_frsize;
  const std::uint64_t most = spec.node_disk_bytes * static_cast<std::uint64_t>(spec.nodes);
  if (free < most)
    limits.push_back(
        fmt::format("{} has {} free, and {} nodes may write {}: a node's full disk may fill this machine's", directory,
                    format_size(free), spec.nodes, format_size(most)));
  return limits;
}

struct Found {
  std::string directory;
  Record record;
};

Result<Found> find_running(const std::string& name);

Result<void> signal_keeper(const std::string& name, const std::string& node, int signal) {
  const Result<Found> found = find_running(name);
  if (!found) return Failure(found.error());
  if (found->record.kind != "uml")
    return infrastructure(
        fmt::format("lab {}: its nodes share this machine's kernel, so their power cannot be cut; `shaketable lab up "
                    "--kernel uml` makes one where it can",
                    name));
  for (std::size_t i = 0; i < found->record.node_processes.size(); ++i)
    if (node == fmt::format("n{}", i + 1)) {
      const ProcessName& keeper = found->record.node_processes[i];
      if (!is_alive(keeper) || kill(keeper.pid, signal) != 0)
        return infrastructure(fmt::format("lab {}: the keeper of node {} is gone", name, node));
      return {};
    }
  return bad_input(fmt::format("lab {} has no node {}", name, shell_quote(node)));
}

Result<Found> find_running(const std::string& name) {
  if (auto good = check_name(name); !good) return Failure(good.error());
  const Result<std::string> root = state_root();
  if (!root) return Failure(root.error());
  Found found{lab_directory(*root, name), {}};
  Result<Record> record = read_record(found.directory);
  if (!record || !record->is_running())
    return infrastructure(fmt::format("lab {} is not up; `shaketable lab up --lab {}` brings it up", name, name));
  found.record = std::move(*record);
  return found;
}

}  // namespace

Result<void> Lab::become_root(const std::string& name) {
  if (geteuid() == 0) return {};
  if (auto good = check_name(name); !good) return good;
  const Result<std::string> root = state_root();
  if (!root) return Failure(root.error());
  // Inside, the user's own number is 0, and the place of the state must stay what it was.
  setenv("SHAKETABLE_STATE_DIR", root->c_str(), 1);  // NOLINT(concurrency-mt-unsafe): before any other thread
  const Result<Record> record = read_record(lab_directory(*root, name));
  if (record && record->is_running()) return join_user_namespace(record->first.pid);
  return make_user_namespace();
}

Result<LabStatus> Lab::up(const LabSpec& spec) {
  if (auto good = check_spec(spec); !good) return Failure(good.error());
  if (auto rights = check_rights("the lab"); !rights) return Failure(rights.error());
  const Result<std::string> root = state_root();
  if (!root) return Failure(root.error());
  const Result<LabLock> lock = LabLock::take(*root, spec.name, kLockPatience);
  if (!lock) return Failure(lock.error());
  const std::string directory = lab_directory(*root, spec.name);
  if (const Result<Record> old = read_record(directory); old && old->is_running())
    return infrastructure(
        fmt::format("lab {} is up already ({} nodes, process {}); `shaketable lab down --lab {}` takes it down",
                    spec.name, old->nodes, old->first.pid, spec.name));
  if (auto removed = remove_remains(directory); !removed) return Failure(removed.error());

  std::vector<std::string> packages = spec.packages;
  if (spec.kind == "uml") packages.insert(packages.end(), {"user-mode-linux", "kmod", "dmsetup"});
  const Result<std::string> layer = find_or_make_layer(*root, packages);
  if (!layer) return Failure(layer.error());
  if (auto made = make_directory(directory, 0700); !made) return Failure(made.error());
  Record record;
  record.name = spec.name;
  record.nodes = spec.nodes;
  record.memory_bytes = spec.node_memory_bytes;
  record.disk_bytes = spec.node_disk_bytes;
  record.timeout = spec.timeout;
  record.layer = *layer;
  record.packages = spec.packages;
  record.limits = machine_limits(directory, spec);
  record.kind = spec.kind;
  record.rootless = is_rootless();
  record.ipv6 = access("/proc/net/if_inet6", F_OK) == 0;
  if (!record.ipv6)
    record.limits.emplace_back("nodes have no IPv6 addresses: this machine's kernel has IPv6 switched off");
  const auto bring_up = [&]() -> Result<LabStatus> {
    if (auto written = write_access(directory, record); !written) return Failure(written.error());
    if (auto written = write_record(directory, record); !written) return Failure(written.error());
    const std::string log_file = directory + "/lab.log";
    const Result<Child> child = start_child({"first", directory}, log_file);
    if (!child) return Failure(child.error());
    reap(*child);  // it ends as soon as the first process proper has been forked
    if (auto up = wait_for_child(*child, log_file, std::chrono::steady_clock::now() + spec.timeout + 5s); !up)
      return Failure(up.error());
    const Result<Record> now = read_record(directory);
    if (!now) return Failure(now.error());
    return make_status(directory, *now);
  };
  Result<LabStatus> status = bring_up();
  if (!status) {
    for (const auto& undone : {stop_processes(directory), remove_remains(directory)})
      if (!undone) log::warning("lab {}: {}", spec.name, undone.error().message);
    return Failure(std::move(status.error()).in("lab " + spec.name));
  }
  return status;
}

Result<void> Lab::down(const std::string& name) {
  if (auto good = check_name(name); !good) return good;
  const Result<std::string> root = state_root();
  if (!root) return Failure(root.error());
  const std::string directory = lab_directory(*root, name);
  std::error_code error;
  if (!std::filesystem::exists(directory, error)) return {};
  if (auto rights = check_rights("taking a lab down"); !rights) return rights;
  const Result<LabLock> lock = LabLock::take(*root, name, kLockPatience);
  if (!lock) return Failure(lock.error());
  if (auto stopped = stop_processes(directory); !stopped) return stopped;
  return remove_remains(directory);
}

Result<LabStatus> Lab::status(const std::string& name) {
  if (auto good = check_name(name); !good) return Failure(good.error());
  const Result<std::string> root = state_root();
  if (!root) return Failure(root.error());
  LabStatus none;
  none.name = name;
  const std::string directory = lab_directory(*root, name);
  if (const Result<Record> record = read_record(directory); record && record->is_running())
    return make_status(directory, *record);
  std::error_code error;
  if (!std::filesystem::exists(directory, error)) return none;
  // Dead, or just coming up: whoever brings it up holds the lock.
  if (const Result<LabLock> lock = LabLock::take(*root, name, 0s)) {
    if (const Result<Record> record = read_record(directory); record && record->is_running())
      return make_status(directory, *record);
    if (auto removed = remove_remains(directory); !removed) return Failure(removed.error());
  }
  return none;
}

std::vector<std::string> Lab::names() {
  std::vector<std::string> names;
  const Result<std::string> root = state_root();
  if (!root) return names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(*root + "/labs", error)) {
    const Result<Record> record = read_record(entry.path());
    if (record && record->is_running()) names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<void> Lab::install(const std::string& name, const std::vector<std::string>& packages) {
  if (auto good = check_name(name); !good) return good;
  if (auto rights = check_rights("installing into a lab"); !rights) return rights;
  const Result<std::string> root = state_root();
  if (!root) return Failure(root.error());
  const Result<LabLock> lock = LabLock::take(*root, name, kLockPatience);
  if (!lock) return Failure(lock.error());
  Result<Found> found = find_running(name);
  if (!found) return Failure(found.error());
  std::vector<std::string> all = found->record.packages;
  all.insert(all.end(), found->record.installed.begin(), found->record.installed.end());
  std::vector<std::string> more;
  for (const std::string& package : packages)
    if (std::find(all.begin(), all.end(), package) == all.end()) more.push_back(package);
  if (more.empty()) return {};
  if (found->record.kind == "uml")
    return infrastructure(
        fmt::format("lab {} runs kernels of its own, and packages cannot be added to them while they run; take it "
                    "down, and bring it "
                    "up with --packages {}",
                    name, join(more, ",")));
  all.insert(all.end(), more.begin(), more.end());
  // The layer under a running node cannot be changed. One with everything is made beside it (the next `up` will use
  // it), and its package files are put into each node's own tree.
  const Result<std::string> layer = find_or_make_layer(*root, all);
  if (!layer) return Failure(layer.error());
  std::error_code error;
  if (!std::filesystem::is_empty(*layer + "/debs", error) && !error) {
    std::vector<Child> children;
    const std::string log_file = found->directory + "/lab.log";
    for (const ProcessName& node : found->record.node_processes) {
      Result<Child> child = start_child({"install", *layer + "/debs", std::to_string(node.pid)}, log_file);
      if (!child) return Failure(child.error());
      children.push_back(std::move(*child));
    }
    Result<void> outcome;
    for (std::size_t i = 0; i < children.size(); ++i) {
      auto done = wait_for_child(children[i], log_file, std::chrono::steady_clock::now() + 10min);
      if (!done && outcome) outcome = Failure(std::move(done.error()).in(fmt::format("node n{}", i + 1)));
      reap(children[i]);
    }
    if (!outcome) return outcome;
  }
  found->record.installed.insert(found->record.installed.end(), more.begin(), more.end());
  return write_record(found->directory, found->record);
}

Result<void> Lab::cut_power(const std::string& name, const std::string& node, Nanos lease, const std::string& start) {
  const Result<Found> found = find_running(name);
  if (!found) return Failure(found.error());
  if (auto known = signal_keeper(name, node, 0); !known) return known;
  const OffFiles files(found->directory, node);
  if (auto written = write_file(files.start, start); !written) return written;
  if (auto written = files.write_lease(lease); !written) return written;
  if (auto told = signal_keeper(name, node, SIGUSR1); !told) return told;
  // The keeper takes the console away when the kernel is gone.
  for (const auto end = std::chrono::steady_clock::now() + 10s; std::chrono::steady_clock::now() < end;) {
    if (access(fmt::format("{}/{}.console", found->directory, node).c_str(), F_OK) != 0) return {};
    std::this_thread::sleep_for(5ms);
  }
  return infrastructure(fmt::format("lab {}: the keeper of node {} does not cut its power", name, node));
}

Result<void> Lab::renew_power_lease(const std::string& name, const std::string& node, Nanos lease) {
  const Result<Found> found = find_running(name);
  if (!found) return Failure(found.error());
  const OffFiles files(found->directory, node);
  // Booted meanwhile: there is nothing to put off.
  if (access(files.lease.c_str(), F_OK) != 0) return {};
  return files.write_lease(lease);
}

std::vector<std::string> Lab::nodes_off(const std::string& name) {
  std::vector<std::string> out;
  const Result<Found> found = find_running(name);
  if (!found) return out;
  for (int i = 1; i <= found->record.nodes; ++i)
    if (const std::string node = fmt::format("n{}", i);
        access(OffFiles(found->directory, node).lease.c_str(), F_OK) == 0)
      out.push_back(node);
  return out;
}

Result<void> Lab::boot(const std::string& name, const std::string& node, Nanos timeout) {
  const Result<Found> found = find_running(name);
  if (!found) return Failure(found.error());
  unlink(OffFiles(found->directory, node).start.c_str());
  if (auto told = signal_keeper(name, node, SIGUSR2); !told) return told;
  // The lab's network is elsewhere, so the console is asked; the keeper makes a new one when a boot begins.
  const std::string console = fmt::format("{}/{}.console", found->directory, node);
  for (const auto end = std::chrono::steady_clock::now() + timeout; std::chrono::steady_clock::now() < end;) {
    std::this_thread::sleep_for(50ms);
    const Result<std::string> said = read_file(console);
    if (said && said->find(std::string(kGuestSays) + "up") != std::string::npos) return {};
  }
  return infrastructure(fmt::format("lab {}: node {} did not boot within {}; its console's last lines:\n{}", name, node,
                                    format_duration(timeout), tail_of_file(console, 8)));
}

Result<void> Lab::enter_network(const std::string& name) {
  const Result<Found> found = find_running(name);
  if (!found) return Failure(found.error());
  if (auto rights = check_rights("entering a lab's network"); !rights) return rights;
  const Descriptor network(open(fmt::format("/proc/{}/ns/net", found->record.first.pid).c_str(), O_RDONLY | O_CLOEXEC));
  if (!network || setns(network.get(), CLONE_NEWNET) != 0)
    return system_failure("cannot enter the network of lab " + name);
  return {};
}

Result<void> Lab::exec(const std::string& name, const std::vector<std::string>& arguments) {
  if (arguments.empty()) return bad_input("nothing to run: `shaketable lab exec COMMAND…`");
  const Result<Found> found = find_running(name);
  if (!found) return Failure(found.error());
  if (auto entered = enter_network(name); !entered) return entered;
  if (unshare(CLONE_NEWNS) != 0) return system_failure("cannot make a mount namespace");
  if (auto cut = mount_at("none", "/", "", MS_REC | MS_PRIVATE); !cut) return cut;
  if (auto named = mount_at(found->directory + "/hosts", "/etc/hosts", "", MS_BIND); !named) return named;
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  execvp(argv[0], argv.data());
  return system_failure(fmt::format("cannot run {}", shell_quote(arguments[0])));
}

Result<void> Lab::ssh(const std::string& name, const std::string& node, const std::vector<std::string>& arguments) {
  const Result<Found> found = find_running(name);
  if (!found) return Failure(found.error());
  std::vector<std::string> known;
  for (int i = 1; i <= found->record.nodes; ++i) known.push_back(fmt::format("n{}", i));
  if (std::find(known.begin(), known.end(), node) == known.end())
    return bad_input(
        fmt::format("lab {} has no node {}; it has {} to {}", name, shell_quote(node), known.front(), known.back()));
  std::vector<std::string> words = {"ssh", "-F", found->directory + "/ssh_config", node};
  words.insert(words.end(), arguments.begin(), arguments.end());
  auto run = exec(name, words);
  if (!run && run.error().message.starts_with("cannot run ssh")) run.error().message += " (package openssh-client)";
  return run;
}

}  // namespace shaketable

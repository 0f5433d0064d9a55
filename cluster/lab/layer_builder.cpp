// The processes that run apt-get and dpkg for the lab: one makes a layer in private namespaces, the other puts packages
// into a node that runs.

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "base/text.h"
#include "cluster/lab/processes.h"
#include "cluster/lab/root_tree.h"
#include "cluster/lab/user_namespace.h"

namespace shaketable::lab {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr auto kAptPatience = 10min;

int fail(const Error& error) {
  write_all(kReportDescriptor, "error " + error.message);
  return 1;
}

Result<void> copy_ownership(const fs::path& from, const fs::path& to) {
  struct stat status;
  if (stat(from.c_str(), &status) != 0 ||
      // Without root the machine's owners are unknown here: all is ours.
      (!is_rootless() && chown(to.c_str(), status.st_uid, status.st_gid) != 0) ||
      chmod(to.c_str(), status.st_mode & 07777) != 0)
    return system_failure("cannot give " + to.string() + " the owner and mode of " + from.string());
  return {};
}

// The host's directories below /var without what is in them (a node must not see the data of the host's own services),
// two levels deep, and links among them such as /var/run.
Result<void> copy_skeleton(const fs::path& from, const fs::path& to, int levels) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(from, error)) {
    const fs::path target = to / entry.path().filename();
    if (entry.is_symlink(error)) {
      if (!fs::exists(fs::symlink_status(target, error))) fs::copy_symlink(entry.path(), target, error);
    } else if (entry.is_directory(error)) {
      if (auto made = make_directory(target); !made) return made;
      if (auto done = copy_ownership(entry.path(), target); !done) return done;
      if (levels > 1)
        if (auto done = copy_skeleton(entry.path(), target, levels - 1); !done) return done;
    }
  }
  return {};
}

Result<void> copy_skeleton_all(const fs::path& from, const fs::path& to) {
  if (auto made = make_directory(to); !made) return made;
  if (auto done = copy_ownership(from, to); !done) return done;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(from, error))
    if (!entry.is_symlink(error) && entry.is_directory(error))
      if (auto done = copy_skeleton_all(entry.path(), to / entry.path().filename()); !done) return done;
  return {};
}

// With owners where they are known. Without root what may not be read, such as locks and the shadow file, is left out.
Result<void> copy_tree(const std::string& from, const std::string& to) {
  if (!is_rootless()) return run_checked({"cp", "-a", "--reflink=auto", from + "/.", to}, 120s);
  const auto copied = run_program({"cp", "-R", "-P", "--preserve=mode,timestamps,links", from + "/.", to},
                                  {.root = "", .output = "/dev/null", .timeout = 120s});
  if (!copied) return Failure(copied.error());
  return {};
}

Result<void> make_var(const std::string& layer) {
  if (auto made = make_directory(layer + "/var"); !made) return made;
  if (auto done = copy_skeleton("/var", layer + "/var", 2); !done) return done;
  std::error_code error;
  for (const char* own : {"/var/lib/shaketable", "/var/lib/docker", "/var/lib/containerd"})
    fs::remove_all(layer + own, error);
  // dpkg's own books and what maintainer scripts keep theirs in.
  for (const char* books : {"lib/dpkg", "lib/ucf", "lib/pam", "lib/python", "lib/sgml-base", "lib/xml-core",
                            "lib/emacsen-common", "lib/systemd", "cache/debconf"})
    if (fs::is_directory(std::string("/var/") + books, error))
      if (auto copied = copy_tree(std::string("/var/") + books, layer + "/var/" + books); !copied) return copied;
  return make_directory(layer + "/var/lib/dpkg");
}

// Without root nothing could be written into a directory that the machine's root owns, not through an overlay either:
// the layer has directories of its own for all of them, and /etc whole, as far as it may be read.
Result<void> own_the_tree(const std::string& layer) {
  for (const char* top : {"/usr", "/opt"}) {
    std::error_code error;
    if (!fs::is_directory(top, error) || fs::is_symlink(top, error)) continue;
    if (auto made = copy_skeleton_all(top, layer + top); !made) return made;
  }
  if (auto made = make_directory(layer + "/etc"); !made) return made;
  return copy_tree("/etc", layer + "/etc");
}

Result<void> prepare_root(const std::string& root) {
  // Without these, maintainer scripts would start the services that they install. The machine's own cannot be written.
  unlink((root + "/usr/sbin/policy-rc.d").c_str());
  if (auto written = write_file(root + "/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0755); !written)
    return written;
  // The resolver's file is often a link to somewhere below /run, which is fresh here; in a container these two are
  // mounts, which an overlay does not see.
  std::error_code error;
  for (const char* name : {"/etc/resolv.conf", "/etc/hosts"}) {
    const fs::path path = fs::canonical(name, error);
    if (error) continue;
    const Result<std::string> content = read_file(path);
    if (!content) return Failure(content.error());
    if (auto made = make_directory(root + path.parent_path().string()); !made) return made;
    if (auto written = write_file(root + path.string(), *content); !written) return written;
  }
  for (const char* directory : {"/tmp/debs", "/var/lib/apt", "/var/lib/apt/lists", "/var/log/apt"})
    if (auto made = make_directory(root + directory); !made) return made;
  return {};
}

std::vector<std::string> apt_get(const std::vector<std::string>& words) {
  std::vector<std::string> all = {"apt-get", "-q", "-y"};
  for (const char* option : {
           "APT::Sandbox::User=root",          // apt's own user could not enter our directories
           "Dir::Cache::archives=/tmp/debs/",  // kept beside the layer, for nodes that run
           "APT::Keep-Downloaded-Packages=true",
           "Acquire::Retries=2",  // a mirror that does not answer is to be named soon
           "Acquire::http::Timeout=30", "Acquire::https::Timeout=30", "Acquire::Languages=none",
           "APT::Update::Error-Mode=any",  // else a failed update ends with exit code 0
       }) {
    all.emplace_back("-o");
    all.emplace_back(option);
  }
  all.insert(all.end(), words.begin(), words.end());
  return all;
}

Result<void> install(const std::vector<std::string>& packages, bool have_lists) {
  std::vector<std::string> words = {"install", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confold"};
  words.insert(words.end(), packages.begin(), packages.end());
  const ProgramOptions patient{.root = "", .output = "", .timeout = kAptPatience};
  if (have_lists) {
    const Result<int> code = run_program(apt_get(words), patient);
    if (code && *code == 0) return {};
  }
  // No lists of packages on a fresh machine, or old ones.
  const Result<int> updated = run_program(apt_get({"update"}), patient);
  if (!updated) return Failure(updated.error());
  const Result<int> code = run_program(apt_get(words), patient);
  if (!code) return Failure(code.error());
  if (*code == 0) return {};
  if (*updated != 0)
    return infrastructure(
        "apt-get cannot install them, nor fetch all lists of packages: does this machine reach its mirrors "
        "(/etc/apt)?");
  return infrastructure("apt-get cannot install them");
}

Result<void> make_layer(const std::string& layer, const std::vector<std::string>& packages) {
  if (auto done = make_var(layer); !done) return done;
  if (is_rootless())
    if (auto done = own_the_tree(layer); !done) return done;
  if (packages.empty()) return {};
  RootTree tree;
  tree.layer = layer;
  tree.write_to_layer = true;
  tree.at = layer + "/place";
  if (auto made = make_directory(tree.at); !made) return made;
  if (auto done = build_root_tree(tree); !done) return done;
  const std::string root = tree.at + "/root";
  if (auto done = prepare_root(root); !done) return done;
  if (auto mounted = mount_at(layer + "/debs", root + "/tmp/debs", "", MS_BIND); !mounted) return mounted;
  std::error_code error;
  const bool have_lists = !fs::is_empty("/var/lib/apt/lists", error) && !error;
  const std::string scratch = tree.at + "/scratch/lists";
  for (const char* directory : {"/up", "/work"})
    if (auto made = make_directory(scratch + directory); !made) return made;
  if (auto mounted = have_lists
                         ? mount_at("overlay", root + "/var/lib/apt/lists", "overlay", 0,
                                    fmt::format("lowerdir=/var/lib/apt/lists,upperdir={0}/up,workdir={0}/work{1}",
                                                scratch, is_rootless() ? ",userxattr" : ""))
                         : mount_at(scratch + "/up", root + "/var/lib/apt/lists", "", MS_BIND);
      !mounted)
    return mounted;
  if (auto done = enter_root_tree(tree); !done) return done;
  if (mkdir("/tmp/debs/partial", 0755) != 0 && errno != EEXIST)
    return system_failure("cannot create /tmp/debs/partial");
  setenv("DEBIAN_FRONTEND", "noninteractive", 1);
  setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
  setenv("LC_ALL", "C.UTF-8", 1);
  setenv("HOME", "/root", 1);
  setenv("RUNLEVEL", "1", 1);
  return install(packages, have_lists);
}

}  // namespace

int run_layer_builder(const std::string& layer, const std::vector<std::string>& packages) {
  umask(022);
  fcntl(kReportDescriptor, F_SETFD, FD_CLOEXEC);
  // Whoever wants the layer waits for it in the thread that started us; without them nobody does.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  pollfd reader{kReportDescriptor, 0, 0};
  if (poll(&reader, 1, 0) > 0) return 1;  // they died before that took hold
  // The host's network stays, for the mirrors.
  if (unshare(CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID) != 0)
    return fail(
        system_failure("cannot make namespaces; a container needs to be privileged for this (docker run --privileged)")
            .value());
  const pid_t child = fork();
  if (child < 0) return fail(system_failure("cannot fork").value());
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // whoever kills the process that is waited for means this one
    // In here, so that the process that cleans up keeps the root that it has and sees none of our mounts.
    if (unshare(CLONE_NEWNS) != 0) _exit(fail(system_failure("cannot make a mount namespace").value()));
    auto made = mount_at("none", "/", "", MS_REC | MS_PRIVATE);
    if (made) made = make_layer(layer, packages);
    if (!made) _exit(fail(Error{made.error().kind, made.error().message}));
    write_all(kReportDescriptor, "ready");
    _exit(0);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  // Everything in the pid namespace is gone now, and with it the mounts.
  std::error_code error;
  for (const char* scratch : {"/work", "/place"}) fs::remove_all(layer + scratch, error);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int run_installer(const std::string& debs, pid_t node) {
  umask(022);
  fcntl(kReportDescriptor, F_SETFD, FD_CLOEXEC);
  // The node's root can be reached from outside as long as its process lives, so the packages need no mount to get in.
  const std::string target = fmt::format("/proc/{}/root/tmp/shaketable-debs", node);
  if (auto copied = run_checked({"cp", "-r", debs, target}, 120s); !copied) return fail(copied.error());
  std::array<Descriptor, 5> spaces;
  const std::array names = {"pid", "ipc", "uts", "net", "mnt"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    spaces[i] = Descriptor(open(fmt::format("/proc/{}/ns/{}", node, names[i]).c_str(), O_RDONLY | O_CLOEXEC));
    if (!spaces[i]) return fail(system_failure("cannot open the node's namespaces").value());
  }
  for (const Descriptor& space : spaces)
    if (setns(space.get(), 0) != 0) return fail(system_failure("cannot enter the node").value());
  if (chdir("/") != 0) return fail(system_failure("cannot change to / of the node").value());
  setenv("DEBIAN_FRONTEND", "noninteractive", 1);
  setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
  setenv("LC_ALL", "C.UTF-8", 1);
  unlink("/usr/sbin/policy-rc.d");
  if (auto policy = write_file("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0755); !policy)
    return fail(policy.error());
  // Those that the node has already, in this version, are skipped.
  const auto done = run_checked({"sh", "-c", "dpkg -i -E --force-confold /tmp/shaketable-debs/*.deb"}, kAptPatience);
  std::error_code error;
  fs::remove_all("/tmp/shaketable-debs", error);
  if (!done) return fail(done.error());
  write_all(kReportDescriptor, "ready");
  return 0;
}

}  // namespace shaketable::lab

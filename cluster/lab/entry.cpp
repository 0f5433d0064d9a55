#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string_view>

#include "cluster/lab/processes.h"

namespace shaketable::lab {
namespace {

int lab_main(int argc, char** argv) {
  const std::string_view role = argc > 2 ? argv[2] : "";
  if (role == "first" && argc == 4) return run_first_process(argv[3]);
  if (role == "layer" && argc >= 4) return run_layer_builder(argv[3], {argv + 4, argv + argc});
  if (role == "install" && argc == 5)
    return run_installer(argv[3], static_cast<pid_t>(std::strtol(argv[4], nullptr, 10)));
  if (role == "guest" && argc >= 5) return run_guest(argv[3], static_cast<int>(std::strtol(argv[4], nullptr, 10)));
  dprintf(2, "%s is started by shaketable itself, not by hand\n", argv[0]);
  return 3;
}

// The lab outlives and must not share the memory, descriptors and threads of who brings it up, so it is a program of
// its own; but the only executable we can be sure of is the one that runs. A constructor, and not a call in main(),
// because main() of a test program belongs to Catch2. glibc hands argc and argv to constructors.
__attribute__((constructor)) void enter_if_lab(int argc, char** argv) {
  // As process 1 of a node's own kernel it has the name that the kernel was told.
  if (argc >= 2 && (argv[0] == kProgram || getpid() == 1) && argv[1] == kVerb) _exit(lab_main(argc, argv));
}

}  // namespace

Result<Child> start_child(const std::vector<std::string>& arguments, const std::string& log) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return system_failure("cannot create a pipe");
  Descriptor ours(ends[0]), theirs(ends[1]);
  // Out of the way of 0 to 2, which are opened anew below; and dup2 onto itself would leave it close-on-exec.
  if (theirs.get() <= kReportDescriptor) {
    const int moved = fcntl(theirs.get(), F_DUPFD_CLOEXEC, kReportDescriptor + 1);
    if (moved < 0) return system_failure("cannot duplicate a descriptor");
    theirs = Descriptor(moved);
  }

  std::vector<std::string> words = {std::string(kProgram), std::string(kVerb)};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  posix_spawn_file_actions_adddup2(&actions, theirs.get(), kReportDescriptor);
  posix_spawn_file_actions_addclosefrom_np(&actions, kReportDescriptor + 1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  Child child;
  const int error = posix_spawn(&child.pid, "/proc/self/exe", &actions, &attributes, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return system_failure("cannot start the lab's first process from /proc/self/exe", error);
  child.report = std::move(ours);
  return child;
}

void reap(const Child& child) {
  int status = 0;
  while (waitpid(child.pid, &status, 0) < 0 && errno == EINTR) {
  }
}

void keep_only(int one, int other) {
  const auto low = static_cast<unsigned int>(std::min(one, other)),
             high = static_cast<unsigned int>(std::max(one, other));
  if (low > 3) close_range(3, low - 1, 0);
  if (high > low + 1) close_range(low + 1, high - 1, 0);
  close_range(high + 1, ~0u, 0);
}

std::string node_address(int index) {
  return fmt::format("10.77.0.{}", index);
}
// Decimal digits on purpose, so that n10 is fd77::10 and can be told by eye.
std::string node_address6(int index) {
  return fmt::format("fd77::{}", index);
}

std::string hosts_file(const Record& record) {
  std::string hosts = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n";
  for (int i = 1; i <= record.nodes; ++i) {
    hosts += fmt::format("{} n{}\n", node_address(i), i);
    if (record.ipv6) hosts += fmt::format("{} n{}\n", node_address6(i), i);
  }
  return hosts;
}

}  // namespace shaketable::lab

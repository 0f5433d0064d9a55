#include "cluster/lab/user_namespace.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <sstream>

#include "cluster/lab/plumbing.h"

namespace shaketable::lab {
namespace {

constexpr std::uint64_t kIdsNeeded = 65535;  // Debian's accounts end with nobody, 65534

struct Range {
  std::uint64_t first = 0, count = 0;
};

std::string login_name() {
  const passwd* account = getpwuid(geteuid());  // NOLINT(concurrency-mt-unsafe): one thread
  return account ? account->pw_name : std::to_string(geteuid());
}

// "NAME:FIRST:COUNT" a line, by name or by number (subuid(5)).
Result<Range> own_range(const std::string& file) {
  const std::string name = login_name(), number = std::to_string(geteuid());
  if (const auto text = read_file(file)) {
    std::istringstream lines(*text);
    for (std::string line; std::getline(lines, line);) {
      std::istringstream fields(line);
      std::string owner, first, count;
      std::getline(fields, owner, ':');
      std::getline(fields, first, ':');
      std::getline(fields, count, ':');
      if (owner != name && owner != number) continue;
      const Range range{std::strtoull(first.c_str(), nullptr, 10), std::strtoull(count.c_str(), nullptr, 10)};
      if (range.count >= kIdsNeeded) return range;
    }
  }
  return infrastructure(
      fmt::format("without root the lab needs a range of {} numbers for {} in {}; as root: usermod --add-subuids "
                  "100000-165535 --add-subgids 100000-165535 {}",
                  kIdsNeeded, name, file, name));
}

Result<void> map_ids(const std::string& program, pid_t process, unsigned own, const Range& range) {
  auto mapped = run_checked({program, std::to_string(process), "0", std::to_string(own), "1", "1",
                             std::to_string(range.first), std::to_string(kIdsNeeded)});
  if (!mapped && mapped.error().message.find("exit code 127") != std::string::npos)
    return infrastructure(program + " is not there: without root the lab needs it (apt-get install uidmap)");
  return mapped;
}

}  // namespace

bool is_rootless() {
  const auto map = read_file("/proc/self/uid_map");
  if (!map) return false;
  std::istringstream fields(*map);
  std::uint64_t inside = 0, outside = 0, count = 0;
  fields >> inside >> outside >> count;
  return outside != 0 || count < 0xffffffffull;
}

Result<void> make_user_namespace() {
  const auto users = own_range("/etc/subuid"), groups = own_range("/etc/subgid");
  if (!users) return Failure(users.error());
  if (!groups) return Failure(groups.error());
  const pid_t self = getpid();
  const unsigned user = geteuid(), group = getegid();
  // The programs that may map a range have to be outside, and to wait until there is a namespace.
  int go[2], why[2];
  if (pipe2(go, O_CLOEXEC) != 0) return system_failure("cannot create a pipe");
  const Descriptor go_read(go[0]);
  Descriptor go_write(go[1]);
  if (pipe2(why, O_CLOEXEC) != 0) return system_failure("cannot create a pipe");
  const Descriptor why_read(why[0]);
  Descriptor why_write(why[1]);
  const pid_t helper = fork();
  if (helper < 0) return system_failure("cannot fork");
  if (helper == 0) {
    go_write.reset();
    char byte;
    if (read(go_read.get(), &byte, 1) != 1) _exit(0);
    auto mapped = map_ids("newuidmap", self, user, *users);
    if (mapped) mapped = map_ids("newgidmap", self, group, *groups);
    if (!mapped) write_all(why_write.get(), mapped.error().message);
    _exit(0);
  }
  why_write.reset();
  Result<void> outcome;
  if (unshare(CLONE_NEWUSER) != 0) {
    const int error = errno;
    outcome = system_failure(
        "cannot make a user namespace; this machine lets only root make a lab (as root: sysctl -w "
        "kernel.unprivileged_userns_clone=1, or on Ubuntu kernel.apparmor_restrict_unprivileged_userns=0)",
        error);
  } else {
    write_all(go_write.get(), "g");
  }
  go_write.reset();
  std::string said;
  char buffer[512];
  for (ssize_t n; (n = read(why_read.get(), buffer, sizeof buffer)) > 0 || (n < 0 && errno == EINTR);)
    if (n > 0) said.append(buffer, static_cast<std::size_t>(n));
  while (waitpid(helper, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (!outcome) return outcome;
  if (!said.empty()) return infrastructure(said);
  if (setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0) return system_failure("cannot become root of a namespace");
  return {};
}

Result<void> join_user_namespace(pid_t process) {
  const Descriptor space(open(fmt::format("/proc/{}/ns/user", process).c_str(), O_RDONLY | O_CLOEXEC));
  if (!space || setns(space.get(), CLONE_NEWUSER) != 0)
    return system_failure(fmt::format("cannot join the user namespace of process {}", process));
  if (setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0) return system_failure("cannot become root of a namespace");
  return {};
}

}  // namespace shaketable::lab

#include "nemesis/agent/lease.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "nemesis/agent/protocol.h"
#include "nemesis/agent/system.h"

namespace shaketable::agent {
namespace {

using namespace std::chrono_literals;

constexpr int kReadyDescriptor = 3;

std::string file(std::string_view name) {
  return std::string(kRunDirectory) + "/" + std::string(name);
}

}  // namespace

std::string own_version() {
  const auto bytes = read_file("/proc/self/exe");
  return bytes ? hash_of(*bytes) : "";
}

Result<void> write_guard_record(const std::string& version) {
  if (auto made = make_directory(std::string(kRunDirectory), 0700); !made) return made;
  const ProcessName own = own_name();
  return write_file(file("guard"), std::to_string(own.pid) + " " + std::to_string(own.start) + "\n" + version + "\n",
                    false);
}

std::optional<GuardRecord> guard_record() {
  const auto text = read_file(file("guard"));
  if (!text) return std::nullopt;
  const auto lines = lines_of(*text);
  if (lines.empty()) return std::nullopt;
  std::string name = lines[0];
  if (const std::size_t space = name.find(' '); space != std::string::npos) name[space] = ':';
  const auto process = to_process(name);
  if (!process) return std::nullopt;
  return GuardRecord{*process, lines.size() > 1 ? lines[1] : ""};
}

std::optional<GuardRecord> living_guard() {
  auto record = guard_record();
  if (!record || !alive(record->process)) return std::nullopt;
  return record;
}

std::optional<Nanos> lease_end() {
  const auto text = read_file(file("lease"));
  if (!text) return std::nullopt;
  const auto lines = lines_of(*text);
  if (lines.size() < 2 || lines[0] != boot_id()) return std::nullopt;
  const auto end = to_number(lines[1]);
  if (!end) return std::nullopt;
  return Nanos(*end);
}

Result<void> set_lease(Nanos end) {
  if (auto made = make_directory(std::string(kRunDirectory), 0700); !made) return made;
  std::string digits = std::to_string(end.count());
  digits.insert(0, 20 - std::min<std::size_t>(digits.size(), 20), '0');
  const std::string text = boot_id() + "\n" + digits + "\n";
  // In place where it can be: /run may lie on a disk that a fault has filled, and a lease must be renewed all the same.
  if (const int known = open(file("lease").c_str(), O_WRONLY | O_CLOEXEC); known >= 0) {
    const bool fits = lseek(known, 0, SEEK_END) == static_cast<off_t>(text.size());
    const bool written = fits && pwrite(known, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
    close(known);
    if (written) return {};
  }
  return write_file(file("lease"), text, false);
}

Result<void> start_guard(Nanos lease) {
  if (auto set = set_lease(raw_now() + lease); !set) return set;
  const std::string version = own_version();
  if (const auto guard = living_guard()) {
    if (guard->version == version) return {};
    signal_process(guard->process, SIGKILL);
  }
  int ready[2];
  if (pipe2(ready, O_CLOEXEC) != 0) return failure("pipe", errno);
  const pid_t child = fork();
  if (child == 0) {
    setsid();
    // Twice, so that it is nobody's child: the agent need not reap it, and it leads no terminal.
    if (fork() != 0) _exit(0);
    setsid();
    const int null = open("/dev/null", O_RDWR);
    for (int i = 0; i < 3; ++i) dup2(null, i);
    if (ready[1] == kReadyDescriptor)
      fcntl(kReadyDescriptor, F_SETFD, 0);
    else
      dup2(ready[1], kReadyDescriptor);
    execl("/proc/self/exe", "shaketable-agent", "guard", "--ready", nullptr);
    _exit(127);
  }
  const int why = errno;
  close(ready[1]);
  if (child < 0) {
    close(ready[0]);
    return failure("the guard: fork", why);
  }
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  pollfd waiting{ready[0], POLLIN, 0};
  char word = 0;
  const bool said = poll(&waiting, 1, 5000) == 1 && read(ready[0], &word, 1) == 1;
  close(ready[0]);
  if (said && living_guard()) return {};
  return infrastructure("the guard of the lease did not start within 5 s");
}

void end_guard() {
  if (const auto guard = living_guard()) signal_process(guard->process, SIGKILL);
}

void harden() {
  // Where the bound cannot be lifted (root of a user namespace), memory that is locked would soon be memory that is
  // refused.
  if (lift_lock_limit()) mlockall(MCL_CURRENT | MCL_FUTURE);
  setpriority(PRIO_PROCESS, 0, -10);
  prctl(PR_SET_TIMERSLACK, 1000UL);
  if (const int adjust = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC); adjust >= 0) {
    if (write(adjust, "-1000", 5) != 5) (void)!write(adjust, "-500", 4);
    close(adjust);
  }
}

}  // namespace shaketable::agent

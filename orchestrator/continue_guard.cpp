#include "orchestrator/continue_guard.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <thread>

#include "cluster/deadline.h"

namespace shaketable {
namespace {

constexpr Nanos kEndLimit = std::chrono::seconds(5);

// In the child of a process with many threads: system calls only. A poll counts in CLOCK_MONOTONIC, and the
// controller's clock is nobody's to bend.
[[noreturn]] void wait_and_continue(pid_t leader, int pidfd, int alive, int milliseconds) {
  ::setsid();  // what ends the controller's terminal or group does not end us
  ::prctl(PR_SET_NAME, "shaketable-cont");
  const auto low = static_cast<unsigned>(std::min(pidfd, alive)), high = static_cast<unsigned>(std::max(pidfd, alive));
  if (low > 0) ::close_range(0, low - 1, 0);
  if (high > low + 1) ::close_range(low + 1, high - 1, 0);
  ::close_range(high + 1, ~0U, 0);
  pollfd waits[2] = {{alive, POLLIN, 0}, {pidfd, POLLIN, 0}};
  while (::poll(waits, 2, milliseconds) < 0 && errno == EINTR) {
  }
  pollfd ended{pidfd, POLLIN, 0};
  if (::poll(&ended, 1, 0) == 0) ::kill(-leader, SIGCONT);
  ::_exit(0);
}

}  // namespace

Result<ContinueGuard> ContinueGuard::start(pid_t leader, Nanos longest) {
  const auto failed = [](const char* what) { return infrastructure(std::string(what) + ": " + std::strerror(errno)); };
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, leader, 0)));
  if (!pidfd) return failed("pidfd_open");
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return failed("pipe");
  const UniqueFd read(ends[0]);
  UniqueFd write(ends[1]);
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(longest).count();
  const int limit = static_cast<int>(std::clamp<std::int64_t>(milliseconds, 0, 86'400'000));
  const pid_t guard = ::fork();
  if (guard < 0) return failed("fork");
  if (guard == 0) wait_and_continue(leader, pidfd.get(), read.get(), limit);
  return ContinueGuard(guard, std::move(write));
}

ContinueGuard::ContinueGuard(ContinueGuard&& other) noexcept
    : guard_(std::exchange(other.guard_, -1)), alive_(std::move(other.alive_)) {}

ContinueGuard::~ContinueGuard() {
  if (guard_ < 0) return;
  alive_.reset();
  const Deadline deadline(kEndLimit);
  while (::waitpid(guard_, nullptr, WNOHANG) == 0) {
    if (deadline.over()) {
      ::kill(guard_, SIGKILL);
      ::waitpid(guard_, nullptr, 0);
      return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace shaketable

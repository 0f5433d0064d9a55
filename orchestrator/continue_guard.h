#pragma once
// Lets a stopped child of ours go on when we are gone: a process beside us that waits for our end. PR_SET_PDEATHSIG
// would not do: the kernel sends it when the thread that started the child ends, and a worker's thread ends with each
// phase of the load.

#include <sys/types.h>

#include "base/clock.h"
#include "base/result.h"
#include "cluster/unique_fd.h"

namespace shaketable {

// When this goes, when our process ends in any way, or after `longest`, SIGCONT is sent to the process group that
// `leader` leads, unless the leader has ended by then. One thread.
class ContinueGuard {
 public:
  static Result<ContinueGuard> start(pid_t leader, Nanos longest);
  ~ContinueGuard();
  ContinueGuard(ContinueGuard&& other) noexcept;
  ContinueGuard& operator=(ContinueGuard&&) = delete;
  ContinueGuard(const ContinueGuard&) = delete;
  ContinueGuard& operator=(const ContinueGuard&) = delete;

 private:
  ContinueGuard(pid_t guard, UniqueFd alive) : guard_(guard), alive_(std::move(alive)) {}
  pid_t guard_;
  UniqueFd alive_;  // the write end of a pipe: its end is what the guard waits for
};

}  // namespace shaketable

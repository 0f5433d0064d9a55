#include "nemesis/agent/helper.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "nemesis/agent/protocol.h"
#include "nemesis/agent/system.h"

namespace shaketable::agent {
namespace {

using namespace std::chrono_literals;

// Waits for a byte; without one (the agent ended, or thought better of it) nothing is done.
[[noreturn]] void be_helper(int gate, const std::string& name, const std::function<void()>& work) {
  setsid();
  for (const int number : {SIGHUP, SIGINT, SIGPIPE}) signal(number, SIG_IGN);
  signal(SIGTERM, SIG_DFL);
  prctl(PR_SET_NAME, name.c_str());
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int i = 0; i < 3; ++i) dup2(null, i);
  // The gates of other helpers above all: they would stay open here when the agent closes them.
  for (const std::string& open_file : list_directory("/proc/self/fd"))
    if (const auto descriptor = to_number(open_file); descriptor && *descriptor > 2 && *descriptor != gate)
      close(static_cast<int>(*descriptor));
  char word = 0;
  if (read(gate, &word, 1) != 1) _exit(0);
  work();
  _exit(1);
}

}  // namespace

Result<std::unique_ptr<WaitingHelper>> WaitingHelper::start(const std::string& name,
                                                            const std::function<void()>& work) {
  int gate[2], told[2];
  if (pipe2(gate, O_CLOEXEC) != 0) return failure("pipe", errno);
  std::unique_ptr<WaitingHelper> helper(new WaitingHelper);
  helper->gate_ = gate[1];
  if (pipe2(told, O_CLOEXEC) != 0) {
    const int why = errno;
    close(gate[0]);
    return failure("pipe", why);
  }
  const pid_t child = fork();
  if (child == 0) {
    // Twice, so that it is nobody's child and no zombie is left of it.
    const pid_t grandchild = fork();
    if (grandchild == 0) be_helper(gate[0], name, work);
    (void)!write(told[1], &grandchild, sizeof grandchild);
    _exit(0);
  }
  const int why = errno;
  close(gate[0]);
  close(told[1]);
  pid_t pid = -1;
  const bool known = child > 0 && read(told[0], &pid, sizeof pid) == sizeof pid && pid > 0;
  close(told[0]);
  if (child > 0) waitpid(child, nullptr, 0);
  if (!known) return failure("fork", why);
  const auto state = look_at(pid);
  if (!state) return infrastructure("a process of the agent's ended at once");
  helper->name_ = {pid, state->start};
  return helper;
}

WaitingHelper::~WaitingHelper() {
  close(gate_);
}

Result<void> WaitingHelper::go() {
  if (write(gate_, "g", 1) != 1) return failure("a process of the agent's is gone", errno);
  return {};
}

Result<bool> end_helpers(const std::vector<ProcessName>& helpers) {
  bool all_there = true;
  for (const ProcessName& helper : helpers) all_there = signal_process(helper, SIGKILL) && all_there;
  const Nanos deadline = raw_now() + 5s;
  while (std::any_of(helpers.begin(), helpers.end(), alive)) {
    if (raw_now() >= deadline) return infrastructure("a process of the agent's lives on after SIGKILL");
    usleep(2000);
  }
  return all_there;
}

}  // namespace shaketable::agent

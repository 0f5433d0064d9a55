#pragma once
// Processes on the node, by pid and start time: pids are used again, pid and start time are not.

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace shaketable::agent {

struct ProcessName {
  pid_t pid = 0;
  std::uint64_t start = 0;  // field 22 of /proc/PID/stat: clock ticks since boot
  friend bool operator==(const ProcessName&, const ProcessName&) = default;
};
std::string to_text(const ProcessName& process);  // "123:45678"
std::optional<ProcessName> to_process(std::string_view text);
std::string to_text(const std::vector<ProcessName>& processes);  // separated by blanks
std::vector<ProcessName> to_processes(std::string_view text);

struct ProcessState {
  std::uint64_t start = 0;
  char state = '?';  // R S D T Z …
  std::string command;
};
std::optional<ProcessState> look_at(pid_t pid);
// Whether it is there still, a zombie excepted.
bool alive(const ProcessName& process);
ProcessName own_name();

// Sends the signal if the process is still the same one.
bool signal_process(const ProcessName& process, int signal);

struct Output {
  int code = -1;  // 128 + the signal that ended it; 127: it could not be started; -1: it was killed at the deadline
  std::string out, err;
  // "exit code 3: last line of stderr"
  std::string describe() const;
};

// `own`: what shaketable needs itself inherits our priority and our place with the OOM killer. `foreign`: scripts of
// the plan and what they start (a database!) get the usual ones, and a session of their own.
enum class Kin { own, foreign };
// Lifts the bound of locked memory, for this process and its own kin; foreign ones get what was found. False: it cannot
// be lifted.
bool lift_lock_limit();
// Runs to its end, or kills it (a foreign one with its process group) after the timeout.
Output run(const std::vector<std::string>& arguments, std::string_view input, Nanos timeout, Kin kin = Kin::own);
Output run_script(const std::string& script, Nanos timeout);  // POSIX sh, foreign

// A program that was started and waits on its standard input. Killed when this goes, or when the agent dies.
class WaitingProgram {
 public:
  static Result<std::unique_ptr<WaitingProgram>> start(const std::vector<std::string>& arguments);
  ~WaitingProgram();
  WaitingProgram(const WaitingProgram&) = delete;
  WaitingProgram& operator=(const WaitingProgram&) = delete;

  const ProcessName& name() const { return name_; }
  Result<void> feed(std::string_view text, Nanos timeout);
  void end_input();
  // Its exit code, as Output has it; 124 when it did not end in time.
  int wait(Nanos timeout);
  std::string said() const;  // both streams

 private:
  WaitingProgram() = default;
  ProcessName name_;
  int input_ = -1, output_ = -1;
  bool ended_ = false;
};

}  // namespace shaketable::agent

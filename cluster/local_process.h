#pragma once
// A program beside us, as a child process: an exec client that talks lines, or the ProxyCommand of an SSH connection.

#include <sys/types.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "cluster/unique_fd.h"

namespace shaketable {

struct LocalProcessSpec {
  std::vector<std::string> arguments;              // the program first, looked up in PATH when it has no slash
  std::map<std::string, std::string> environment;  // added to ours
  std::string directory;                           // empty: ours
  int stream = -1;         // if set, both its stdin and stdout; then there is nothing to read or write
  std::string error_file;  // its stderr is added to this file; empty: kept in memory
};

struct LocalExit {
  int exit_code = -1;  // when it was not killed
  int signal = 0;      // when it was
  std::string describe() const;
};

// One thread at a time. The child leads a process group of its own; the destructor kills the group and reaps the child.
// Its stderr goes into memory or a file, so that it never waits for a reader; above 1 MiB (a file: 16 MiB) the memory
// or the file is emptied.
class LocalProcess {
 public:
  // bad_input when there is no such program, or it may not be executed; infrastructure when it cannot be started.
  static Result<std::unique_ptr<LocalProcess>> start(const LocalProcessSpec& spec);
  ~LocalProcess();
  LocalProcess(const LocalProcess&) = delete;
  LocalProcess& operator=(const LocalProcess&) = delete;

  pid_t pid() const { return pid_; }

  // All of `text` to its standard input. Errors: timeout, or it no longer reads (the message says how it ended).
  Result<void> write(std::string_view text, Nanos timeout);
  void close_input() { input_.reset(); }
  // The next line of its standard output without its newline, or the last unfinished one at the end.
  // Errors: timeout, a line above kLineBytesMax, the end of output ("it ended: exit code 1: <last line of stderr>").
  Result<std::string> read_line(Nanos timeout);
  // nullopt while it still runs after `timeout`.
  std::optional<LocalExit> wait(Nanos timeout);
  void kill();  // SIGKILL to its group; wait() then reaps it
  // What it has said on stderr, at most the last `limit_bytes`.
  std::string error_output(std::size_t limit_bytes = 4096) const;

  static constexpr std::size_t kLineBytesMax = 16 << 20;

 private:
  LocalProcess() = default;
  std::string how_it_ended();

  pid_t pid_ = -1;
  UniqueFd pidfd_;
  UniqueFd input_, output_, errors_;
  off_t errors_from_ = 0;  // where its own begin in a file that others wrote before
  off_t errors_max_ = 0;
  std::string buffer_;
  bool at_end_ = false;
  std::optional<LocalExit> exit_;
};

// A write to a closed pipe or socket must be an error and not the end of the process. Any thread; done once, and
// children started through LocalProcess get the default back.
void ignore_broken_pipes();

}  // namespace shaketable

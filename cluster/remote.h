#pragma once
// The seam between us and a node: run a command there, move a file. libssh behind it in product, a script in unit
// tests.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace shaketable {

// A script travels as one argument of the remote shell. What is longer goes over as a file first (Remote::upload).
constexpr std::size_t kScriptBytesMax = 96 * 1024;

struct Command {
  std::string script;  // for POSIX sh, at most kScriptBytesMax
  std::string input;   // its standard input
  Nanos timeout = std::chrono::seconds(
      30);              // after it the outcome is `unknown` and the remote process group is killed if it can be
  bool as_root = true;  // under sudo where the login is not root
  std::size_t output_limit = 1 << 20;  // bytes kept of each of stdout and stderr; the rest is read and dropped
};

enum class CommandState {
  done,         // it ran and ended: exit_code or signal
  not_started,  // it certainly did not run (no connection, no channel)
  unknown,      // it may or may not have run, or may run still
};

struct CommandOutcome {
  CommandState state = CommandState::not_started;
  int exit_code = -1;  // when done and not killed
  std::string signal;  // "KILL" when done by a signal
  std::string out, err;
  bool truncated = false;
  std::string why;  // for not_started and unknown: one sentence
  bool succeeded() const { return state == CommandState::done && signal.empty() && exit_code == 0; }
  // "exit code 3: <last line of stderr>", "killed by KILL", "unknown: <why>": for messages.
  std::string describe() const;
};

// A channel into one `sh` on the node that stays open: for what has to be quick (2 ms and less, against 40 for a
// command). Lines go in, lines come out. One thread.
class RemoteShell {
 public:
  virtual ~RemoteShell() = default;
  virtual Result<void> send(std::string_view text) = 0;
  // The next line without its newline; infrastructure error on timeout, end or failure (the message says which).
  virtual Result<std::string> receive_line(Nanos timeout) = 0;
};

// One node's connection. One thread at a time owns it (class Node does).
class Remote {
 public:
  virtual ~Remote() = default;
  // Connects and authenticates if that is not done. Errors name host, port, user and the remedy.
  virtual Result<void> connect() = 0;
  virtual CommandOutcome run(const Command& command) = 0;  // connects (again) if needed
  virtual Result<void> upload(std::string_view content, const std::string& path,
                              int mode) = 0;  // to a temporary name, then renamed
  virtual Result<std::string> download(const std::string& path,
                                       std::size_t limit_bytes) = 0;  // the last limit_bytes of the file
  virtual Result<std::unique_ptr<RemoteShell>> open_shell(bool as_root) = 0;
  virtual void disconnect() = 0;
};

}  // namespace shaketable

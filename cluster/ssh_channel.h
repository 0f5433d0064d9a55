#pragma once
// One command on an SSH session: a channel with an exec request, its streams and how it ended. Internal to the libssh
// remote.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cluster/deadline.h"
#include "cluster/remote.h"
#include "cluster/ssh_session.h"

struct ssh_channel_struct;

namespace shaketable {

// The command line that sshd hands to the login shell: `sh` runs `script` (under sudo if asked), after it has said
// `mark` on both streams and its process group on stdout. What comes before the mark is noise of the login shell's
// start-up files.
std::string marked_command_line(std::string_view script, std::string_view mark, bool sudo);

// A text that no output contains by accident.
std::string fresh_mark();

// One stream of a marked command: drops what comes before the mark, keeps the first `limit` bytes after it.
class MarkedStream {
 public:
  MarkedStream(std::string mark, std::size_t limit) : mark_(std::move(mark)), limit_(limit) {}
  void feed(std::string_view bytes);
  bool started() const { return started_; }
  bool truncated() const { return truncated_; }
  // What stood after the mark on its line: the process group on stdout.
  const std::string& mark_line() const { return mark_line_; }
  std::string& kept() { return kept_; }
  // The end of what came before the mark: why a command never began.
  const std::string& noise() const { return noise_; }

 private:
  void keep(std::string_view bytes);

  const std::string mark_;
  const std::size_t limit_;
  bool started_ = false, truncated_ = false;
  std::string noise_, mark_line_, kept_;
};

class SshChannel {
 public:
  // Opens a channel and nothing more: a failure means that nothing was started.
  static Result<std::unique_ptr<SshChannel>> open(std::shared_ptr<SshSession> session, const Deadline& deadline);
  ~SshChannel();
  SshChannel(const SshChannel&) = delete;
  SshChannel& operator=(const SshChannel&) = delete;

  enum class Started { yes, no, unknown };
  // `unknown`: the request may have left and no answer came. why() tells more for no and unknown.
  Started exec(const std::string& command_line, const Deadline& deadline);
  const std::string& why() const { return why_; }

  // Moves what is there now; true if something was.
  bool receive(MarkedStream& out, MarkedStream& err);
  // How many bytes the peer took now.
  std::size_t send(std::string_view bytes);
  void send_end();

  bool at_end() const;  // nothing more will come: end of both streams, or the channel is closed
  bool closed() const;  // not even an exit status will come
  bool lost() const;    // the session broke under it
  bool has_exit() const { return exit_code_ || !signal_.empty(); }
  std::optional<int> exit_code() const { return exit_code_; }
  const std::string& signal() const { return signal_; }
  SshSession& session() const { return *session_; }

 private:
  struct Callbacks;
  explicit SshChannel(std::shared_ptr<SshSession> session);

  std::shared_ptr<SshSession> session_;  // first: it must outlive the channel
  ssh_channel_struct* channel_ = nullptr;
  std::unique_ptr<Callbacks> callbacks_;
  std::optional<int> exit_code_;
  std::string signal_, why_;
};

}  // namespace shaketable

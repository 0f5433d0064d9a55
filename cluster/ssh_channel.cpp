#include "cluster/ssh_channel.h"

#include <fmt/format.h>
#include <libssh/callbacks.h>
#include <libssh/libssh.h>

#include <algorithm>
#include <atomic>

#include "base/random.h"
#include "base/text.h"

namespace shaketable {
namespace {

constexpr std::size_t kNoiseBytesMax = 4096;

}  // namespace

// Without a terminal, sshd makes the login shell the leader of a session and a process group, and every `exec` from
// there to the script keeps its pid; so the group that the script prints is the group of everything it starts (sudo
// included), and one kill ends it all. `setsid -w` would do the same but turns death by a signal into an exit code.
std::string marked_command_line(std::string_view script, std::string_view mark, bool sudo) {
  // The login shell may be of any kind: no newline and no exclamation mark in this part.
  const std::string bootstrap = fmt::format(
      "PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin; export PATH; read -r p c s pp g rest </proc/$$/stat; "
      "echo {0} $g; echo {0} >&2; exec sh -c \"$1\"",
      mark);
  return fmt::format("exec {}sh -c {} sh {}", sudo ? "sudo -n -- " : "", shell_quote(bootstrap), shell_quote(script));
}

std::string fresh_mark() {
  static std::atomic<std::uint64_t> count = 0;
  static const std::uint64_t seed = Random::fresh_seed();
  return fmt::format("shaketable-{:016x}-{}", seed, ++count);
}

void MarkedStream::feed(std::string_view bytes) {
  if (started_) return keep(bytes);
  noise_ += bytes;
  const std::size_t at = noise_.find(mark_);
  const std::size_t end = at == std::string::npos ? at : noise_.find('\n', at);
  if (end == std::string::npos) {
    // The mark may be half here. It may also follow text without a newline, so it is looked for anywhere.
    if (at == std::string::npos && noise_.size() > 2 * kNoiseBytesMax) noise_.erase(0, noise_.size() - kNoiseBytesMax);
    return;
  }
  started_ = true;
  mark_line_ = noise_.substr(std::min(end, at + mark_.size() + 1), end - std::min(end, at + mark_.size() + 1));
  const std::string rest = noise_.substr(end + 1);
  noise_.resize(at);
  keep(rest);
}

void MarkedStream::keep(std::string_view bytes) {
  const std::size_t room = limit_ - std::min(limit_, kept_.size());
  if (bytes.size() > room) truncated_ = true;
  kept_ += bytes.substr(0, room);
}

struct SshChannel::Callbacks {
  ssh_channel_callbacks_struct table{};

  static void exit_status(ssh_session, ssh_channel, int status, void* self) {
    static_cast<SshChannel*>(self)->exit_code_ = status;
  }
  // Death by a signal is told only here: the exit status stays -1.
  static void exit_signal(ssh_session, ssh_channel, const char* signal, int, const char*, const char*, void* self) {
    static_cast<SshChannel*>(self)->signal_ = signal ? signal : "an unnamed signal";
  }
};

SshChannel::SshChannel(std::shared_ptr<SshSession> session) : session_(std::move(session)) {}

SshChannel::~SshChannel() {
  if (!channel_) return;
  ssh_remove_channel_callbacks(channel_, &callbacks_->table);
  ssh_channel_free(channel_);  // sends the close where that is due
}

Result<std::unique_ptr<SshChannel>> SshChannel::open(std::shared_ptr<SshSession> session, const Deadline& deadline) {
  std::unique_ptr<SshChannel> self(new SshChannel(std::move(session)));
  SshSession& s = *self->session_;
  self->channel_ = ssh_channel_new(s.handle());
  if (!self->channel_) return infrastructure(fmt::format("{}: no channel: {}", s.place(), s.error()));
  self->callbacks_ = std::make_unique<Callbacks>();
  self->callbacks_->table.userdata = self.get();
  self->callbacks_->table.channel_exit_status_function = &Callbacks::exit_status;
  self->callbacks_->table.channel_exit_signal_function = &Callbacks::exit_signal;
  ssh_callbacks_init(&self->callbacks_->table);
  ssh_set_channel_callbacks(self->channel_, &self->callbacks_->table);

  int rc = 0;
  while ((rc = ssh_channel_open_session(self->channel_)) == SSH_AGAIN) {
    if (s.broken()) break;
    if (deadline.over()) {
      // An answer that comes later would leave a channel open there that nobody knows of: this session is spent.
      s.give_up();
      return infrastructure(
          fmt::format("{}: no answer when a channel was to be opened: the node hangs or is cut off", s.place()));
    }
    s.wait_for_traffic(deadline);
  }
  if (rc == SSH_OK) return self;
  if (s.broken()) return infrastructure(fmt::format("{}: the connection was lost: {}", s.place(), s.error()));
  return infrastructure(
      fmt::format("{}: sshd refused a channel (its MaxSessions is 10 by default): {}", s.place(), s.error()));
}

SshChannel::Started SshChannel::exec(const std::string& command_line, const Deadline& deadline) {
  int rc = 0;
  while ((rc = ssh_channel_request_exec(channel_, command_line.c_str())) == SSH_AGAIN) {
    if (session_->broken()) break;
    if (deadline.over()) {
      why_ = "no answer to the request to run it: the node hangs or is cut off";
      session_->give_up();
      return Started::unknown;
    }
    session_->wait_for_traffic(deadline);
  }
  if (rc == SSH_OK) return Started::yes;
  if (session_->broken()) {
    why_ = "the connection was lost while it was being started: " + session_->error();
    return Started::unknown;
  }
  why_ = "sshd refused to run it: " + session_->error();
  return Started::no;
}

bool SshChannel::receive(MarkedStream& out, MarkedStream& err) {
  bool any = false;
  char chunk[64 * 1024];
  for (const int is_stderr : {0, 1}) {
    // 0 is not the end: it only says that nothing is here now.
    while (true) {
      const int got = ssh_channel_read_nonblocking(channel_, chunk, sizeof chunk, is_stderr);
      if (got <= 0) break;
      (is_stderr ? err : out).feed({chunk, static_cast<std::size_t>(got)});
      any = true;
    }
  }
  // Once a stream is at its end, reading it handles no packets any more, and the exit status would never arrive.
  if (ssh_channel_is_eof(channel_) && !has_exit()) {
    ssh_channel_get_exit_status(channel_);
    any = any || has_exit();
  }
  return any;
}

std::size_t SshChannel::send(std::string_view bytes) {
  const std::size_t room = ssh_channel_window_size(channel_);
  const std::size_t amount = std::min({bytes.size(), room, std::size_t{256 * 1024}});
  if (amount == 0) return 0;
  const int sent = ssh_channel_write(channel_, bytes.data(), static_cast<std::uint32_t>(amount));
  return sent > 0 ? static_cast<std::size_t>(sent) : 0;
}

void SshChannel::send_end() {
  ssh_channel_send_eof(channel_);
}

// A closed channel may still say that it is not at its end of file: both have to be asked.
bool SshChannel::at_end() const {
  return ssh_channel_is_closed(channel_) != 0 || ssh_channel_is_eof(channel_) != 0 || lost();
}

bool SshChannel::closed() const {
  return ssh_channel_is_closed(channel_) != 0 || lost();
}

bool SshChannel::lost() const {
  return session_->broken();
}

}  // namespace shaketable

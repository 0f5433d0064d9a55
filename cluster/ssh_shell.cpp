// The kept shell: one channel into `sh` for work that cannot wait for a login shell to start.

#include <fmt/format.h>

#include "base/duration.h"
#include "cluster/ssh_channel.h"
#include "cluster/ssh_remote.h"
#include "cluster/ssh_session.h"

namespace shaketable {
namespace {

constexpr Nanos kSendTimeout = std::chrono::seconds(10);
constexpr std::size_t kUnreadBytesMax = 16 << 20;

class SshShell final : public RemoteShell {
 public:
  SshShell(std::unique_ptr<SshChannel> channel, const std::string& mark)
      : channel_(std::move(channel)), out_(mark, kUnreadBytesMax), err_(mark, 64 * 1024) {}

  // Waits until `sh` runs, the start-up files of the login shell being behind us.
  Result<void> await_start(const Deadline& deadline) {
    while (!out_.started()) {
      if (channel_->receive(out_, err_)) continue;
      if (channel_->at_end() || channel_->has_exit())
        return infrastructure("the shell did not start: " + how_it_ended());
      if (deadline.over()) return infrastructure("the shell did not start in time");
      channel_->session().wait_for_traffic(deadline);
    }
    return {};
  }

  Result<void> send(std::string_view text) override {
    const Deadline deadline(kSendTimeout);
    while (!text.empty()) {
      if (channel_->at_end() || channel_->has_exit()) return infrastructure("the shell has ended: " + how_it_ended());
      const std::size_t sent = channel_->send(text);
      text.remove_prefix(sent);
      if (sent > 0) continue;
      if (deadline.over()) return infrastructure("the shell took no input for " + format_duration(kSendTimeout));
      if (!channel_->receive(out_, err_)) channel_->session().wait_for_traffic(deadline);
    }
    return {};
  }

  Result<std::string> receive_line(Nanos timeout) override {
    const Deadline deadline(timeout);
    while (true) {
      std::string& kept = out_.kept();
      if (const std::size_t end = kept.find('\n', searched_); end != std::string::npos) {
        std::string line = kept.substr(0, end);
        kept.erase(0, end + 1);
        searched_ = 0;
        return line;
      }
      searched_ = kept.size();
      if (out_.truncated())
        return infrastructure(fmt::format("the shell said more than {} bytes without being heard", kUnreadBytesMax));
      if (channel_->receive(out_, err_)) continue;
      if (channel_->at_end() || channel_->has_exit()) return infrastructure("the shell has ended: " + how_it_ended());
      if (deadline.over()) return infrastructure("no line from the shell within " + format_duration(timeout));
      channel_->session().wait_for_traffic(deadline);
    }
  }

 private:
  std::string how_it_ended() {
    const Deadline deadline(std::chrono::milliseconds(200));  // the status may come after the end of the streams
    while (!channel_->has_exit() && !channel_->lost() && !deadline.over()) {
      channel_->session().wait_for_traffic(deadline);
      channel_->receive(out_, err_);
    }
    CommandOutcome outcome;
    outcome.err = err_.started() ? err_.kept() : err_.noise();
    if (!channel_->has_exit())
      return channel_->lost() ? "the connection was lost: " + channel_->session().error() : "it closed its streams";
    outcome.state = CommandState::done;
    outcome.signal = channel_->signal();
    outcome.exit_code = channel_->exit_code().value_or(-1);
    return outcome.describe();
  }

  std::unique_ptr<SshChannel> channel_;
  MarkedStream out_, err_;
  std::size_t searched_ = 0;
};

}  // namespace

Result<std::unique_ptr<RemoteShell>> SshRemote::open_shell(bool as_root) {
  auto connected = session(spec_.ssh.connect_timeout);
  if (!connected) return tl::unexpected(connected.error());
  const Deadline deadline(std::max<Nanos>(spec_.ssh.connect_timeout, std::chrono::seconds(5)));
  auto channel = SshChannel::open(*connected, deadline);
  if (!channel) return tl::unexpected(channel.error());
  const std::string mark = fresh_mark();
  if ((*channel)->exec(marked_command_line("exec sh", mark, under_sudo(as_root)), deadline) != SshChannel::Started::yes)
    return infrastructure("the shell did not start: " + (*channel)->why());
  auto shell = std::make_unique<SshShell>(std::move(*channel), mark);
  if (auto ok = shell->await_start(deadline); !ok) return tl::unexpected(ok.error());
  return shell;
}

}  // namespace shaketable

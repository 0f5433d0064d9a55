#include "cluster/ssh_remote.h"

#include <fmt/format.h>

#include "base/duration.h"
#include "base/text.h"
#include "cluster/node.h"
#include "cluster/ssh_channel.h"
#include "cluster/ssh_session.h"

namespace shaketable {
namespace {

using namespace std::chrono_literals;

// How long after its end a command may keep its streams open (a daemon that inherited them) before we stop listening.
constexpr Nanos kLinger = 500ms;
// What it may take, after a command's deadline, to end what it left behind.
constexpr Nanos kEndGroup = 2s;

CommandOutcome not_started(std::string why) {
  CommandOutcome outcome;
  outcome.why = std::move(why);
  return outcome;
}

bool is_group(const std::string& text) {
  return !text.empty() && text.size() < 11 && text.find_first_not_of("0123456789") == std::string::npos &&
         std::stoll(text) > 1;
}

std::string one_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  for (char& c : text)
    if (c == '\n' || c == '\r') c = ' ';
  return text.size() > 600 ? text.substr(text.size() - 600) : text;
}

}  // namespace

SshRemote::SshRemote(NodeSpec spec) : spec_(std::move(spec)) {}
SshRemote::~SshRemote() = default;

int SshRemote::socket() const {
  return session_ ? session_->socket() : -1;
}

bool SshRemote::under_sudo(bool as_root) const {
  return as_root && spec_.ssh.sudo;
}

void SshRemote::disconnect() {
  if (session_) session_->give_up();  // for the shells that share it
  session_.reset();
}

Result<std::shared_ptr<SshSession>> SshRemote::session(Nanos timeout) {
  if (session_ && !session_->broken()) return session_;
  session_.reset();
  auto made = SshSession::connect(spec_.ssh, spec_.host, spec_.host_key_alias, timeout);
  if (!made) return tl::unexpected(made.error());
  ++sessions_made_;
  session_ = std::move(*made);
  return session_;
}

Result<void> SshRemote::connect() {
  if (session_ && !session_->broken()) return {};
  if (auto made = session(spec_.ssh.connect_timeout); !made) return tl::unexpected(made.error());
  // A session's first channel is slow: let it be this one. It also tells whether commands, and sudo, work at all.
  Command probe;
  probe.script = "id -u";
  probe.timeout = std::max<Nanos>(spec_.ssh.connect_timeout, 5s);
  const CommandOutcome outcome = run(probe);
  if (!outcome.succeeded())
    return infrastructure(fmt::format("{}: no command can be run: {}", spec_.host, outcome.describe()));
  if (spec_.ssh.sudo && outcome.out != "0\n")
    return infrastructure(
        fmt::format("{}: sudo does not make us root there: id -u says {}", spec_.host, one_line(outcome.out)));
  return {};
}

std::string SshRemote::never_began(const std::string& said) const {
  const std::string user = session_ ? session_->user() : spec_.ssh.user;
  if (said.find("sudo:") != std::string::npos && said.find("password") != std::string::npos)
    return fmt::format(
        "sudo asks for a password: give {} passwordless sudo (NOPASSWD in sudoers) or log in as root; it said: {}",
        user, said);
  if (said.find("sudo") != std::string::npos && said.find("not found") != std::string::npos)
    return fmt::format("sudo is not installed there: install it or log in as root; the shell said: {}", said);
  return fmt::format("the login shell of {} ended before the command began{}{}", user, said.empty() ? "" : ": ", said);
}

std::string SshRemote::end_group(const std::shared_ptr<SshSession>& session, const std::string& group, bool sudo) {
  if (!is_group(group)) return "its process group is not known, so it may run on";
  const Deadline deadline(kEndGroup);
  const std::string failed = fmt::format("its process group {} could not be killed", group);
  auto channel = SshChannel::open(session, deadline);
  if (!channel) return failed + ": " + channel.error().message;
  const std::string mark = fresh_mark();
  if ((*channel)->exec(marked_command_line("kill -s KILL -- -" + group, mark, sudo), deadline) !=
      SshChannel::Started::yes)
    return failed + ": " + (*channel)->why();
  MarkedStream out(mark, 256), err(mark, 256);
  while (!deadline.over() && !(*channel)->has_exit() && !(*channel)->lost())
    if (!(*channel)->receive(out, err)) session->wait_for_traffic(deadline);
  (*channel)->receive(out, err);
  if ((*channel)->exit_code() == 0) return fmt::format("its process group {} was killed", group);
  if (!(*channel)->has_exit()) {
    session->give_up();
    return failed + ": no answer";
  }
  if (err.kept().find("No such process") != std::string::npos) return "its process group is gone";
  return failed + ": " + one_line(err.kept());
}

CommandOutcome SshRemote::run(const Command& command) {
  return run_script(command, under_sudo(command.as_root));
}

CommandOutcome SshRemote::run_script(const Command& command, bool sudo) {
  const Deadline deadline(command.timeout);
  const std::string mark = fresh_mark();
  const std::string line = marked_command_line(command.script, mark, sudo);
  if (line.size() > kScriptBytesMax + 1024)
    return not_started(fmt::format("the script takes {} bytes when quoted; above {} it has to be uploaded as a file",
                                   line.size(), kScriptBytesMax));
  if (command.script.find('\0') != std::string::npos) return not_started("the script contains a zero byte");
  auto connected = session(std::min(spec_.ssh.connect_timeout, command.timeout));
  if (!connected) return not_started(connected.error().message);
  const std::shared_ptr<SshSession> session = *connected;

  auto opened = SshChannel::open(session, deadline);
  if (!opened) return not_started(opened.error().message);
  SshChannel& channel = **opened;
  CommandOutcome outcome;
  switch (channel.exec(line, deadline)) {
    case SshChannel::Started::no:
      return not_started(channel.why());
    case SshChannel::Started::unknown:
      outcome.state = CommandState::unknown;
      outcome.why = channel.why();
      return outcome;
    case SshChannel::Started::yes:
      break;
  }

  MarkedStream out(mark, command.output_limit), err(mark, command.output_limit);
  std::string_view input = command.input;
  bool input_ended = false;
  std::optional<Deadline> linger;
  while (!deadline.over()) {
    // Both directions in turn: a command that answers while it reads would block on its output else.
    const std::size_t sent = channel.send(input);
    input.remove_prefix(sent);
    if (input.empty() && !input_ended) {
      channel.send_end();
      input_ended = true;
    }
    const bool received = channel.receive(out, err);
    if (channel.has_exit() && (!linger || received)) linger.emplace(kLinger);
    if (channel.at_end() || (linger && linger->over())) break;
    if (sent == 0 && !received) session->wait_for_traffic(linger ? *linger : deadline);
  }
  // The exit status may come after the end of the streams.
  while (!channel.has_exit() && !channel.closed() && !deadline.over())
    if (!channel.receive(out, err)) session->wait_for_traffic(deadline);
  channel.receive(out, err);

  outcome.truncated = out.truncated() || err.truncated();
  if (channel.has_exit()) {
    const std::string said = one_line(err.noise().empty() ? out.noise() : err.noise());
    if (!out.started()) return not_started(never_began(said));
    outcome.state = CommandState::done;
    outcome.signal = channel.signal();
    if (outcome.signal.empty()) outcome.exit_code = channel.exit_code().value_or(-1);
  } else {
    outcome.state = CommandState::unknown;
    if (channel.lost())
      outcome.why = "the connection was lost while it ran: " + session->error();
    else if (channel.closed())
      outcome.why = "its channel was closed without an exit status";
    else
      outcome.why = fmt::format("no end within {}; {}", format_duration(command.timeout),
                                end_group(session, out.mark_line(), sudo));
  }
  outcome.out = std::move(out.kept());
  outcome.err = std::move(err.kept());
  return outcome;
}

std::unique_ptr<Remote> make_ssh_remote(const NodeSpec& spec) {
  return std::make_unique<SshRemote>(spec);
}

}  // namespace shaketable

// Files over SSH. SFTP where the server has it and the login may write; else `cat` in a command.

#include <fcntl.h>
#include <fmt/format.h>
#include <libssh/libssh.h>
#include <libssh/sftp.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>

#include "base/duration.h"
#include "base/text.h"
#include "cluster/ssh_channel.h"
#include "cluster/ssh_remote.h"
#include "cluster/ssh_session.h"

namespace shaketable {
namespace {

constexpr std::size_t kSftpChunk = 256'000;  // 176 MiB/s against 36 with chunks of 32,000 bytes
constexpr std::size_t kSlowestBytesPerSecond = 256 * 1024;

using Sftp = std::unique_ptr<sftp_session_struct, decltype(&sftp_free)>;
using SftpFile = std::unique_ptr<sftp_file_struct, decltype(&sftp_close)>;

std::string sftp_reason(int code) {
  switch (code) {
    case SSH_FX_NO_SUCH_FILE:
      return "no such directory";
    case SSH_FX_PERMISSION_DENIED:
      return "permission denied";
    case SSH_FX_NO_CONNECTION:
    case SSH_FX_CONNECTION_LOST:
      return "the connection was lost";
    default:
      return fmt::format("the server says failure ({})", code);
  }
}

// SFTP in libssh knows only blocking calls; run() wants none.
class Blocking {
 public:
  explicit Blocking(ssh_session session) : session_(session) { ssh_set_blocking(session_, 1); }
  ~Blocking() { ssh_set_blocking(session_, 0); }
  Blocking(const Blocking&) = delete;
  Blocking& operator=(const Blocking&) = delete;

 private:
  ssh_session session_;
};

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

Nanos SshRemote::transfer_time(std::size_t bytes) const {
  if (transfer_limit_ > Nanos(0)) return transfer_limit_;
  return std::chrono::seconds(30 + bytes / kSlowestBytesPerSecond);
}

Result<void> SshRemote::upload_by_sftp(SshSession& session, std::string_view content, const std::string& temporary,
                                       Nanos timeout, bool& absent) {
  ssh_session handle = session.handle();
  const Blocking blocking(handle);
  const SocketGuard guard(session.socket(), timeout);
  const Sftp sftp(sftp_new(handle), &sftp_free);
  const auto failed = [&](const std::string& what) {
    if (guard.fired()) {
      session.give_up();
      return infrastructure(fmt::format("{}: {}: no end within {}", temporary, what, format_duration(timeout)));
    }
    return infrastructure(
        fmt::format("{}: {}: {}", temporary, what, sftp ? sftp_reason(sftp_get_error(sftp.get())) : session.error()));
  };
  if (!sftp || sftp_init(sftp.get()) != SSH_OK) {
    absent = !guard.fired() && !session.broken();
    return failed("SFTP");
  }
  SftpFile file(sftp_open(sftp.get(), temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL, S_IRUSR | S_IWUSR), &sftp_close);
  if (!file) return failed("cannot be made");
  for (std::size_t at = 0; at < content.size();) {
    const std::string_view chunk = content.substr(at, kSftpChunk);
    const ssize_t sent = sftp_write(file.get(), chunk.data(), chunk.size());
    if (sent <= 0) return failed("cannot be written");
    at += static_cast<std::size_t>(sent);
  }
  if (sftp_close(file.release()) != SSH_NO_ERROR) return failed("cannot be closed");
  return {};
}

// A disk that is full looks like any other failure to SFTP, so the node is asked.
Error SshRemote::no_room(Error error, const std::string& path, std::size_t wanted_bytes) {
  Command look;
  look.script = fmt::format("df -Pk -- {} | tail -n 1", shell_quote(directory_of(path)));
  look.timeout = std::chrono::seconds(10);
  const CommandOutcome outcome = run(look);
  // Filesystem 1024-blocks Used Available Capacity Mounted-on
  std::vector<std::string> fields;
  for (std::size_t at = 0; outcome.succeeded() && at < outcome.out.size();) {
    const std::size_t from = outcome.out.find_first_not_of(" \n", at);
    if (from == std::string::npos) break;
    at = std::min(outcome.out.find_first_of(" \n", from), outcome.out.size());
    fields.push_back(outcome.out.substr(from, at - from));
  }
  std::uint64_t free_kb = 0;
  if (fields.size() < 6 ||
      std::from_chars(fields[3].data(), fields[3].data() + fields[3].size(), free_kb).ec != std::errc())
    return error;
  if (free_kb * 1024 >= wanted_bytes) return error;
  error.message = fmt::format("{}: the disk is full: {} has {} free, the file needs {} ({})", path, fields[5],
                              format_size(free_kb * 1024), format_size(wanted_bytes), error.message);
  return error;
}

Result<void> SshRemote::upload(std::string_view content, const std::string& path, int mode) {
  if (no_sftp_ || under_sudo(true)) return upload_by_command(content, path, mode);
  auto connected = session(spec_.ssh.connect_timeout);
  if (!connected) return tl::unexpected(connected.error());
  const std::string temporary = path + "." + fresh_mark();
  const auto sent = upload_by_sftp(**connected, content, temporary, transfer_time(content.size()), no_sftp_);
  if (no_sftp_) return upload_by_command(content, path, mode);
  Command finish;
  finish.as_root = false;
  const std::string quoted = shell_quote(temporary);
  if (!sent) {
    finish.script = "rm -f -- " + quoted;
    finish.timeout = std::chrono::seconds(5);
    const CommandOutcome removed = run(finish);
    Error error = no_room(sent.error(), path, content.size());
    if (!removed.succeeded()) error.message += "; " + temporary + " may be left there: " + removed.describe();
    return tl::unexpected(error);
  }
  finish.script = fmt::format("chmod {:o} -- {} && mv -fT -- {} {} || {{ rm -f -- {}; exit 1; }}", mode, quoted, quoted,
                              shell_quote(path), quoted);
  if (const CommandOutcome moved = run(finish); !moved.succeeded())
    return infrastructure(fmt::format("{}: the uploaded file cannot be moved into place: {}", path, moved.describe()));
  return {};
}

Result<void> SshRemote::upload_by_command(std::string_view content, const std::string& path, int mode) {
  Command send;
  const std::string temporary = shell_quote(path + "." + fresh_mark());
  send.script =
      fmt::format("umask 077; cat > {0} && chmod {1:o} -- {0} && mv -fT -- {0} {2} || {{ rm -f -- {0}; exit 1; }}",
                  temporary, mode, shell_quote(path));
  send.input = content;
  send.timeout = transfer_time(content.size());
  const CommandOutcome outcome = run(send);
  if (outcome.succeeded()) return {};
  return tl::unexpected(
      no_room(Error{ErrorKind::infrastructure, fmt::format("{}: cannot be written: {}", path, outcome.describe())},
              path, content.size()));
}

Result<std::string> SshRemote::download(const std::string& path, std::size_t limit_bytes) {
  Command read;
  read.script = fmt::format("exec tail -c {} -- {}", limit_bytes, shell_quote(path));
  read.output_limit = limit_bytes;
  read.timeout = transfer_time(limit_bytes);
  CommandOutcome outcome = run(read);
  if (!outcome.succeeded()) return infrastructure(fmt::format("{}: cannot be read: {}", path, outcome.describe()));
  return std::move(outcome.out);
}

}  // namespace shaketable

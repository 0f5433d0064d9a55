#pragma once
// Remote over libssh. make_ssh_remote() in cluster/node.h makes one; this header is for its own tests.

#include "cluster/node_spec.h"
#include "cluster/remote.h"

namespace shaketable {

class SshSession;

// One session, kept, made again when it broke. One thread.
class SshRemote final : public Remote {
 public:
  explicit SshRemote(NodeSpec spec);
  ~SshRemote() override;

  Result<void> connect() override;
  CommandOutcome run(const Command& command) override;
  Result<void> upload(std::string_view content, const std::string& path, int mode) override;
  Result<std::string> download(const std::string& path, std::size_t limit_bytes) override;
  Result<std::unique_ptr<RemoteShell>> open_shell(bool as_root) override;
  void disconnect() override;

  int sessions_made() const { return sessions_made_; }
  int socket() const;  // of the session; -1 without one
  // Shortens how long a transfer may take, for tests; 0 for the usual again.
  void limit_transfer_time(Nanos limit) { transfer_limit_ = limit; }
  // The other way to send a file, for nodes without SFTP and for logins that need sudo.
  Result<void> upload_by_command(std::string_view content, const std::string& path, int mode);

 private:
  Result<std::shared_ptr<SshSession>> session(Nanos timeout);
  Nanos transfer_time(std::size_t bytes) const;
  bool under_sudo(bool as_root) const;
  Result<void> upload_by_sftp(SshSession& session, std::string_view content, const std::string& temporary,
                              Nanos timeout, bool& absent);
  CommandOutcome run_script(const Command& command, bool sudo);
  std::string end_group(const std::shared_ptr<SshSession>& session, const std::string& group, bool sudo);
  std::string never_began(const std::string& said) const;
  Error no_room(Error error, const std::string& path, std::size_t wanted_bytes);

  const NodeSpec spec_;
  std::shared_ptr<SshSession> session_;
  int sessions_made_ = 0;
  bool no_sftp_ = false;
  Nanos transfer_limit_{0};
};

}  // namespace shaketable

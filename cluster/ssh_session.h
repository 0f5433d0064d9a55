#pragma once
// One authenticated libssh session. Its owner is one thread: libssh sessions shared by two fail at random.

#include <memory>
#include <string>

#include "base/result.h"
#include "cluster/deadline.h"
#include "cluster/local_process.h"
#include "cluster/node_spec.h"
#include "cluster/unique_fd.h"

struct ssh_session_struct;

namespace shaketable {

class SshSession {
 public:
  // Resolves ssh_config, connects, checks the host key (anything but a known one is refused) and authenticates, all
  // within `timeout` (resolving the name excepted). Errors name host, port, user and the remedy.
  static Result<std::shared_ptr<SshSession>> connect(const SshOptions& options, const std::string& host,
                                                     const std::string& host_key_alias, Nanos timeout);
  ~SshSession();
  SshSession(const SshSession&) = delete;
  SshSession& operator=(const SshSession&) = delete;

  ssh_session_struct* handle() const { return session_; }
  int socket() const { return socket_.get(); }
  const std::string& user() const { return user_; }
  // "10.0.0.1 port 22"
  const std::string& place() const { return place_; }

  // Sleeps until the socket has something for us, or takes something when libssh has something to send, or the
  // deadline. Wakes now and then besides; callers loop.
  void wait_for_traffic(const Deadline& deadline) const;

  // Whether it can be used no more: the peer is gone, or it was given up.
  bool broken() const;
  void give_up() { given_up_ = true; }
  // libssh's last error, or the proxy's, or "the connection was lost".
  std::string error() const;

 private:
  SshSession() = default;
  Result<void> configure(const SshOptions& options, const std::string& host);
  Result<void> open_stream(const SshOptions& options, const Deadline& deadline);
  Result<void> check_host_key(const std::string& alias) const;
  Result<void> authenticate(const SshOptions& options);
  std::string proxy_said() const;

  ssh_session_struct* session_ = nullptr;
  UniqueFd socket_;  // our own handle on libssh's socket, which libssh closes as it likes
  std::unique_ptr<LocalProcess> proxy_;
  std::string host_, user_, place_;
  int port_ = 22;
  bool given_up_ = false;
};

// While it lives: shuts the session's socket down when the deadline is over, so that a libssh call that has no deadline
// of its own (reading an SFTP packet loops for ever on a peer that is stopped) ends with an error.
class SocketGuard {
 public:
  SocketGuard(int socket, Nanos timeout);
  ~SocketGuard();
  SocketGuard(const SocketGuard&) = delete;
  SocketGuard& operator=(const SocketGuard&) = delete;
  bool fired() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace shaketable

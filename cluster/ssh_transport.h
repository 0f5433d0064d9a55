#pragma once
// The stream that an SSH session runs over: a TCP connection, or the standard streams of a ProxyCommand.

#include <memory>
#include <string>

#include "base/result.h"
#include "cluster/deadline.h"
#include "cluster/local_process.h"
#include "cluster/unique_fd.h"

namespace shaketable {

// Made by us and not by libssh, whose errors do not tell a closed port from an unroutable host and whose TCP options
// cannot be read back. NODELAY is set: without it every command takes 40 ms (Nagle against delayed acknowledgements).
// Resolving a name is up to the system's resolver and not bound by the deadline.
Result<UniqueFd> connect_tcp(const std::string& host, int port, const Deadline& deadline);

struct ProxyStream {
  UniqueFd socket;
  std::unique_ptr<LocalProcess> process;
};

// Runs `command` with sh; %h, %n, %p, %r and %% are filled in. OpenSSH does the same for ProxyCommand.
Result<ProxyStream> start_proxy(const std::string& command, const std::string& host, int port, const std::string& user);

}  // namespace shaketable

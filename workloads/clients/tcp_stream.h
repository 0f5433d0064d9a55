#pragma once
// A TCP connection for clients whose library parses a protocol but whose own socket code would hide what an error
// means: every call has a deadline, and sending tells whether a byte has left this machine.

#include <string>
#include <string_view>

#include "base/result.h"
#include "cluster/deadline.h"
#include "cluster/unique_fd.h"

namespace shaketable {

struct HostPort {
  std::string host;
  int port = 0;
};

// "redis://10.77.0.1:6379", "10.77.0.1:6379", "[fd77::1]:6379", a trailing "/…" passed over. Without a port:
// `default_port`. bad_input for anything else.
Result<HostPort> parse_host_port(std::string_view url, int default_port);

// One thread.
class TcpStream {
 public:
  enum class Sent { nothing, something, everything };

  // Names are resolved by getaddrinfo, which knows no deadline; addresses are not looked up.
  Result<void> connect(const HostPort& peer, const Deadline& deadline);
  bool is_open() const { return static_cast<bool>(socket_); }
  // What is left of an older conversation, or the end of the stream, is there to be read: the connection is no use any
  // more.
  bool is_stale() const;
  // Short of `everything` the stream is closed, and `problem` says why.
  Sent send(std::string_view bytes, const Deadline& deadline, std::string& problem);
  // At least one byte, appended; else the stream is closed.
  Result<void> receive(std::string& into, const Deadline& deadline);
  void close() { socket_.reset(); }

 private:
  UniqueFd socket_;
};

}  // namespace shaketable

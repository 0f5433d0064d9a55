#include "cluster/ssh_transport.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "base/duration.h"

namespace shaketable {
namespace {

// 0, or the errno that tells why not.
int connect_within(int fd, const sockaddr* address, socklen_t length, const Deadline& deadline) {
  if (::connect(fd, address, length) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  pollfd ready{fd, POLLOUT, 0};
  int got = 0;
  while ((got = ::poll(&ready, 1, deadline.left_ms())) < 0 && errno == EINTR) {
  }
  if (got == 0) return ETIMEDOUT;
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

std::string why(int error) {
  switch (error) {
    case ECONNREFUSED:
      return "connection refused: no sshd listens there";
    case ETIMEDOUT:
      return "no answer: the host is down, or a firewall drops the packets";
    case EHOSTUNREACH:
    case ENETUNREACH:
      return fmt::format("{}: there is no way from here to that address", std::strerror(error));
    default:
      return std::strerror(error);
  }
}

}  // namespace

Result<UniqueFd> connect_tcp(const std::string& host, int port, const Deadline& deadline) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int rc = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found); rc != 0)
    return infrastructure(fmt::format("{}: the name cannot be resolved: {}", host, ::gai_strerror(rc)));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, &::freeaddrinfo);
  int error = EHOSTUNREACH;
  for (const addrinfo* address = found; address; address = address->ai_next) {
    UniqueFd fd(::socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) {
      error = errno;
      continue;
    }
    error = connect_within(fd.get(), address->ai_addr, address->ai_addrlen, deadline);
    if (error != 0) continue;
    const int on = 1;
    if (::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        ::setsockopt(fd.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) != 0)
      return infrastructure(fmt::format("{} port {}: setsockopt: {}", host, port, std::strerror(errno)));
    return fd;
  }
  return infrastructure(fmt::format("{} port {}: {}", host, port, why(error)));
}

Result<ProxyStream> start_proxy(const std::string& command, const std::string& host, int port,
                                const std::string& user) {
  std::string filled = "exec ";
  for (std::size_t i = 0; i < command.size(); ++i) {
    if (command[i] != '%' || i + 1 == command.size()) {
      filled += command[i];
      continue;
    }
    switch (command[++i]) {
      case 'h':
      case 'n':
        filled += host;
        break;
      case 'p':
        filled += std::to_string(port);
        break;
      case 'r':
        filled += user;
        break;
      case '%':
        filled += '%';
        break;
      default:
        return bad_input(
            fmt::format("ProxyCommand {}: %{} is not supported (there are %h %n %p %r)", command, command[i]));
    }
  }
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return infrastructure(fmt::format("ProxyCommand: socketpair: {}", std::strerror(errno)));
  UniqueFd ours(ends[0]), theirs(ends[1]);
  ::fcntl(ours.get(), F_SETFL, O_NONBLOCK);
  LocalProcessSpec spec;
  spec.arguments = {"/bin/sh", "-c", filled};
  spec.stream = theirs.get();
  auto process = LocalProcess::start(spec);
  if (!process) return tl::unexpected(process.error().in("ProxyCommand"));
  return ProxyStream{std::move(ours), std::move(*process)};
}

}  // namespace shaketable

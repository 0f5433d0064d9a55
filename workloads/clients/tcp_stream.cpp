#include "workloads/clients/tcp_stream.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

namespace shaketable {
namespace {

// Waits for `events`; false when the time is up. An error of the socket counts as ready: the next call tells it.
bool wait_for(int fd, short events, const Deadline& deadline) {
  for (;;) {
    pollfd waiting{fd, events, 0};
    const int ready = ::poll(&waiting, 1, deadline.left_ms());
    if (ready > 0) return true;
    if (ready == 0 && deadline.over()) return false;
    if (ready < 0 && errno != EINTR) return false;
  }
}

}  // namespace

Result<HostPort> parse_host_port(std::string_view url, int default_port) {
  std::string_view rest = url;
  if (const auto scheme = rest.find("://"); scheme != std::string_view::npos) rest.remove_prefix(scheme + 3);
  rest = rest.substr(0, rest.find('/'));
  HostPort out{"", default_port};
  std::string_view port;
  if (rest.starts_with('[')) {
    const auto end = rest.find(']');
    if (end == std::string_view::npos) return bad_input(fmt::format("\"{}\" is no address: a ] is missing", url));
    out.host = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    if (rest.starts_with(':')) port = rest.substr(1);
  } else {
    const auto colon = rest.find(':');
    out.host = rest.substr(0, colon);
    if (colon != std::string_view::npos) port = rest.substr(colon + 1);
  }
  if (out.host.empty()) return bad_input(fmt::format("\"{}\" is no address: it names no host", url));
  if (!port.empty()) {
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
    if (error != std::errc() || end != port.data() + port.size())
      return bad_input(fmt::format("\"{}\" is no address: \"{}\" is no port", url, port));
  }
  if (out.port < 1 || out.port > 65535) return bad_input(fmt::format("\"{}\" is no address: it has no port", url));
  return out;
}

Result<void> TcpStream::connect(const HostPort& peer, const Deadline& deadline) {
  close();
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(peer.host.c_str(), std::to_string(peer.port).c_str(), &hints, &found);
  if (error != 0) return infrastructure(fmt::format("{}: {}", peer.host, ::gai_strerror(error)));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, ::freeaddrinfo);
  std::string problem = "no address";
  for (const addrinfo* address = found; address && !deadline.over(); address = address->ai_next) {
    UniqueFd fd(::socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) {
      problem = std::strerror(errno);
      continue;
    }
    const int yes = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (::connect(fd.get(), address->ai_addr, address->ai_addrlen) != 0 && errno != EINPROGRESS) {
      problem = std::strerror(errno);
      continue;
    }
    if (!wait_for(fd.get(), POLLOUT, deadline)) {
      problem = "no connection in time";
      continue;
    }
    int failure = 0;
    socklen_t length = sizeof failure;
    ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &failure, &length);
    if (failure != 0) {
      problem = std::strerror(failure);
      continue;
    }
    socket_ = std::move(fd);
    return {};
  }
  return infrastructure(fmt::format("{}:{}: {}", peer.host, peer.port, problem));
}

bool TcpStream::is_stale() const {
  char byte;
  const ssize_t n = ::recv(socket_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return n >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

TcpStream::Sent TcpStream::send(std::string_view bytes, const Deadline& deadline, std::string& problem) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::send(socket_.get(), bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    if (n > 0) {
      done += static_cast<std::size_t>(n);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (wait_for(socket_.get(), POLLOUT, deadline)) continue;
      problem = "the request could not be sent in time";
    } else {
      problem = std::strerror(errno);
    }
    close();
    return done == 0 ? Sent::nothing : Sent::something;
  }
  return Sent::everything;
}

Result<void> TcpStream::receive(std::string& into, const Deadline& deadline) {
  char chunk[16384];
  for (;;) {
    const ssize_t n = ::recv(socket_.get(), chunk, sizeof chunk, 0);
    if (n > 0) {
      into.append(chunk, static_cast<std::size_t>(n));
      return {};
    }
    if (n < 0 && errno == EINTR) continue;
    std::string problem;
    if (n == 0)
      problem = "the connection was closed before the answer";
    else if (errno != EAGAIN && errno != EWOULDBLOCK)
      problem = std::strerror(errno);
    else if (wait_for(socket_.get(), POLLIN, deadline))
      continue;
    else
      problem = "no answer in time";
    close();
    return infrastructure(problem);
  }
}

}  // namespace shaketable

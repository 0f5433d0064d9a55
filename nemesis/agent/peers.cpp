#include "nemesis/agent/peers.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "nemesis/agent/system.h"

namespace shaketable::agent {
namespace {

using namespace std::chrono_literals;

constexpr Nanos kPatience = 1s;
constexpr Nanos kRepeat = 300ms;

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  bool six = false;
};

std::optional<Address> to_address(const std::string& text, int port) {
  Address out;
  auto* four = reinterpret_cast<sockaddr_in*>(&out.storage);
  auto* six = reinterpret_cast<sockaddr_in6*>(&out.storage);
  if (inet_pton(AF_INET, text.c_str(), &four->sin_addr) == 1) {
    four->sin_family = AF_INET;
    four->sin_port = htons(static_cast<std::uint16_t>(port));
    out.size = sizeof *four;
    return out;
  }
  if (inet_pton(AF_INET6, text.c_str(), &six->sin6_addr) == 1) {
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(static_cast<std::uint16_t>(port));
    out.size = sizeof *six;
    out.six = true;
    return out;
  }
  return std::nullopt;
}

std::uint16_t checksum(const unsigned char* bytes, std::size_t size) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < size; i += 2) sum += static_cast<std::uint32_t>(bytes[i] << 8 | bytes[i + 1]);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return htons(static_cast<std::uint16_t>(~sum));
}

class Call {
 public:
  Call(PeerCall call, std::uint16_t id) : call_(std::move(call)), id_(id) {
    const auto address = to_address(call_.address, call_.port);
    if (!address) return;
    six_ = address->six;
    const int family = six_ ? AF_INET6 : AF_INET;
    const int protocol = six_ ? static_cast<int>(IPPROTO_ICMPV6) : static_cast<int>(IPPROTO_ICMP);
    socket_ = call_.port > 0 ? socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
                             : socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    if (socket_ < 0) return;
    const int connected = connect(socket_, reinterpret_cast<const sockaddr*>(&address->storage), address->size);
    if (connected != 0 && errno != EINPROGRESS) {
      if (errno == ECONNREFUSED) seen_ = "refused";
      return;
    }
    seen_ = connected == 0 && call_.port > 0 ? "open" : "cut";
    waiting_ = seen_ == "cut";
  }

  void send_echo() {
    if (!waiting_ || call_.port > 0) return;
    unsigned char packet[32] = {};
    packet[0] = six_ ? static_cast<unsigned char>(ICMP6_ECHO_REQUEST) : static_cast<unsigned char>(ICMP_ECHO);
    std::memcpy(packet + 4, &id_, 2);
    packet[7] = ++sequence_;
    // The kernel fills in the checksum of ICMPv6, which needs the source address.
    if (!six_) {
      const std::uint16_t sum = checksum(packet, sizeof packet);
      std::memcpy(packet + 2, &sum, 2);
    }
    // Later ones may go out, when a neighbour has been found. A rule of ours that drops what leaves says EPERM.
    const bool sent = ::send(socket_, packet, sizeof packet, 0) >= 0 || errno == EPERM;
    if (sent)
      seen_ = "cut";
    else if (sequence_ == 1)
      seen_ = "untold";
  }

  pollfd wanted() const { return {waiting_ ? socket_ : -1, static_cast<short>(call_.port > 0 ? POLLOUT : POLLIN), 0}; }

  void look() {
    if (call_.port > 0) {
      int problem = 0;
      socklen_t size = sizeof problem;
      getsockopt(socket_, SOL_SOCKET, SO_ERROR, &problem, &size);
      waiting_ = false;
      seen_ = problem == 0 ? "open" : problem == ETIMEDOUT ? "cut" : "refused";
      return;
    }
    unsigned char packet[1500];
    const ssize_t got = recv(socket_, packet, sizeof packet, 0);
    const unsigned char* icmp = packet;
    ssize_t left = got;
    if (!six_ && got > 0) {  // a raw socket of IPv4 gives the IP header too
      const ssize_t header = (packet[0] & 15) * 4;
      icmp += header;
      left -= header;
    }
    if (left < 8) return;
    const unsigned char reply =
        six_ ? static_cast<unsigned char>(ICMP6_ECHO_REPLY) : static_cast<unsigned char>(ICMP_ECHOREPLY);
    if (icmp[0] != reply || std::memcmp(icmp + 4, &id_, 2) != 0) return;
    seen_ = "open";
    waiting_ = false;
  }

  bool waiting() const { return waiting_; }
  std::string line() const { return call_.address + " " + seen_ + "\n"; }

 private:
  PeerCall call_;
  std::uint16_t id_;
  int socket_ = -1;
  bool six_ = false, waiting_ = false;
  unsigned char sequence_ = 0;
  std::string seen_ = "untold";
};

[[noreturn]] void call_all(const std::vector<PeerCall>& peers, int out) {
  std::vector<Call> calls;
  const auto id = static_cast<std::uint16_t>(getpid());
  for (std::size_t i = 0; i < peers.size(); ++i) calls.emplace_back(peers[i], static_cast<std::uint16_t>(id + i));
  const Nanos end = raw_now() + kPatience;
  Nanos next = raw_now();
  while (raw_now() < end) {
    if (raw_now() >= next) {
      for (Call& call : calls) call.send_echo();
      next += kRepeat;
    }
    std::vector<pollfd> waiting;
    bool any = false;
    for (const Call& call : calls) {
      waiting.push_back(call.wanted());
      any = any || call.waiting();
    }
    if (!any) break;
    const Nanos left = std::min(end, next) - raw_now();
    poll(waiting.data(), waiting.size(), static_cast<int>(std::max<Nanos>(left, 1ms).count() / 1'000'000));
    for (std::size_t i = 0; i < calls.size(); ++i)
      if (waiting[i].revents) calls[i].look();
  }
  std::string text;
  for (const Call& call : calls) text += call.line();
  (void)!write(out, text.data(), text.size());
  _exit(0);
}

}  // namespace

std::optional<PeerCall> to_peer_call(std::string_view text) {
  const std::size_t slash = text.rfind('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto port = to_number(text.substr(slash + 1));
  if (!port || *port < 0 || *port > 65535) return std::nullopt;
  return PeerCall{std::string(text.substr(0, slash)), static_cast<int>(*port)};
}

Result<int> start_calls(const std::vector<PeerCall>& calls) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return failure("pipe", errno);
  const pid_t child = fork();
  if (child == 0) {
    // Twice, so that nobody has to reap it; it ends after a second.
    if (fork() != 0) _exit(0);
    close(ends[0]);
    call_all(calls, ends[1]);
  }
  const int why = errno;
  close(ends[1]);
  while (child > 0 && waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (child < 0) {
    close(ends[0]);
    return failure("fork", why);
  }
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return ends[0];
}

std::vector<std::string> read_calls(int descriptor, std::string& kept) {
  char buffer[4096];
  for (ssize_t got; (got = read(descriptor, buffer, sizeof buffer)) > 0;)
    kept.append(buffer, static_cast<std::size_t>(got));
  return lines_of(kept.substr(0, kept.rfind('\n') == std::string::npos ? 0 : kept.rfind('\n')));
}

}  // namespace shaketable::agent

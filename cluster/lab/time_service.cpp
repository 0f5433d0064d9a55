#include "cluster/lab/time_service.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <optional>
#include <thread>

#include "cluster/lab/lab.h"
#include "cluster/lab/plumbing.h"

namespace shaketable::lab {
namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t kPort = 7123;
constexpr int kAnswersWanted = 5;

// A question is a number of the asker's; the answer is that number and the time of day in nanoseconds. Both ends are
// this program on one machine, so the byte order is one.
using Question = std::int64_t;
using Answer = std::array<std::int64_t, 2>;

std::int64_t now(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

sockaddr_in controller() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(kPort);
  inet_pton(AF_INET, std::string(kLabControllerAddress).c_str(), &address.sin_addr);
  return address;
}

void answer(const Descriptor& socket) {
  for (;;) {
    Question question = 0;
    sockaddr_in from{};
    socklen_t length = sizeof from;
    const ssize_t got =
        recvfrom(socket.get(), &question, sizeof question, 0, reinterpret_cast<sockaddr*>(&from), &length);
    if (got < 0 && errno != EINTR) std::this_thread::sleep_for(100ms);
    if (got != sizeof question) continue;
    const Answer told{question, now(CLOCK_REALTIME)};
    // One that is lost is asked for again.
    (void)sendto(socket.get(), &told, sizeof told, 0, reinterpret_cast<sockaddr*>(&from), length);
  }
}

bool is_own_kernel() {
  const Result<std::string> processor = read_file("/proc/cpuinfo");
  return processor && processor->find("User Mode Linux") != std::string::npos;
}

struct Sample {
  std::int64_t round_trip, behind;
};

// One question and its answer; nothing when none comes in time.
std::optional<Sample> ask(const Descriptor& socket, Question question) {
  const std::int64_t asked = now(CLOCK_MONOTONIC);
  if (send(socket.get(), &question, sizeof question, 0) != sizeof question) return std::nullopt;
  for (pollfd ready{socket.get(), POLLIN, 0}; poll(&ready, 1, 200) == 1;) {
    Answer told{};
    const ssize_t got = recv(socket.get(), &told, sizeof told, 0);
    const std::int64_t here = now(CLOCK_REALTIME), round_trip = now(CLOCK_MONOTONIC) - asked;
    if (got < 0) return std::nullopt;  // nobody listens there yet
    if (got == sizeof told && told[0] == question) return Sample{round_trip, told[1] + round_trip / 2 - here};
  }
  return std::nullopt;
}

}  // namespace

Result<void> offer_time() {
  Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = controller();
  if (!socket || bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return system_failure("cannot tell nodes the time on the lab's bridge");
  std::thread([socket = std::move(socket)] { answer(socket); }).detach();
  return {};
}

Result<void> take_time(Nanos patience) {
  if (!is_own_kernel()) return infrastructure("this kernel is not the node's own, and its clock is left alone");
  const Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = controller();
  if (!socket || connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return system_failure("cannot ask for the time");
  std::optional<Sample> best;
  int answers = 0;
  Question question = 0;
  for (const std::int64_t end = now(CLOCK_MONOTONIC) + patience.count();
       answers < kAnswersWanted && now(CLOCK_MONOTONIC) < end;) {
    const std::optional<Sample> sample = ask(socket, ++question);
    if (!sample) {
      std::this_thread::sleep_for(10ms);
      continue;
    }
    ++answers;
    if (!best || sample->round_trip < best->round_trip) best = sample;
  }
  if (!best) return infrastructure("nobody tells the time");
  const std::int64_t then = now(CLOCK_REALTIME) + best->behind;
  const timespec time{then / 1'000'000'000, then % 1'000'000'000};
  if (clock_settime(CLOCK_REALTIME, &time) != 0) return system_failure("cannot set the clock");
  return {};
}

}  // namespace shaketable::lab

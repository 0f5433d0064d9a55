#pragma once
// A TCP server on loopback that does to each request what the test says: answer, stay silent, hang up.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

namespace shaketable {

class ScriptedServer {
 public:
  enum class Act {
    answer,                       // 200 with the step's body
    error,                        // 503 with the step's body
    silence,                      // reads the request and never answers
    hang_up,                      // reads the request, then closes
    answer_then_hang_up_on_next,  // answers; when the next request comes on the same connection, reads it and closes
  };
  struct Step {
    Act act;
    std::string body;
  };

  explicit ScriptedServer(std::vector<Step> steps) : steps_(std::move(steps)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    listen(listener_, 16);
    socklen_t length = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this](std::stop_token stop) { serve(stop); });
  }
  ~ScriptedServer() {
    thread_.request_stop();
    thread_.join();
    close(listener_);
    for (int fd : kept_) close(fd);
  }

  std::string url() const { return fmt::format("http://127.0.0.1:{}", port_); }
  // Every request body that arrived, in order.
  std::vector<std::string> requests() {
    std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void serve(std::stop_token stop) {
    while (!stop.stop_requested()) {
      pollfd waiting{listener_, POLLIN, 0};
      if (poll(&waiting, 1, 20) <= 0) continue;
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd >= 0) converse(fd, stop);
    }
  }

  // One connection; false-return of read_request means the peer is gone.
  void converse(int fd, std::stop_token stop) {
    bool hang_up_next = false;
    std::string buffer;
    while (read_request(fd, buffer, stop)) {
      if (hang_up_next) break;
      if (next_ >= steps_.size()) break;
      const Step& step = steps_[next_++];
      if (step.act == Act::hang_up) break;
      if (step.act == Act::silence) {
        kept_.push_back(fd);
        return;
      }
      const char* status = step.act == Act::error ? "503 Service Unavailable" : "200 OK";
      const std::string answer =
          fmt::format("HTTP/1.1 {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}", status,
                      step.body.size(), step.body);
      if (write(fd, answer.data(), answer.size()) < 0) break;
      hang_up_next = step.act == Act::answer_then_hang_up_on_next;
    }
    close(fd);
  }

  bool read_request(int fd, std::string& buffer, std::stop_token stop) {
    while (!stop.stop_requested()) {
      if (const auto end = buffer.find("\r\n\r\n"); end != std::string::npos) {
        const auto field = buffer.find("Content-Length: ");
        const std::size_t length = field < end ? std::stoul(buffer.substr(field + 16)) : 0;
        if (buffer.size() >= end + 4 + length) {
          std::lock_guard lock(mutex_);
          requests_.push_back(buffer.substr(end + 4, length));
          buffer.erase(0, end + 4 + length);
          return true;
        }
      }
      pollfd waiting{fd, POLLIN, 0};
      if (poll(&waiting, 1, 20) <= 0) continue;
      char chunk[4096];
      const ssize_t n = read(fd, chunk, sizeof chunk);
      if (n <= 0) return false;
      buffer.append(chunk, static_cast<std::size_t>(n));
    }
    return false;
  }

  const std::vector<Step> steps_;
  std::size_t next_ = 0;
  int listener_ = -1;
  int port_ = 0;
  std::mutex mutex_;
  std::vector<std::string> requests_;
  std::vector<int> kept_;
  std::jthread thread_;
};

}  // namespace shaketable

#pragma once
// A TCP server on loopback for clients of binary and line protocols: to each request, which is whatever arrives at
// once, it does what the next step says. Connections are served side by side and share the steps.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace shaketable {

class ScriptedTcp {
 public:
  enum class Act {
    answer,               // sends the step's bytes
    answer_then_hang_up,  // sends them, then closes
    silence,              // reads the request and never answers
    hang_up,              // reads the request, then closes
  };
  struct Step {
    Act act;
    std::string bytes;
  };

  explicit ScriptedTcp(std::vector<Step> steps) : steps_(std::move(steps)) {
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
  ~ScriptedTcp() {
    thread_.request_stop();
    thread_.join();
    close(listener_);
    for (int fd : open_) close(fd);
  }

  int port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  // Everything that arrived, a request each, in order.
  std::vector<std::string> requests() {
    std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void serve(std::stop_token stop) {
    while (!stop.stop_requested()) {
      std::vector<pollfd> waiting{{listener_, POLLIN, 0}};
      for (int fd : open_) waiting.push_back({fd, POLLIN, 0});
      if (poll(waiting.data(), waiting.size(), 10) <= 0) continue;
      for (std::size_t i = 1; i < waiting.size(); ++i)
        if (waiting[i].revents && !take_request(waiting[i].fd)) {
          close(waiting[i].fd);
          std::erase(open_, waiting[i].fd);
        }
      if (waiting[0].revents)
        if (const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC); fd >= 0) open_.push_back(fd);
    }
  }

  // False: the connection is to be closed.
  bool take_request(int fd) {
    char chunk[65536];
    const ssize_t n = read(fd, chunk, sizeof chunk);
    if (n <= 0) return false;
    {
      std::lock_guard lock(mutex_);
      requests_.emplace_back(chunk, static_cast<std::size_t>(n));
    }
    if (next_ >= steps_.size()) return false;
    const Step& step = steps_[next_++];
    if (step.act == Act::silence) return true;
    if (step.act == Act::hang_up) return false;
    if (write(fd, step.bytes.data(), step.bytes.size()) < 0) return false;
    return step.act == Act::answer;
  }

  const std::vector<Step> steps_;
  std::size_t next_ = 0;
  int listener_ = -1;
  int port_ = 0;
  std::mutex mutex_;
  std::vector<std::string> requests_;
  std::vector<int> open_;
  std::jthread thread_;
};

}  // namespace shaketable

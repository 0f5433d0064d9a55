#pragma once
// Live progress on stderr: one line drawn in place on a terminal, a plain log line now and then elsewhere.

#include <functional>
#include <string>
#include <thread>

#include "base/clock.h"

namespace shaketable {

// Asks `line` for the text, five times a second on a terminal and every `plain_every` elsewhere, from its own thread,
// until it is destroyed. `line` must be safe to call from that thread; an empty text draws nothing.
class Progress {
 public:
  Progress(std::function<std::string()> line, Nanos plain_every = std::chrono::seconds(5));
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

 private:
  std::jthread thread_;
};

}  // namespace shaketable

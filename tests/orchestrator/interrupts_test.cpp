#include "orchestrator/interrupts.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <thread>

using namespace shaketable;

namespace {

// The watcher looks every 30 ms; this waits for what must come, within a deadline far beyond that.
bool soon(const std::stop_token& token) {
  for (int i = 0; i < 500 && !token.stop_requested(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return token.stop_requested();
}

}  // namespace

TEST_CASE("interrupts: the first signal ends the load, the second the judging, and the process lives on") {
  Interrupts interrupts;
  interrupts.watch();
  CHECK_FALSE(interrupts.load().stop_requested());
  std::raise(SIGINT);
  CHECK(soon(interrupts.load()));
  CHECK_FALSE(interrupts.judging().stop_requested());
  std::raise(SIGTERM);
  CHECK(soon(interrupts.judging()));
  std::raise(SIGINT);
  CHECK(Interrupts::count() == 3);
}

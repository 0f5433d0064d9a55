#include "orchestrator/interrupts.h"

#include <atomic>
#include <chrono>
#include <csignal>

#include "base/log.h"

namespace shaketable {
namespace {

std::atomic<int> signals{0};
static_assert(std::atomic<int>::is_always_lock_free);  // it is touched in a signal handler

void count_signal(int) {
  signals.fetch_add(1);
}

void set_handler(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

}  // namespace

Interrupts::Interrupts() {
  signals = 0;
  set_handler(count_signal);
}

Interrupts::~Interrupts() {
  set_handler(SIG_DFL);
}

int Interrupts::count() {
  return signals.load();
}

void Interrupts::watch() {
  watcher_ = std::jthread([this](std::stop_token stop) {
    int seen = 0;
    while (!stop.stop_requested()) {
      const int now = count();
      if (seen < 1 && now >= 1) {
        log::warning("interrupted: ending the load, healing, judging what there is (once more: heal only)");
        load_.request_stop();
      }
      if (seen < 2 && now >= 2) {
        log::warning("interrupted again: healing only");
        judging_.request_stop();
      }
      if (seen < 3 && now >= 3)
        log::warning(
            "still healing; if you must end this by kill -9, the nodes heal themselves when the lease runs out, or "
            "run: shaketable heal PLAN");
      seen = now;
      std::this_thread::sleep_for(std::chrono::milliseconds(30));
    }
  });
}

}  // namespace shaketable

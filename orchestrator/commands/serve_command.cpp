// serve: a results folder in a browser.
#include <fmt/format.h>
#include <signal.h>
#include <time.h>

#include <cstdio>
#include <filesystem>
#include <stop_token>
#include <thread>

#include "base/log.h"
#include "orchestrator/commands/commands.h"
#include "orchestrator/serve/server.h"

namespace shaketable {

ExitCode serve_command(const std::string& directory, int port) {
  if (!std::filesystem::is_directory(directory)) {
    log::error("{}: no such folder; runs land in results/, or name theirs", directory);
    return ExitCode::bad_input;
  }
  // Taken by one thread that waits for them; all others are started with them blocked.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  std::stop_source stop;
  std::jthread watcher([&](std::stop_token over) {
    constexpr timespec kMoment{0, 100'000'000};
    while (!over.stop_requested())
      if (sigtimedwait(&ends, nullptr, &kMoment) > 0) stop.request_stop();
  });
  serve::Site site(directory);
  const auto served = serve::serve(
      site, port,
      [](const std::string& url) {
        fmt::print("{}\n", url);
        std::fflush(stdout);
        log::info("Ctrl-C ends it");
      },
      stop.get_token());
  if (!served) {
    log::error("{}", served.error().message);
    return exit_code_of(served.error());
  }
  return ExitCode::pass;
}

}  // namespace shaketable

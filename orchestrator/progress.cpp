#include "orchestrator/progress.h"

#include "base/log.h"

namespace shaketable {

Progress::Progress(std::function<std::string()> line, Nanos plain_every)
    : thread_([line = std::move(line), plain_every](std::stop_token stop) {
        const bool live = log::on_terminal();
        const Nanos every = live ? Nanos(std::chrono::milliseconds(200)) : plain_every;
        SteadyClock clock;
        for (Nanos next = every; clock.sleep_until(next, stop); next = clock.now() + every) {
          const std::string text = line();
          if (text.empty()) continue;
          if (live)
            log::set_progress(text);
          else
            log::info("{}", text);
        }
        if (live) log::set_progress("");
      }) {}

Progress::~Progress() = default;  // the thread is asked to stop, and joined

}  // namespace shaketable

#pragma once
// A run in a process of its own: a run enters its lab's network for good, so whoever makes several starts a child for
// each.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "cluster/local_process.h"

namespace shaketable {

struct RunChildSpec {
  std::vector<std::string> arguments;  // of `shaketable run`, without these two words
  std::string directory;               // where it is started
  std::string log;                     // its stderr is added to this file
  Nanos limit = std::chrono::minutes(30);
};

struct RunChildEnd {
  int code = 4;            // exit code, or 128 + signal
  bool too_long = false;   // it was ended because its time was up
  std::string last_error;  // it said so last; empty: it said none
};

// One thread. SIGINT and SIGTERM (Interrupts::count()) are handed on as SIGINT; when its time is up it is told to end,
// told again after three minutes, and killed after three more. The destructor kills it.
class RunChild {
 public:
  static Result<RunChild> start(const RunChildSpec& spec);
  // nullopt: it still runs after `wait`.
  Result<std::optional<RunChildEnd>> poll(Nanos wait);

 private:
  RunChild() = default;
  std::unique_ptr<LocalProcess> process_;
  std::unique_ptr<SteadyClock> clock_;
  Nanos ask_at_{0};
  int asked_ = 0, handed_on_ = 0;
};

// This program, to start it again.
std::string own_program();

}  // namespace shaketable

#pragma once
// A process of the agent's own that waits, and then works for as long as a fault lasts: it burns CPU time, holds
// memory, strobes the clock, switches a cut. Nobody's child, in a session of its own; it outlives the agent, and the
// undo kills it by pid and start time.

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "nemesis/agent/process.h"

namespace shaketable::agent {

class WaitingHelper {
 public:
  // `work` must not return. In the helper nothing is open but /dev/null.
  static Result<std::unique_ptr<WaitingHelper>> start(const std::string& name, const std::function<void()>& work);
  // A helper that waits still ends, as it does when the agent dies.
  ~WaitingHelper();
  WaitingHelper(const WaitingHelper&) = delete;
  WaitingHelper& operator=(const WaitingHelper&) = delete;

  const ProcessName& name() const { return name_; }
  Result<void> go();

 private:
  WaitingHelper() = default;
  ProcessName name_;
  int gate_ = -1;
};

// SIGKILL, and gone; false: one of them had ended by itself. An error: one lives on.
Result<bool> end_helpers(const std::vector<ProcessName>& helpers);

}  // namespace shaketable::agent

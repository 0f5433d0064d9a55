#pragma once
// The clients of a run, where each worker's is a process of the controller's: what faults of clients ask for. In
// product the orchestrator answers, in unit tests a fake.

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace shaketable {

struct ClientLook {
  pid_t pid = -1;
  char state = '?';  // of /proc/PID/stat: 'T' is stopped
  // Questions put to the worker's processes and answers that came, from the first process on.
  std::uint64_t asked = 0, answered = 0;
};

// Any thread.
class ClientWorkers {
 public:
  virtual ~ClientWorkers() = default;
  virtual std::vector<std::size_t> running() const = 0;                  // workers that have a process now, in order
  virtual std::optional<ClientLook> look(std::size_t worker) const = 0;  // nullopt: it has none
  // SIGSTOP to the worker's process and its children. Somebody beside us lets it go on when we are gone, or after
  // `longest`; an error: there is nobody, or no process, and nothing has changed.
  virtual Result<void> stop(std::size_t worker, Nanos longest) = 0;
  // SIGCONT to the process that was stopped; no error if it has ended meanwhile.
  virtual Result<void> go_on(std::size_t worker) = 0;
};

// Of "worker 3", as targets and reports name them; nullopt for anything else.
std::optional<std::size_t> worker_named(const std::string& word);

}  // namespace shaketable

#pragma once
// Which process each worker's client is, for clients that are programs of their own: so that a fault can stop one
// (SIGSTOP) and let it go on.

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

namespace shaketable {

// Any thread.
class ClientProcesses {
 public:
  void put(std::size_t worker, pid_t pid);  // in place of the worker's last
  void take_out(std::size_t worker, pid_t pid);
  std::vector<std::size_t> workers() const;  // those that have one, in order
  std::optional<pid_t> pid_of(std::size_t worker) const;
  // Questions put to a worker's processes, one after the other, and answers that came.
  void asked(std::size_t worker);
  void answered(std::size_t worker);
  struct Counts {
    std::uint64_t asked = 0, answered = 0;
  };
  Counts counts_of(std::size_t worker) const;
  // Sends the signal to the process and its children. False: the worker has none, or it ended meanwhile.
  bool signal(std::size_t worker, int number) const;

 private:
  struct Process {
    pid_t pid = -1;
    std::uint64_t start_time = 0;  // a number that is used again belongs to another process
  };
  mutable std::mutex mutex_;
  std::map<std::size_t, Process> processes_;
  std::map<std::size_t, Counts> counts_;
};

// Field 3 of /proc/PID/stat ('R', 'S', 'T' …) and field 22; nullopt when there is no such process.
struct ProcessState {
  char state = '?';
  std::uint64_t start_time = 0;
};
std::optional<ProcessState> process_state(pid_t pid);

}  // namespace shaketable

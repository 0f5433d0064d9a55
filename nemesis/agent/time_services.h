#pragma once
// What disciplines a node's clock: chronyd, ntpd, systemd-timesyncd and their like, found by the names of their
// processes, so that those without a unit are found as well as those with one. Stopped by SIGSTOP: a service that was
// told to end would have to be started again by whoever started it, with whatever it had been given.

#include <string>
#include <string_view>
#include <vector>

#include "nemesis/agent/kind.h"
#include "nemesis/agent/process.h"

namespace shaketable::agent {

struct TimeService {
  ProcessName process;
  std::string name;  // as the kernel has it, at most 15 characters
};
std::string to_text(const std::vector<TimeService>& services);  // "123:45678/chronyd", separated by blanks
std::vector<TimeService> to_services(std::string_view text);

// Those that run; one that somebody else has stopped is not ours to let go on.
std::vector<TimeService> running_time_services();
void stop(const std::vector<TimeService>& services);
std::size_t standing_still(const std::vector<TimeService>& services);
// They go on. Missing: one has ended and nobody has started it again; a note says when somebody has.
void put_back(const std::vector<TimeService>& services, Undone& undone);

}  // namespace shaketable::agent

#pragma once
// The guard: a process of its own that undoes faults when nobody can, or should, any more.

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "nemesis/agent/journal.h"

namespace shaketable::agent {

// `shaketable-agent guard`. A fault is undone at once when the agent that made it has ended (killed, or its SSH channel
// dropped), when it is older than its longest time, and with all others when the lease has run out: then the guard ends
// too. It also ends when another guard has taken its place. `ready`: where it says that it is at work; -1: nowhere.
int run_guard(int ready);

// Which agent made it: the guard watches that process.
void set_owner(Entry& entry);

// What a guard undid while the lease was held, and when. Gone with the lease.
struct SelfUndone {
  Nanos at{0};  // raw clock
  std::string why;
};
std::optional<SelfUndone> self_undone(std::string_view key);
// What no controller has been told of yet, a line each; told once.
std::vector<std::string> untold_of_guard();

}  // namespace shaketable::agent

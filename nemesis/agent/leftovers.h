#pragma once
// What of shaketable is in force on a node, as the node itself shows it: for when no journal says it. Chains, qdiscs,
// devices, processes and groups are known by their names and numbers; a stopped process and a bent clock have none.

#include <string>
#include <vector>

#include "base/result.h"

namespace shaketable::agent {

// Numbers and names of ours; nothing of others is ever called so.
inline constexpr const char* kQdisc = "5ba1:";
inline constexpr const char* kNetem = "5ba2:";
inline constexpr const char* kStrober = "strobe:";  // and a number: what sets the clock to and fro
inline constexpr const char* kInDevice = "stifb";   // and a number: ifb devices
// Preferences of our filters where packets arrive: the controller's first, each family its own.
inline constexpr int kKeepPreference = 23455, kPeerPreference = 23457;

struct Leftovers {
  std::vector<std::string> undone;    // what was found and is gone now, in words
  std::vector<std::string> in_force;  // what could not be removed, and why
  std::vector<std::string> doubts;    // what went with it and can have left something that nobody can tell
};
// Removes all of it, from every device. Twice is as good as once. The caller holds the ChangeLock.
Leftovers remove_leftovers();

// Files of ours that fill a disk, on the machine's own disks that can be written to: three directories deep, and so
// below /var/lib, /srv and /opt; on the root two. Walks through many directories.
void remove_fills(Leftovers& out);

// Our qdiscs and filters of one device, and the device that its incoming packets take.
Result<void> remove_traffic(const std::string& device);

// Processes that stand still, and a clock whose rate no time service would choose: of these nobody can tell who did it.
std::vector<std::string> doubtful();

}  // namespace shaketable::agent

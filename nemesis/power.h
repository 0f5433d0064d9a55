#pragma once
// The power of nodes, where there is a hand on it: a lab whose nodes have kernels of their own.

#include <functional>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace shaketable {

// Called on the thread of Nemesis::run() and on that of its leases.
struct NodePower {
  std::string why_not;  // not empty: there is none, and why
  // Ends the node's kernel at once: what it had not synced is lost. When `lease` has run out the node boots by itself
  // and runs `start` (a script, may be empty).
  std::function<Result<void>(const std::string& node, Nanos lease, const std::string& start)> cut;
  std::function<Result<void>(const std::string& node, Nanos lease)> renew;
  // Boots it, if it has not by itself, and waits; `start` is not run then.
  std::function<Result<void>(const std::string& node, Nanos timeout)> boot;
};

}  // namespace shaketable

#include "nemesis/agent/netem.h"

#include <algorithm>
#include <optional>
#include <string>

#include "nemesis/agent/process.h"
#include "nemesis/agent/system.h"

namespace shaketable::agent {
namespace {

// For nodes that may make no namespace, such as containers: is it in the kernel, or could it be loaded? Where neither
// can be looked at, the change itself will tell.
Result<void> look_for_it() {
  const auto symbols = read_file("/proc/kallsyms");
  if (!symbols || symbols->empty() || symbols->find(" netem_") != std::string::npos) return {};
  if (!find_program("modprobe").empty() &&
      run({"modprobe", "--dry-run", "--quiet", "sch_netem"}, "", std::chrono::seconds(5)).code == 0)
    return {};
  return infrastructure("this node's kernel has no netem (module sch_netem)");
}

Result<void> try_it() {
  if (find_program("tc").empty()) return infrastructure("this node has no tc (package iproute2)");
  const bool may_try =
      !find_program("unshare").empty() && run({"unshare", "--net", "true"}, "", std::chrono::seconds(5)).code == 0;
  if (!may_try) return look_for_it();
  const Output said =
      run({"unshare", "--net", "tc", "qdisc", "add", "dev", "lo", "root", "handle", "5ba1:", "netem", "delay", "1ms"},
          "", std::chrono::seconds(10));
  if (said.code == 0) return {};
  std::string why = said.describe();
  std::replace(why.begin(), why.end(), '\n', ' ');
  return infrastructure("this node's kernel has no netem (module sch_netem): " + why);
}

}  // namespace

Result<void> netem_is_there() {
  static const Result<void> known = try_it();
  return known;
}

}  // namespace shaketable::agent

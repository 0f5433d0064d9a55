#pragma once
// The node's side in POSIX sh: what a node needs is a shell, iptables and setsid. docs/faults.md describes its files.
// By hand on a node, while a run lasts: `sh /run/shaketable-nemesis/node.sh status`, and `… heal`.

#include <string_view>

namespace shaketable {

// Functions, and a last line that does what the arguments say: status, heal, guard, probe; `library` does nothing.
std::string_view node_script();

}  // namespace shaketable

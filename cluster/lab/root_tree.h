#pragma once
// A root directory made of the host's programs and configuration, of the package layer, and of nothing else of the
// host: /usr, /etc and /opt are overlays, /var comes from the layer, everything else is fresh. Single-threaded
// processes in a mount namespace of their own.

#include <cstdint>
#include <string>

#include "base/result.h"

namespace shaketable::lab {

struct RootTree {
  std::string at;               // an existing directory; the root appears at AT/root
  std::string layer;            // holds usr, etc, opt, var (and bin … where those are no symbolic links)
  std::uint64_t bytes = 0;      // cap of everything writable in it; 0: the kernel's default
  bool own_kernel = false;      // nobody else's /proc and /sys are in reach, so both are the node's own
  bool foreign_owners = false;  // the machine's files show as nobody's: none of them is run as its owner
  bool write_to_layer = false;  // changes go into the layer itself (while it is being made)
};

// Directories of the host that a root shows through an overlay. Those that are symbolic links on the host are copied as
// such.
Result<void> build_root_tree(const RootTree& tree);  // mounts; /proc belongs to the caller's pid namespace
// Makes AT/root the root of this process, and lets go of the old one.
Result<void> enter_root_tree(const RootTree& tree);

}  // namespace shaketable::lab

#pragma once
// The package layer: Debian packages installed over the host's tree, but into a directory of their own that the nodes
// share. Kept between runs in ROOT/layers, one directory per state of the host's packages and list of packages.

#include <string>
#include <vector>

#include "base/result.h"

namespace shaketable::lab {

// The layer that has `packages` and what every node needs (sshd, iptables, ip, ps, ping). Made if there is none: that
// takes apt-get and a minute, and is said in the log; layers of older states of the host are removed then. The
// directory:
//   usr etc opt var   what the nodes see;  debs/  the package files;  lock  held (shared) while a lab uses it
// Any thread.
Result<std::string> find_or_make_layer(const std::string& root, const std::vector<std::string>& packages);

// bad_input if one of the names could not be a Debian package (and might be an option of apt-get).
Result<void> check_package_names(const std::vector<std::string>& packages);

}  // namespace shaketable::lab

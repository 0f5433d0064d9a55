#pragma once
// Ed25519 key pairs for the lab's SSH, made in-process.

#include <string>

#include "base/result.h"

namespace shaketable::lab {

// Writes the private key to `path` (OpenSSH format, mode 0600) and returns the public one as a line of
// authorized_keys or known_hosts without a name: "ssh-ed25519 AAAA…". Any thread.
Result<std::string> make_key_pair(const std::string& path);

}  // namespace shaketable::lab

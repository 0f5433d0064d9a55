#pragma once
// A node's /data: an ext4 file system of fixed size in a file that has no name, behind a loop device that the kernel
// frees with the last mount. So a full disk is the node's own, costs no memory, and leaves nothing behind.

#include <cstdint>
#include <string>

#include "base/result.h"

namespace shaketable::lab {

// Mounts it on `target`; the file lives in `directory`. Single-threaded processes in a mount namespace of their own.
Result<void> mount_data_disk(const std::string& directory, const std::string& target, std::uint64_t bytes);

}  // namespace shaketable::lab

#pragma once
// Root of a namespace of one's own, for those who are not root of the machine (user_namespaces(7)). Single-threaded
// processes.

#include <sys/types.h>

#include "base/result.h"

namespace shaketable::lab {

// Whether user 0 of this process is somebody else on the machine. What the machine's root owns then belongs to nobody,
// devices cannot be made, and overlays keep their marks in user attributes.
bool is_rootless();

// Makes this process user 0 of a new user namespace: 0 is the caller, 1 and more are the caller's range in /etc/subuid
// and /etc/subgid. Errors say what the machine does not allow, and the remedy.
Result<void> make_user_namespace();

// Makes this process user 0 of the namespace that `process` lives in; both belong to the same user of the machine.
Result<void> join_user_namespace(pid_t process);

}  // namespace shaketable::lab

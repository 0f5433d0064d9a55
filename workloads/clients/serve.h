#pragma once
// The program's side of docs/client-protocol.md: serves any client to whoever writes to our stdin. With it a built-in
// client runs in a process of its own (`shaketable client NAME`).

#include <iosfwd>

#include "base/result.h"
#include "workloads/client.h"

namespace shaketable {

// Until `close`, or the end of `in`. One thread. The hello's "options" are a map of what parameter_value() made of each
// parameter. Errors: a line that is no message; the messages before it were answered.
Result<void> serve_client(const ClientInfo& info, std::istream& in, std::ostream& out);

}  // namespace shaketable

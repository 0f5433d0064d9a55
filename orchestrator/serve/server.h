#pragma once
// A site on a port of loopback.

#include <functional>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "orchestrator/serve/site.h"

namespace shaketable::serve {

// Listens on 127.0.0.1 until it is stopped. `port` 0: any that is free. `ready` is told the address, once. Requests
// whose Host is not this machine's loopback are refused: another site's page that got its name resolved to 127.0.0.1
// reads nothing. infrastructure: the port is taken; bad_input: this build has no cpp-httplib.
Result<void> serve(Site& site, int port, const std::function<void(const std::string& url)>& ready,
                   std::stop_token stop);

}  // namespace shaketable::serve

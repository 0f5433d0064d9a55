#pragma once
// A client for settings that cannot be used, such as an endpoint that is no address: ClientInfo::make cannot say so,
// but open() can.

#include <memory>
#include <string>

#include "workloads/client.h"

namespace shaketable {

std::unique_ptr<Client> unusable_client(const std::string& why);

// What a client that speaks no TLS must not pass over in silence.
bool asks_for_tls(const ClientSettings& settings);

}  // namespace shaketable

#pragma once
// Every client that plans can name.

#include <string_view>
#include <vector>

#include "workloads/client.h"

namespace shaketable {

const std::vector<ClientInfo>& clients();
const ClientInfo* find_client(std::string_view name);

}  // namespace shaketable

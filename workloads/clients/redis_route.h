#pragma once
// Which server of Redis a command goes to: the endpoint itself, the master that Sentinel names, or the master of the
// key's slot in a cluster.

#include <memory>
#include <string>
#include <vector>

#include "workloads/client.h"
#include "workloads/clients/redis_connection.h"

namespace shaketable {

// One thread.
class RedisRoute {
 public:
  virtual ~RedisRoute() = default;
  // Connects where it must. A command that is answered by "not me" is sent on only where Redis promises that it was not
  // carried out (MOVED, ASK); no other is ever sent twice. `sent` and the errors are those of the last server asked.
  virtual RedisAnswer command(const std::string& key, const std::vector<std::string>& words,
                              const Deadline& deadline) = 0;
};

// By the options `route` (endpoint, sentinel, cluster), `sentinel_port` and `sentinel_name`. bad_input: an endpoint
// that is no address.
Result<std::unique_ptr<RedisRoute>> make_redis_route(const ClientSettings& settings);

// The slot of a key in a cluster: CRC16 (XMODEM) modulo 16384, of what stands in the first {…} if there is any
// (Redis cluster specification, "Key distribution model").
int redis_slot(std::string_view key);

}  // namespace shaketable

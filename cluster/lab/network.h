#pragma once
// Links and addresses over rtnetlink, in the caller's network namespace: no `ip` program is needed on the host, and the
// kernel's own words come back as errors. One thread.

#include <string>

#include "base/result.h"
#include "cluster/lab/plumbing.h"

namespace shaketable::lab {

class Network {
 public:
  static Result<Network> open();

  Result<void> set_up(const std::string& link, bool promiscuous = false);
  Result<void> rename(const std::string& link, const std::string& name);  // it must be down
  // Packets leave `link` as they will be on the wire: no segments larger than its MTU, no checksums left for a card to
  // fill in. Needed where something reads them raw.
  static Result<void> switch_off_offloads(const std::string& link);
  Result<void> add_bridge(const std::string& link);
  // A pair: `outer` here, up and in `bridge`; `inner` in the namespace behind the descriptor, with the MAC
  // 02:00:0a:4d:00:last.
  Result<void> add_pair(const std::string& outer, const std::string& bridge, const std::string& inner, int namespace_fd,
                        unsigned char mac_last);
  Result<void> add_address(const std::string& link, const std::string& address, int prefix_length);  // IPv4 or IPv6

 private:
  explicit Network(Descriptor socket) : socket_(std::move(socket)) {}
  Result<void> request(const std::string& message, const std::string& purpose);
  Descriptor socket_;
};

}  // namespace shaketable::lab

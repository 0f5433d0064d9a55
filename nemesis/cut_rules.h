#pragma once
// Rules that cut, for iptables-restore (or ip6tables-restore) without the last COMMIT: chains of the fault's own, and
// jumps to them at the heads of INPUT, OUTPUT and FORWARD. The control path passes first. Empty where nothing is cut.

#include <cstdint>
#include <string>
#include <vector>

#include "nemesis/node_side.h"

namespace shaketable {

// How packets that are cut end: dropped, or refused; port 0: all of them.
struct CutManner {
  bool reject = false;
  int port = 0;
};

// What comes from these addresses. With `reject`, TCP is answered with a reset and the rest with "administratively
// prohibited". With a port, only TCP and UDP from it or to it are cut.
std::string cut_rules(const std::string& run, std::int64_t fault, const ControlPath& control, bool ipv6,
                      const std::vector<std::string>& drop, CutManner manner = {});

// What comes from these addresses and what goes there, dropped; chains and jumps apart, so that the jumps can be put in
// and taken out again.
struct SwitchedRules {
  std::string chains, jumps;
};
SwitchedRules switched_rules(const std::string& run, std::int64_t fault, const ControlPath& control, bool ipv6,
                             const std::vector<std::string>& peers);

// What the node, or who is behind it, asks of name servers: port 53 of UDP and TCP, its own loopback included, and with
// `tls` port 853 of TCP.
std::string dns_rules(const std::string& run, std::int64_t fault, bool ipv6, bool reject, bool tls);

// What comes from the controller's clients to `port`, and the answers; never the control path: `port` must not be its.
// Of the family that the controller comes by.
std::string client_rules(const std::string& run, std::int64_t fault, const ControlPath& control, CutManner manner);

}  // namespace shaketable

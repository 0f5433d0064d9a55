#pragma once
// Calls to peers, so that a cut path has something to drop and the answer can be looked at.

#include <string>
#include <vector>

#include "base/result.h"
#include "nemesis/agent/protocol.h"

namespace shaketable::agent {

struct PeerCall {
  std::string address;
  int port = 0;  // 0: an ICMP echo; else a TCP connection
};
std::optional<PeerCall> to_peer_call(std::string_view text);  // "10.0.0.1/22"

// A process of its own calls all of them for a second and writes what came of it to the descriptor that is returned:
// lines "ADDRESS SEEN", SEEN being open (it answered), cut (nothing came), refused (something said no: the peer, or a
// rule that rejects) or untold (it could not be sent).
Result<int> start_calls(const std::vector<PeerCall>& calls);

// What has come through the descriptor until now, complete lines.
std::vector<std::string> read_calls(int descriptor, std::string& kept);

}  // namespace shaketable::agent

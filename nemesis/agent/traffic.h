#pragma once
// Kind "traffic": what the node sends to some of its peers is delayed, lost, doubled, reordered, damaged or slowed down
// by tc's netem, below a prio qdisc of ours; everything else, the controller's connection first of all, takes the
// other bands. What arrives from them takes an ifb device of ours, with netem there. Refused where a qdisc of somebody
// else is in the way.
//
// Fields asked: netem (its options, as tc takes them); peer (address of a peer; several); keep (address and, after a
// blank, port that are never touched: the controller's); way (egress, ingress, both); protocol (tcp, udp or empty),
// port (of either side, or 0);
// wanted_ms (delay: what the round trip should grow by, else absent).
// Fields kept: device (one for all peers), found (its qdiscs), indevice (the ifb); rtt_us (to the first peer, before).
// Proof: bit; packets (through netem), dropped, packets_in, dropped_in; rtt_us, rtt_found_us where a delay is wanted.

#include "nemesis/agent/kind.h"

namespace shaketable::agent {

class Traffic final : public Kind {
 public:
  std::string_view name() const override { return "traffic"; }
  bool survives_reboot(const Entry&) const override { return false; }
  Result<void> look(Entry& entry) const override;
  Result<std::unique_ptr<Armed>> arm(Entry& entry) const override;
  Fields prove(const Entry& entry) const override;
  Result<Undone> undo(const Entry& entry) const override;
};

}  // namespace shaketable::agent

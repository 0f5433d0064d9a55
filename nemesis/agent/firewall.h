#pragma once
// Kind "firewall": rules in chains of the fault's own, put in force by one iptables-restore a family that was started
// before and waits for COMMIT.
//
// Fields asked: rules4, rules6 (for iptables-restore --noflush, without COMMIT; empty: that family is not changed);
// proof (absent: who asked makes it of the counts; any: packets were dropped; each: in each family that has rules);
// call (address/port; several: called once the rules are in force, so that there is something to drop). Fields kept:
// found4, found6 (rules of others), armed (the waiting programs). Proof: dropped4, dropped6 (packets that the rules
// dropped or refused); bit, if `proof` is asked.

#include "nemesis/agent/kind.h"

namespace shaketable::agent {

class Firewall final : public Kind {
 public:
  std::string_view name() const override { return "firewall"; }
  bool survives_reboot(const Entry&) const override { return false; }
  Result<void> look(Entry& entry) const override;
  Result<std::unique_ptr<Armed>> arm(Entry& entry) const override;
  Fields prove(const Entry& entry) const override;
  Result<Undone> undo(const Entry& entry) const override;
};

}  // namespace shaketable::agent

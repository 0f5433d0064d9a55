#pragma once
// Kind "switched": a cut that a process of ours on the node puts in force and takes away again, at times counted from
// the commit. Its chains are there all the time and keep their counts; what comes and goes are the jumps to them.
//
// Fields asked: rules4, rules6 (chains, for iptables-restore without COMMIT), jumps4, jumps6 (lines that begin with
// -I); first_ns (when it is cut first), cut_ns (for how long; 0: until it is undone), open_ns (how long it is open
// then; 0: for ever); call (address/port; several: called when it is first cut, so that there is something to drop).
// Fields kept: found4, found6 (rules of others); gate (the process). Proof: bit; cuts (how often); dropped4, dropped6.

#include "nemesis/agent/kind.h"

namespace shaketable::agent {

class Switched final : public Kind {
 public:
  std::string_view name() const override { return "switched"; }
  bool survives_reboot(const Entry&) const override { return false; }
  Result<void> look(Entry& entry) const override;
  Result<std::unique_ptr<Armed>> arm(Entry& entry) const override;
  Fields prove(const Entry& entry) const override;
  Result<Undone> undo(const Entry& entry) const override;
};

}  // namespace shaketable::agent

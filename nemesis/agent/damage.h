#pragma once
// Kind "damage": bytes of files change behind the back of whoever owns them. Weak Byzantine faults: a disk that lies.
//
// Fields asked: action (truncate, bitflip, copy-chunk), list (script that prints names of files, one a line), count
// (how many of them), bytes (truncate: from the end; copy-chunk: of the chunk), flips (bitflip: bits a file), seed.
// Fields kept: spot (DEVICE:INODE OFFSET SIZE-OF-FILE FILE), old and new (the bytes there, before and after), three a
// spot, in order.
// Proof: bit (it was read back when it was done), spots, still_there.

#include "nemesis/agent/kind.h"

namespace shaketable::agent {

class Damage final : public Kind {
 public:
  std::string_view name() const override { return "damage"; }
  bool survives_reboot(const Entry&) const override { return true; }
  Result<void> look(Entry& entry) const override;
  Result<std::unique_ptr<Armed>> arm(Entry& entry) const override;
  Fields prove(const Entry& entry) const override;
  // A spot that holds what was put there gets its old bytes back. Where the owner has written since, or the file is
  // another one, nothing is touched: to put old bytes under newer ones would be one more damage.
  Result<Undone> undo(const Entry& entry) const override;
};

}  // namespace shaketable::agent

#pragma once
// Kind "command": scripts of the plan's. apply must exit with 0 within its time; undo too; proof, if there is one,
// exits with 0 when the fault bites.

#include "nemesis/agent/kind.h"

namespace shaketable::agent {

class Scripts final : public Kind {
 public:
  std::string_view name() const override { return "command"; }
  bool survives_reboot(const Entry&) const override { return true; }
  Result<void> look(Entry& entry) const override;
  Result<std::unique_ptr<Armed>> arm(Entry& entry) const override;
  Fields prove(const Entry& entry) const override;
  Result<Undone> undo(const Entry& entry) const override;
  Nanos patience() const override { return std::chrono::seconds(60); }
};

}  // namespace shaketable::agent

#pragma once
// Kinds that take what a node has: CPU and memory by processes of ours, room on a disk by a file of ours.

#include "nemesis/agent/kind.h"

namespace shaketable::agent {

// Kind "load": processes that burn CPU time, or that hold memory. They are the OOM killer's first choice.
//
// Fields asked: what (cpu, memory); workers (cpu: how many, 0: one a CPU); bytes (memory).
// Fields kept: processes. Proof: bit; cpu_ms (CPU time used) or resident_bytes; alive.
class Load final : public Kind {
 public:
  std::string_view name() const override { return "load"; }
  bool survives_reboot(const Entry&) const override { return false; }
  Result<void> look(Entry& entry) const override;
  Result<std::unique_ptr<Armed>> arm(Entry& entry) const override;
  Fields prove(const Entry& entry) const override;
  Result<Undone> undo(const Entry& entry) const override;
};

// Kind "fill": a file of ours that takes all the room of the disk below `path`, `leave` bytes excepted.
//
// Fields kept: file, free_before. Proof: bit (a file of 64 KiB cannot be written there; with `leave`: no more than that
// is free); free_bytes.
inline constexpr std::string_view kFillPrefix = ".shaketable-fill.";  // and the key: the name of that file

class Fill final : public Kind {
 public:
  std::string_view name() const override { return "fill"; }
  bool survives_reboot(const Entry&) const override { return true; }
  Result<void> look(Entry& entry) const override;
  Result<std::unique_ptr<Armed>> arm(Entry& entry) const override;
  Fields prove(const Entry& entry) const override;
  Result<Undone> undo(const Entry& entry) const override;
};

}  // namespace shaketable::agent

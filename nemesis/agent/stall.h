#pragma once
// Kind "stall": what the processes read from and write to one disk is held to so many bytes a second, by io.max of
// cgroup v2. They are moved into a group of our own for that: below the root where they are in the root, else beside
// theirs, since a group with processes cannot hand controllers down. The io controller is handed down on the way where
// it is not yet, and taken back.
//
// A probe of ours in the same group writes block after block (O_TMPFILE, O_DSYNC) in `path`. Its name counts them.
//
// Fields asked: pids, path (on the disk), bytes (a second, of reads and of writes each). Fields kept: processes;
// groups (ours), homes; device (major:minor of the whole disk); handed (directories that hand io down since); probe;
// reference_us (one such write before); raw. Proof: bit; writes, elapsed_ms, reference_us.

#include "nemesis/agent/kind.h"

namespace shaketable::agent {

inline constexpr const char* kStallProbe = "stall:";  // and a number: the probe's name

class Stall final : public Kind {
 public:
  std::string_view name() const override { return "stall"; }
  bool survives_reboot(const Entry&) const override { return false; }
  Result<void> look(Entry& entry) const override;
  Result<std::unique_ptr<Armed>> arm(Entry& entry) const override;
  Fields prove(const Entry& entry) const override;
  Result<Undone> undo(const Entry& entry) const override;
  Nanos patience() const override { return std::chrono::seconds(20); }
};

// Lifts every limit of a group's io.max; nothing to do where it has none.
Result<void> lift_io_limits(const std::string& group);

}  // namespace shaketable::agent

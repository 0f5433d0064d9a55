#pragma once
// Kind "lazyfs": what the system had not synced is lost, by LazyFS (github.com/dsrhaslab/lazyfs), a FUSE file system
// that keeps it in a cache of its own and forgets that when it is told to. The system's processes are killed, LazyFS is
// told, and the system is started again: that is the commit. Nothing of it needs an undo but the start.
//
// Fields asked: path (a directory on LazyFS), pids, start (scripts), fifo and completed (where LazyFS takes commands,
// and where it says that they are done; empty: as the configuration file of its process says, and the second may be
// nowhere). Fields kept: fifo, completed, point (where it is mounted), processes, probe.
// Proof: bit (a file written and not synced in the moment before is gone, or has not its content).

#include "nemesis/agent/kind.h"
#include "nemesis/agent/mounts.h"

namespace shaketable::agent {

struct LazyFsPipes {
  std::string fifo, completed;  // empty: it has none
};
// Of LazyFS's configuration file (TOML).
LazyFsPipes pipes_of_config(std::string_view text);

class LazyFs final : public Kind {
 public:
  // Elsewhere in unit tests.
  explicit LazyFs(std::string proc = "/proc") : proc_(std::move(proc)) {}
  std::string_view name() const override { return "lazyfs"; }
  bool survives_reboot(const Entry&) const override { return true; }
  Result<void> look(Entry& entry) const override;
  Result<std::unique_ptr<Armed>> arm(Entry& entry) const override;
  Fields prove(const Entry& entry) const override;
  Result<Undone> undo(const Entry& entry) const override;
  Nanos patience() const override { return std::chrono::seconds(90); }

 private:
  Result<std::vector<Mount>> mounts() const;
  Result<LazyFsPipes> pipes_of(const Mount& mount) const;
  std::string proc_;
};

}  // namespace shaketable::agent

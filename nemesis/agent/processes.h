#pragma once
// Kind "process": the processes that a script of the plan's system names are stopped, ended, or ended and started
// again.
//
// Fields asked: action (pause, kill, stop, restart), pids (script that prints pids), start (script; kill, stop and
// restart need it). Fields kept: processes (pid:start …). Proof: bit; processes (how many), held (how many of them
// stand still, or are gone).

#include "nemesis/agent/kind.h"
#include "nemesis/agent/process.h"

namespace shaketable::agent {

// What `script` prints, without the kernel, init, sshd, zombies and shaketable. An error if there is none.
Result<std::vector<ProcessName>> find_processes(const std::string& script);

class Processes final : public Kind {
 public:
  std::string_view name() const override { return "process"; }
  bool survives_reboot(const Entry& entry) const override;
  Result<void> look(Entry& entry) const override;
  Result<std::unique_ptr<Armed>> arm(Entry& entry) const override;
  Fields prove(const Entry& entry) const override;
  Result<Undone> undo(const Entry& entry) const override;
  Nanos patience() const override { return std::chrono::seconds(60); }
};

// Kind "freeze": the processes are moved into cgroups of our own below theirs (v2), which are frozen.
//
// Fields asked: pids. Fields kept: processes; groups (directories of ours), homes (where their processes came from).
// Proof: bit; frozen (groups that cgroup.events says are).
class Freeze final : public Kind {
 public:
  std::string_view name() const override { return "freeze"; }
  bool survives_reboot(const Entry&) const override { return false; }
  Result<void> look(Entry& entry) const override;
  Result<std::unique_ptr<Armed>> arm(Entry& entry) const override;
  Fields prove(const Entry& entry) const override;
  Result<Undone> undo(const Entry& entry) const override;
};

// Kind "fd-limit": the processes may open no more files, by their own soft limit.
//
// Fields asked: pids. Fields kept: processes; limits (soft:hard of each, as found).
// Proof: bit; processes; at_limit (how many can open nothing more).
class DescriptorLimit final : public Kind {
 public:
  std::string_view name() const override { return "fd-limit"; }
  bool survives_reboot(const Entry&) const override { return false; }
  Result<void> look(Entry& entry) const override;
  Result<std::unique_ptr<Armed>> arm(Entry& entry) const override;
  Fields prove(const Entry& entry) const override;
  Result<Undone> undo(const Entry& entry) const override;
};

}  // namespace shaketable::agent

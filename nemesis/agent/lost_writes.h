#pragma once
// Kind "lost-writes": what the system had not synced is lost, as in a power cut of its disk alone. The device below its
// data directory, a linear one of the device mapper's, drops every write from one moment on; the system's processes,
// which stand still by then, are killed, the file system is unmounted (what it flushes is dropped too), the device gets
// its table back, the file system is mounted again and the system is started. All of that is the commit. The table goes
// back only when nobody has the device open: a file system that lived on would write to a disk that is not what it
// believes.
//
// Fields asked: path (a directory of the file system; it need not be there yet), pids, start (scripts).
// Fields kept: name, uuid (of the device), table (as found), mount (its line of mountinfo), processes, probe (a file
// that is written and not synced in the moment before), dropped_writes.
// Proof: bit (the probe is gone, or has not its content), dropped_writes (that the device was asked for meanwhile).

#include "nemesis/agent/disks.h"
#include "nemesis/agent/kind.h"

namespace shaketable::agent {

class LostWrites final : public Kind {
 public:
  explicit LostWrites(Disks& disks = node_disks()) : disks_(disks) {}
  std::string_view name() const override { return "lost-writes"; }
  // Tables do not outlive a reboot; that the system was killed does.
  bool survives_reboot(const Entry&) const override { return true; }
  Result<void> look(Entry& entry) const override;
  Result<std::unique_ptr<Armed>> arm(Entry& entry) const override;
  Fields prove(const Entry& entry) const override;
  Result<Undone> undo(const Entry& entry) const override;
  Nanos patience() const override { return std::chrono::seconds(90); }

 private:
  Disks& disks_;
};

// A device that drops writes for us and that no journal names, as the device mapper shows it; its file system is
// unmounted, and mounted again, if it is mounted. Texts go to the end of the three.
void remove_dropping(Disks& disks, std::vector<std::string>& undone, std::vector<std::string>& in_force,
                     std::vector<std::string>& doubts);
// Names of devices that drop writes for us.
std::vector<std::string> dropping_devices(Disks& disks);

// Writes the probe without syncing it.
Result<void> write_probe(const std::string& path);
// Whether it is there with its content.
bool probe_survived(const std::string& path);
// Starts the system by `start` unless `pids` finds it; an error: it does not run afterwards.
Result<void> start_system(const Entry& entry);
// The nearest directory above that is there, links resolved.
Result<std::string> existing_directory(const std::string& path);

}  // namespace shaketable::agent

#pragma once
// The node's disks, mounts and mapped devices, as what lies about them needs them; a fake in unit tests.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "nemesis/agent/device_mapper.h"
#include "nemesis/agent/mounts.h"
#include "nemesis/agent/process.h"

namespace shaketable::agent {

class Disks {
 public:
  virtual ~Disks() = default;
  virtual Result<std::vector<Mount>> mounts() = 0;
  virtual Result<void> mount(const Mount& mount) = 0;
  virtual Result<void> unmount(const std::string& point) = 0;  // an error: busy, and the like

  // The device of that number; nullopt: it is none of the device mapper's.
  virtual Result<std::optional<MappedDevice>> mapped(const std::string& device) = 0;
  virtual Result<std::vector<std::string>> names() = 0;  // of all mapped devices; none where there is no device mapper
  virtual Result<std::optional<MappedDevice>> look(const std::string& name) = 0;
  virtual Result<MapTable> table(const std::string& name, Slot slot) = 0;
  virtual Result<void> load(const std::string& name, const MapTable& table) = 0;
  virtual Result<void> clear(const std::string& name) = 0;
  virtual Result<void> resume(const std::string& name) = 0;
  virtual Result<void> can_drop() = 0;  // whether the kernel has flakey, or a module of it

  // Whether the file system comes back whole after a power cut: it has a journal, and has it on this device.
  virtual Result<void> survives_power_cut(const Mount& mount) = 0;
  // Whoever has something of that file system open, or has it mounted where an unmount of ours does not reach, in
  // words; `except` are not counted.
  virtual std::vector<std::string> users(const Mount& mount, const std::vector<ProcessName>& except) = 0;
  // How long is waited for a mount to be free, and then for a device.
  virtual Nanos patience() const { return std::chrono::seconds(10); }
  // Writes that the device has completed, dropped ones included; nullopt: not known.
  virtual std::optional<std::int64_t> writes(const std::string& device) = 0;
};

Disks& node_disks();

}  // namespace shaketable::agent

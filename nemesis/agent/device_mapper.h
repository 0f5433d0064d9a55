#pragma once
// Devices of the kernel's device mapper and their tables, by its ioctls (linux/dm-ioctl.h, as libdevmapper asks them):
// no program of the node's is needed, and nothing is forked while a file system hangs on what is done.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace shaketable::agent {

struct MapTarget {
  std::uint64_t begin = 0, sectors = 0;  // of 512 bytes
  std::string type, parameters;
  friend bool operator==(const MapTarget&, const MapTarget&) = default;
};
using MapTable = std::vector<MapTarget>;
std::string to_text(const MapTable& table);  // as `dmsetup table` prints it, a target a line
std::optional<MapTable> to_table(std::string_view text);

// The same device that drops writes (Documentation/admin-guide/device-mapper/dm-flakey.rst): up for 0 s, then down for
// kDropSeconds, drop_writes. Each target keeps device and offset, so that the table itself says what it was, and the
// seconds, which nobody else chooses, whose it is. nullopt: a target is not linear.
inline constexpr std::uint64_t kDropSeconds = 1'537'321'758;
std::optional<MapTable> dropping(const MapTable& table);
// The linear table that it was made from. nullopt: it is not one of ours.
std::optional<MapTable> without_dropping(const MapTable& table);

struct MappedDevice {
  std::string name, uuid;  // uuid may be empty
  std::string device;      // MAJOR:MINOR
  int openers = 0;         // a mounted file system is one, however often it is mounted
  bool suspended = false, read_only = false;
  bool waiting = false;  // a table is loaded that is not in force
};

enum class Slot { live, waiting };

class DeviceMapper {
 public:
  // An error where the kernel has none. Loads no module.
  static Result<DeviceMapper> open();
  ~DeviceMapper();
  DeviceMapper(DeviceMapper&& other) noexcept : control_(other.control_) { other.control_ = -1; }
  DeviceMapper& operator=(DeviceMapper&&) = delete;

  Result<std::vector<std::string>> names() const;
  Result<std::optional<MappedDevice>> look(const std::string& name) const;  // nullopt: there is none
  Result<MapTable> table(const std::string& name, Slot slot) const;
  Result<bool> has_target(std::string_view type) const;
  Result<void> load(const std::string& name, const MapTable& table) const;  // waits then
  Result<void> clear(const std::string& name) const;                        // what waits
  // What waits is in force; nothing that a file system holds is written first (no freeze, dmsetup's --nolockfs).
  // One call: nobody can end us between the device's standing still and its going on.
  Result<void> resume(const std::string& name) const;

 private:
  explicit DeviceMapper(int control) : control_(control) {}
  int control_;
};

}  // namespace shaketable::agent

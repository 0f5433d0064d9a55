#include "nemesis/agent/device_mapper.h"

#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <sstream>

#include "nemesis/agent/protocol.h"
#include "nemesis/agent/system.h"

namespace shaketable::agent {
namespace {

constexpr std::size_t kAnswerBytes = 64 << 10, kAnswerBytesMost = 16 << 20;

// One question: the header that every ioctl has, and room for what follows it.
class Request {
 public:
  Request(const std::string& name, std::uint32_t flags, std::size_t room) : bytes_(sizeof(dm_ioctl) + room, '\0') {
    dm_ioctl& head = this->head();
    head.version[0] = DM_VERSION_MAJOR;
    head.data_size = static_cast<std::uint32_t>(bytes_.size());
    head.data_start = sizeof(dm_ioctl);
    head.flags = flags;
    name.copy(head.name, sizeof head.name - 1);
  }
  dm_ioctl& head() { return *reinterpret_cast<dm_ioctl*>(bytes_.data()); }
  char* data() { return bytes_.data() + sizeof(dm_ioctl); }
  // A structure `at` bytes into what follows the header; false: it does not lie within.
  template <class T>
  bool read(std::size_t at, T& out) {
    if (at + sizeof(T) > bytes_.size() - sizeof(dm_ioctl)) return false;
    std::memcpy(&out, data() + at, sizeof(T));
    return true;
  }
  std::string text(std::size_t at) {
    const std::size_t room = bytes_.size() - sizeof(dm_ioctl);
    return at < room ? std::string(data() + at, strnlen(data() + at, room - at)) : "";
  }

 private:
  std::string bytes_;
};

// An answer that did not fit is asked for again with more room.
Result<Request> ask(int control, unsigned long what, const std::string& name, std::uint32_t flags) {
  for (std::size_t room = kAnswerBytes; room <= kAnswerBytesMost; room *= 4) {
    Request request(name, flags, room);
    if (ioctl(control, what, &request.head()) != 0) return failure("device mapper, " + name, errno);
    if ((request.head().flags & DM_BUFFER_FULL_FLAG) == 0) return request;
  }
  return infrastructure("device mapper, " + name + ": its answer is too long");
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> out;
  for (std::string word; stream >> word;) out.push_back(word);
  return out;
}

}  // namespace

std::string to_text(const MapTable& table) {
  std::string out;
  for (const MapTarget& target : table)
    out += std::to_string(target.begin) + " " + std::to_string(target.sectors) + " " + target.type + " " +
           target.parameters + "\n";
  return out;
}

std::optional<MapTable> to_table(std::string_view text) {
  MapTable out;
  for (const std::string& line : lines_of(text)) {
    MapTarget target;
    std::istringstream words(line);
    if (!(words >> target.begin >> target.sectors >> target.type)) return std::nullopt;
    std::getline(words >> std::ws, target.parameters);
    out.push_back(std::move(target));
  }
  if (out.empty()) return std::nullopt;
  return out;
}

std::optional<MapTable> dropping(const MapTable& table) {
  MapTable out = table;
  for (MapTarget& target : out) {
    if (target.type != "linear") return std::nullopt;
    target.type = "flakey";
    target.parameters += " 0 " + std::to_string(kDropSeconds) + " 1 drop_writes";
  }
  if (out.empty()) return std::nullopt;
  return out;
}

std::optional<MapTable> without_dropping(const MapTable& table) {
  MapTable out = table;
  for (MapTarget& target : out) {
    const auto words = words_of(target.parameters);
    if (target.type != "flakey" || words.size() < 4 || words[2] != "0" || words[3] != std::to_string(kDropSeconds))
      return std::nullopt;
    target.type = "linear";
    target.parameters = words[0] + " " + words[1];
  }
  if (out.empty()) return std::nullopt;
  return out;
}

Result<DeviceMapper> DeviceMapper::open() {
  // Only where it is at work: to open the control device would load its module.
  const auto drivers = read_file("/proc/devices");
  const auto lines = drivers ? lines_of(*drivers) : std::vector<std::string>();
  if (std::none_of(lines.begin(), lines.end(),
                   [](const std::string& line) { return line.ends_with(" device-mapper"); }))
    return infrastructure("this node has no device mapper at work");
  const int control = ::open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
  if (control < 0) return failure("/dev/mapper/control", errno);
  return DeviceMapper(control);
}

DeviceMapper::~DeviceMapper() {
  if (control_ >= 0) close(control_);
}

Result<std::vector<std::string>> DeviceMapper::names() const {
  auto answer = ask(control_, DM_LIST_DEVICES, "", 0);
  if (!answer) return Failure(answer.error());
  std::vector<std::string> out;
  dm_name_list entry{};
  for (std::size_t at = 0; answer->read(at, entry) && entry.dev != 0; at += entry.next) {
    out.push_back(answer->text(at + offsetof(dm_name_list, name)));
    if (entry.next == 0) break;
  }
  return out;
}

Result<std::optional<MappedDevice>> DeviceMapper::look(const std::string& name) const {
  Request request(name, 0, 0);
  if (ioctl(control_, DM_DEV_STATUS, &request.head()) != 0) {
    if (errno == ENXIO) return std::optional<MappedDevice>();
    return failure("device mapper, " + name, errno);
  }
  const dm_ioctl& head = request.head();
  MappedDevice out;
  out.name = std::string(head.name, strnlen(head.name, sizeof head.name));
  out.uuid = std::string(head.uuid, strnlen(head.uuid, sizeof head.uuid));
  out.device = std::to_string(major(head.dev)) + ":" + std::to_string(minor(head.dev));
  out.openers = head.open_count;
  out.suspended = (head.flags & DM_SUSPEND_FLAG) != 0;
  out.read_only = (head.flags & DM_READONLY_FLAG) != 0;
  out.waiting = (head.flags & DM_INACTIVE_PRESENT_FLAG) != 0;
  return std::optional(out);
}

Result<MapTable> DeviceMapper::table(const std::string& name, Slot slot) const {
  const std::uint32_t flags = DM_STATUS_TABLE_FLAG | (slot == Slot::waiting ? DM_QUERY_INACTIVE_TABLE_FLAG : 0);
  auto answer = ask(control_, DM_TABLE_STATUS, name, flags);
  if (!answer) return Failure(answer.error());
  MapTable out;
  std::size_t at = 0;
  for (std::uint32_t i = 0; i < answer->head().target_count; ++i) {
    dm_target_spec spec{};
    if (!answer->read(at, spec)) return infrastructure("the table of " + name + " is not understood");
    out.push_back({spec.sector_start, spec.length,
                   std::string(spec.target_type, strnlen(spec.target_type, sizeof spec.target_type)),
                   answer->text(at + sizeof spec)});
    at = spec.next;  // counted from the first
  }
  return out;
}

Result<bool> DeviceMapper::has_target(std::string_view type) const {
  auto answer = ask(control_, DM_LIST_VERSIONS, "", 0);
  if (!answer) return Failure(answer.error());
  dm_target_versions entry{};
  for (std::size_t at = 0; answer->read(at, entry); at += entry.next) {
    if (answer->text(at + offsetof(dm_target_versions, name)) == type) return true;
    if (entry.next == 0) break;
  }
  return false;
}

Result<void> DeviceMapper::load(const std::string& name, const MapTable& table) const {
  std::string specs;
  for (const MapTarget& target : table) {
    dm_target_spec spec{};
    spec.sector_start = target.begin;
    spec.length = target.sectors;
    target.type.copy(spec.target_type, sizeof spec.target_type - 1);
    const std::size_t bytes = (sizeof spec + target.parameters.size() + 1 + 7) / 8 * 8;
    spec.next = static_cast<std::uint32_t>(bytes);  // counted from this one
    std::string one(bytes, '\0');
    std::memcpy(one.data(), &spec, sizeof spec);
    target.parameters.copy(one.data() + sizeof spec, target.parameters.size());
    specs += one;
  }
  Request request(name, 0, specs.size());
  request.head().target_count = static_cast<std::uint32_t>(table.size());
  specs.copy(request.data(), specs.size());
  if (ioctl(control_, DM_TABLE_LOAD, &request.head()) != 0)
    return failure("a table of " + name + " cannot be loaded", errno);
  return {};
}

Result<void> DeviceMapper::clear(const std::string& name) const {
  Request request(name, 0, 0);
  if (ioctl(control_, DM_TABLE_CLEAR, &request.head()) != 0)
    return failure("the waiting table of " + name + " cannot be cleared", errno);
  return {};
}

Result<void> DeviceMapper::resume(const std::string& name) const {
  Request request(name, DM_SKIP_LOCKFS_FLAG, 0);
  if (ioctl(control_, DM_DEV_SUSPEND, &request.head()) != 0) return failure(name + " cannot be resumed", errno);
  return {};
}

}  // namespace shaketable::agent

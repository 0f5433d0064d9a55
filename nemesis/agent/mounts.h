#pragma once
// Mounts as /proc/PID/mountinfo has them (proc(5)), and what mount(2) is asked to make the same one again.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shaketable::agent {

struct Mount {
  std::string device;                            // MAJOR:MINOR
  std::string root, point, options;              // options: of this mount ("rw,noatime")
  std::vector<std::string> tags;                 // how it propagates: "shared:2", "master:1"
  std::string type, source, super;               // super: options of the file system
  std::string tag(std::string_view name) const;  // "2" of "shared:2"; empty: none
};
std::optional<Mount> to_mount(std::string_view line);
std::string to_line(const Mount& mount);  // as to_mount() takes it
std::vector<Mount> to_mounts(std::string_view text);

// The mount that `path` (absolute, without links) lies on: of several at one point the last covers the others.
std::optional<Mount> mount_of(const std::vector<Mount>& mounts, const std::string& path);
// Whether `path` is the directory or below it.
bool is_below(std::string_view path, std::string_view directory);

struct MountCall {
  unsigned long flags = 0;
  std::string data;
};
MountCall to_call(const Mount& mount);

// In words, how `now` differs from `found`; empty: not at all. Which number a group of propagation has is no
// difference.
std::string difference(const Mount& found, const Mount& now);

}  // namespace shaketable::agent

#pragma once
// What is written down about a lab while it is up: DIRECTORY/record, one "key value" a line. up() writes what was asked
// for, the lab's first process adds itself and its nodes.

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "cluster/lab/plumbing.h"

namespace shaketable::lab {

struct Record {
  std::string kind = "netns";
  std::string name;
  int nodes = 0;
  std::uint64_t memory_bytes = 0, disk_bytes = 0;
  Nanos timeout{0};
  bool rootless = false;               // made in a user namespace
  bool ipv6 = true;                    // nodes have IPv6 addresses too
  std::string layer;                   // directory of the package layer
  std::vector<std::string> packages;   // in it
  std::vector<std::string> installed;  // put into the nodes later
  std::vector<std::string> limits;
  std::string boot;    // boot_id() of the machine
  ProcessName first;   // pid 0: not started yet
  std::string cgroup;  // empty: none
  std::vector<ProcessName> node_processes;

  // Its processes are still there, on this boot.
  bool is_running() const { return first.pid != 0 && boot == boot_id() && is_alive(first); }
};

Result<Record> read_record(const std::string& directory);
Result<void> write_record(const std::string& directory, const Record& record);  // to a temporary name, then renamed

// The place of all labs and layers, absolute. Error if it cannot serve (its name has a character overlay mounts take
// specially …).
Result<std::string> state_root();
std::string lab_directory(const std::string& root, const std::string& name);

// The exclusive lock of one lab's name, held until destroyed. Its file vanishes with it.
class LabLock {
 public:
  // Waits for who holds it, up to `timeout`.
  static Result<LabLock> take(const std::string& root, const std::string& name, Nanos timeout);
  ~LabLock();
  LabLock(LabLock&&) noexcept = default;
  LabLock& operator=(LabLock&&) = delete;

 private:
  LabLock(Descriptor file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}
  Descriptor file_;
  std::string path_;
};

// Takes the whole file lock `path` (created if absent), waiting up to `timeout`. `shared`: with others.
Result<Descriptor> lock_file(const std::string& path, bool shared, Nanos timeout);

}  // namespace shaketable::lab

#pragma once
// The node as the agent sees it: its clock, files that outlive a crash, the lock between the agent and its guard.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace shaketable::agent {

// CLOCK_MONOTONIC_RAW: a changed time of day, tick or frequency does not move it. It stands still while the machine
// is suspended.
Nanos raw_now();
void sleep_until_raw(Nanos moment);
// The raw clock and the time of day at one moment: of several looks the one that was over fastest.
struct TimeOfDay {
  std::int64_t raw_ns = 0, real_ns = 0;  // real: since 1970
};
TimeOfDay look_at_clocks();
std::string boot_id();

std::string error_text(int number);  // of errno
Failure failure(const std::string& what, int number);

// The whole file; nullopt when it is not there or cannot be read.
Result<std::string> read_file(const std::string& path);
// Under a temporary name in the same directory, then renamed. `durable`: on the disk when this returns.
Result<void> write_file(const std::string& path, std::string_view content, bool durable);
Result<void> make_directory(const std::string& path, int mode);  // and those above it, which everybody may read
void remove_tree(const std::string& path);
bool exists(const std::string& path);
std::vector<std::string> list_directory(const std::string& path);  // names, sorted; nothing when it is not there
void sync_directory(const std::string& path);
Result<void> write_to(int descriptor, std::string_view text, Nanos timeout);

std::vector<std::string> lines_of(std::string_view text);
std::string joined(const std::vector<std::string>& items, std::string_view separator);
// A program of that name on PATH; empty when there is none.
std::string find_program(std::string_view name);

// Held while something on the node is being changed or undone. A holder that was stopped must not keep the guard from
// undoing for ever: after the timeout it goes on without, and says so.
class ChangeLock {
 public:
  explicit ChangeLock(Nanos timeout);
  ~ChangeLock();
  ChangeLock(const ChangeLock&) = delete;
  ChangeLock& operator=(const ChangeLock&) = delete;
  bool held() const { return held_; }

 private:
  int descriptor_ = -1;
  bool held_ = false;
};

}  // namespace shaketable::agent

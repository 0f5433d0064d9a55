#pragma once
// System calls of the lab with errors in words. Everything here is for single-threaded processes unless it says so.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace shaketable::lab {

// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  ~Descriptor() { reset(); }
  Descriptor(Descriptor&& other) noexcept : number_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return number_; }
  explicit operator bool() const { return number_ >= 0; }
  int release();
  void reset();

 private:
  int number_;
};

// "WHAT: <the system's words for errno>". Any thread.
Failure system_failure(std::string_view what);
Failure system_failure(std::string_view what, int error);

Result<std::string> read_file(const std::string& path);                                       // any thread
Result<void> write_file(const std::string& path, std::string_view content, int mode = 0644);  // any thread
Result<void> write_kernel_file(const std::string& path, std::string_view content);  // must exist: /proc, /sys, cgroups
Result<void> make_directory(const std::string& path, int mode = 0755);  // with its parents; fine if it is there
Result<void> make_device(const std::string& path, int major, int minor);
Result<void> mount_at(const std::string& source, const std::string& target, const std::string& type,
                      unsigned long flags = 0, const std::string& options = "");
// Bind mounts `path` on itself with more flags (MS_RDONLY …).
Result<void> remount_bind(const std::string& path, unsigned long flags);

struct ProgramOptions {
  std::string root;                          // chroot there first; empty: no
  std::string output;                        // file that its stdout and stderr are appended to; empty: inherited
  Nanos timeout = std::chrono::seconds(30);  // then it is killed
};
// Runs a program found along PATH (in `root`) and waits; its exit code, 128 + signal if it was killed.
Result<int> run_program(const std::vector<std::string>& arguments, const ProgramOptions& options = {});
// As run_program, and anything but exit code 0 is an error that carries the last lines of what it said.
Result<void> run_checked(const std::vector<std::string>& arguments, Nanos timeout = std::chrono::seconds(30));

// The last `lines` lines of a file, for messages; empty if it cannot be read. Any thread.
std::string tail_of_file(const std::string& path, int lines);

// A process named so that another one that got its number later is not taken for it.
struct ProcessName {
  pid_t pid = 0;
  std::uint64_t start = 0;  // field 22 of /proc/PID/stat: clock ticks since boot
};
// nullopt if there is no such process or it is a zombie. Any thread.
std::optional<ProcessName> name_process(pid_t pid);
bool is_alive(const ProcessName& process);  // any thread
// SIGKILL, and waits until it and (for the first process of a pid namespace) everything below it is gone. Any thread.
Result<void> kill_and_wait(const ProcessName& process, Nanos timeout);
// Identifies this boot of the machine. Any thread.
std::string boot_id();

// Reads what is there until `deadline` (steady clock); nullopt on timeout, empty at the end of the stream. Any thread.
std::optional<std::string> read_some(int descriptor, std::chrono::steady_clock::time_point deadline);
// Writes all of it; false if the other side is gone. Any thread.
bool write_all(int descriptor, std::string_view text);

}  // namespace shaketable::lab

#include "cluster/lab/plumbing.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <thread>

#include "base/duration.h"
#include "base/text.h"

namespace shaketable::lab {

using namespace std::chrono_literals;

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    reset();
    number_ = other.release();
  }
  return *this;
}

int Descriptor::release() {
  return std::exchange(number_, -1);
}

void Descriptor::reset() {
  if (number_ >= 0) close(number_);
  number_ = -1;
}

Failure system_failure(std::string_view what) {
  return system_failure(what, errno);
}

Failure system_failure(std::string_view what, int error) {
  return infrastructure(fmt::format("{}: {}", what, std::generic_category().message(error)));
}

Result<std::string> read_file(const std::string& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return system_failure("cannot read " + path);
  std::string content;
  char buffer[65536];
  for (;;) {
    const ssize_t n = read(file.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_failure("cannot read " + path);
    if (n == 0) return content;
    content.append(buffer, static_cast<std::size_t>(n));
  }
}

Result<void> write_file(const std::string& path, std::string_view content, int mode) {
  const Descriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
  if (!file || fchmod(file.get(), static_cast<mode_t>(mode)) != 0) return system_failure("cannot write " + path);
  while (!content.empty()) {
    const ssize_t n = write(file.get(), content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_failure("cannot write " + path);
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Result<void> write_kernel_file(const std::string& path, std::string_view content) {
  const Descriptor file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file || write(file.get(), content.data(), content.size()) < 0) return system_failure("cannot write " + path);
  return {};
}

Result<void> make_directory(const std::string& path, int mode) {
  if (mkdir(path.c_str(), static_cast<mode_t>(mode)) == 0 || errno == EEXIST) return {};
  if (errno == ENOENT) {
    const std::string parent = std::filesystem::path(path).parent_path();
    if (parent.empty() || parent == path) return system_failure("cannot create " + path);
    if (auto made = make_directory(parent, 0755); !made) return made;
    if (mkdir(path.c_str(), static_cast<mode_t>(mode)) == 0 || errno == EEXIST) return {};
  }
  return system_failure("cannot create the directory " + path);
}

Result<void> make_device(const std::string& path, int major, int minor) {
  if (mknod(path.c_str(), S_IFCHR | 0666, makedev(static_cast<unsigned>(major), static_cast<unsigned>(minor))) != 0 ||
      chmod(path.c_str(), 0666) != 0)
    return system_failure("cannot create the device " + path);
  return {};
}

Result<void> mount_at(const std::string& source, const std::string& target, const std::string& type,
                      unsigned long flags, const std::string& options) {
  if (mount(source.c_str(), target.c_str(), type.empty() ? nullptr : type.c_str(), flags,
            options.empty() ? nullptr : options.c_str()) == 0)
    return {};
  const int error = errno;
  return system_failure(fmt::format("cannot mount {} on {}{}", type.empty() ? source : type, target,
                                    options.empty() ? "" : fmt::format(" ({})", options.substr(0, 200))),
                        error);
}

Result<void> remount_bind(const std::string& path, unsigned long flags) {
  if (auto bound = mount_at(path, path, "", MS_BIND); !bound) return bound;
  return mount_at(path, path, "", MS_BIND | MS_REMOUNT | flags);
}

namespace {

[[noreturn]] void become(const std::vector<std::string>& arguments, const ProgramOptions& options) {
  if (!options.output.empty()) {
    const int file = open(options.output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (file >= 0) {
      dup2(file, 1);
      dup2(file, 2);
    }
  }
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null >= 0) dup2(null, 0);
  if (!options.root.empty() && (chroot(options.root.c_str()) != 0 || chdir("/") != 0)) _exit(126);
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  execvp(argv[0], argv.data());
  dprintf(2, "%s: %s\n", argv[0], std::generic_category().message(errno).c_str());
  _exit(127);
}

}  // namespace

Result<int> run_program(const std::vector<std::string>& arguments, const ProgramOptions& options) {
  const pid_t child = fork();
  if (child < 0) return system_failure("cannot start " + arguments[0]);
  if (child == 0) become(arguments, options);
  const Descriptor handle(static_cast<int>(syscall(SYS_pidfd_open, child, 0)));
  pollfd wait{handle.get(), POLLIN, 0};
  const auto deadline = std::chrono::steady_clock::now() + options.timeout;
  int ready = 0;
  do {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    ready = poll(&wait, 1, static_cast<int>(std::max<std::int64_t>(0, left.count())));
  } while (ready < 0 && errno == EINTR);
  if (ready == 0) kill(child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (ready == 0)
    return infrastructure(fmt::format("{} did not end within {}", arguments[0], format_duration(options.timeout)));
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Result<void> run_checked(const std::vector<std::string>& arguments, Nanos timeout) {
  char name[] = "/tmp/shaketable-output-XXXXXX";
  const Descriptor file(mkostemp(name, O_CLOEXEC));
  if (!file) return system_failure("cannot create a temporary file in /tmp");
  const Result<int> code = run_program(arguments, {.root = "", .output = name, .timeout = timeout});
  const std::string said = tail_of_file(name, 5);
  unlink(name);
  if (!code) return Failure(code.error());
  if (*code != 0)
    return infrastructure(
        fmt::format("`{}` ended with exit code {}{}", join(arguments, " "), *code, said.empty() ? "" : ": " + said));
  return {};
}

std::string tail_of_file(const std::string& path, int lines) {
  const Result<std::string> content = read_file(path);
  if (!content) return "";
  std::string_view text = *content;
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  std::size_t from = text.size();
  for (int i = 0; i < lines && from != std::string_view::npos && from > 0; ++i) from = text.rfind('\n', from - 1);
  return std::string(from == std::string_view::npos || from == 0 ? text : text.substr(from + 1));
}

std::optional<ProcessName> name_process(pid_t pid) {
  const Result<std::string> stat = read_file(fmt::format("/proc/{}/stat", pid));
  if (!stat) return std::nullopt;
  // The program's name stands in parentheses and may hold anything, parentheses and spaces included.
  const std::size_t end = stat->rfind(')');
  if (end == std::string::npos || end + 2 >= stat->size()) return std::nullopt;
  const char state = (*stat)[end + 2];
  if (state == 'Z' || state == 'X') return std::nullopt;
  std::size_t at = end + 1;
  for (int field = 3; field < 22; ++field) at = stat->find(' ', at + 1);
  return ProcessName{pid, std::strtoull(stat->c_str() + at, nullptr, 10)};
}

bool is_alive(const ProcessName& process) {
  const auto now = name_process(process.pid);
  return now && now->start == process.start;
}

Result<void> kill_and_wait(const ProcessName& process, Nanos timeout) {
  const Descriptor handle(static_cast<int>(syscall(SYS_pidfd_open, process.pid, 0)));
  if (!handle || !is_alive(process)) return {};
  if (syscall(SYS_pidfd_send_signal, handle.get(), SIGKILL, nullptr, 0) != 0 && errno != ESRCH)
    return system_failure(fmt::format("cannot kill process {}", process.pid));
  pollfd wait{handle.get(), POLLIN, 0};
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    const int ready = poll(&wait, 1, static_cast<int>(std::max<std::int64_t>(0, left.count())));
    if (ready > 0) return {};
    if (ready == 0)
      return infrastructure(
          fmt::format("process {} was killed and is still there after {}", process.pid, format_duration(timeout)));
    if (errno != EINTR) return system_failure(fmt::format("cannot wait for process {}", process.pid));
  }
}

std::string boot_id() {
  Result<std::string> id = read_file("/proc/sys/kernel/random/boot_id");
  if (!id) return "unknown";
  while (!id->empty() && id->back() == '\n') id->pop_back();
  return *id;
}

std::optional<std::string> read_some(int descriptor, std::chrono::steady_clock::time_point deadline) {
  for (;;) {
    pollfd wait{descriptor, POLLIN, 0};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    const int ready = poll(&wait, 1, static_cast<int>(std::max<std::int64_t>(0, left.count())));
    if (ready == 0) return std::nullopt;
    if (ready < 0) {
      if (errno == EINTR) continue;
      return "";
    }
    char buffer[4096];
    const ssize_t n = read(descriptor, buffer, sizeof buffer);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    return n <= 0 ? std::string() : std::string(buffer, static_cast<std::size_t>(n));
  }
}

bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = write(descriptor, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace shaketable::lab

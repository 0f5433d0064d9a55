// A node with a kernel of its own: User-Mode Linux as a process of this machine. Its keeper, a child of the lab's first
// process, starts it, reads its console, starts it again when it hangs at boot, cuts its power and boots it when asked.

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "cluster/lab/capabilities.h"
#include "cluster/lab/processes.h"

namespace shaketable::lab {
namespace {

using namespace std::chrono_literals;

// A boot takes 3 s of processor time. Few do not get there at all; those are started again.
constexpr auto kBootPatience = 25s;
constexpr int kBootAttempts = 3;

Result<void> set_read_only(const char* path, bool read_only, unsigned flags) {
  mount_attr attributes{};
  (read_only ? attributes.attr_set : attributes.attr_clr) = MOUNT_ATTR_RDONLY;
  if (syscall(SYS_mount_setattr, AT_FDCWD, path, flags, &attributes, sizeof attributes) != 0)
    return system_failure(fmt::format("cannot make {} {}", path, read_only ? "read only" : "writable"));
  return {};
}

class Keeper {
 public:
  Keeper(const Record& record, std::string directory, int index, std::string place, int report)
      : record_(record),
        directory_(std::move(directory)),
        name_(fmt::format("n{}", index)),
        place_(std::move(place)),
        index_(index),
        report_(report) {}

  bool say(const std::string& line) const { return write_all(report_, line + "\n"); }

  Result<void> set_up() {
    // The guest's memory is a file; here it is the guest's own bound, and gone with the lab.
    if (auto mounted =
            mount_at("memory", place_, "tmpfs", 0, fmt::format("mode=700,size={}", record_.memory_bytes + (64 << 20)));
        !mounted)
      return mounted;
    if (auto made = make_directory(own_directory(), 0700); !made) return made;
    const std::string disk = disk_path();
    const Descriptor file(open(disk.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file || ftruncate(file.get(), static_cast<off_t>(record_.disk_bytes)) != 0)
      return system_failure("cannot create " + disk);
    // With a journal: a power cut loses what was not synced, and nothing else.
    return run_checked(
        {"mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard", disk},
        60s);
  }

  // For ever: waits for the machine's end, for SIGUSR1 (cut the power) and SIGUSR2 (boot).
  [[noreturn]] void stay() {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGCHLD, SIGUSR1, SIGUSR2}) sigaddset(&signals, signal);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    boot();
    for (;;) {
      const timespec tick{0, 100'000'000};
      const int signal = sigtimedwait(&signals, nullptr, booting_ || guest_ == 0 ? &tick : nullptr);
      if (signal == SIGUSR1) cut_power();
      if (signal == SIGUSR2 && guest_ == 0) boot();
      if (signal == SIGUSR2) unlink(OffFiles(directory_, name_).lease.c_str());
      int status = 0;
      if (guest_ != 0 && waitpid(guest_, &status, WNOHANG) == guest_) {
        guest_ = 0;
        if (booting_) failed("its kernel ended; the console's last lines:\n" + tail_of_file(console_path(), 8));
      }
      if (booting_) watch_boot();
      // Who cut the power has not said that it is to stay away.
      if (guest_ == 0 && !booting_ && OffFiles(directory_, name_).is_over()) boot();
    }
  }

 private:
  std::string console_path() const { return fmt::format("{}/{}.console", directory_, name_); }
  // The one directory of the machine that the guest can write to: its control socket and its disk.
  std::string own_directory() const { return directory_ + "/uml"; }
  std::string disk_path() const { return fmt::format("{}/{}.img", own_directory(), name_); }

  void boot() {
    read_up_to_ = 0;
    booting_ = true;
    ++attempts_;
    boot_began_ = std::chrono::steady_clock::now();
    unlink(OffFiles(directory_, name_).lease.c_str());
    unlink(console_path().c_str());
    // Opened here, in this mount namespace: in the guest's own nothing may be open for writing when it is locked.
    const Descriptor console(open(console_path().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    const Descriptor nothing(open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!console || !nothing) return failed("cannot open its console " + console_path());
    // A pid namespace around it: when its first process is killed, all of the guest's are.
    guest_ = static_cast<pid_t>(
        syscall(SYS_clone, CLONE_NEWPID | CLONE_NEWNS | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
    if (guest_ == 0) {
      dup2(nothing.get(), 0);
      for (const int output : {1, 2}) dup2(console.get(), output);
      run_kernel();
    }
    if (guest_ < 0) {
      guest_ = 0;
      failed(system_failure("cannot fork").value().message);
    }
  }

  void cut_power() {
    booting_ = false;
    attempts_ = 0;
    if (guest_ != 0) {
      kill(guest_, SIGKILL);
      waitpid(guest_, nullptr, 0);
      guest_ = 0;
    }
    unlink(console_path().c_str());
  }

  void failed(const std::string& why) {
    booting_ = false;
    std::string line = why;
    for (char& c : line)
      if (c == '\n') c = ' ';
    say("error " + line);
  }

  void watch_boot() {
    const Result<std::string> console = read_file(console_path());
    if (console) {
      for (std::size_t at = read_up_to_; (at = console->find(kGuestSays, at)) != std::string::npos;) {
        const std::size_t end = console->find('\n', at);
        if (end == std::string::npos) break;
        std::string line = console->substr(at + kGuestSays.size(), end - at - kGuestSays.size());
        std::erase(line, '\r');
        at = read_up_to_ = end;
        if (line == "up") {
          booting_ = false;
          attempts_ = 0;
          say("up");
          return;
        }
        if (line.starts_with("error ")) return failed(line.substr(6));
      }
    }
    if (std::chrono::steady_clock::now() - boot_began_ < kBootPatience) return;
    const int attempts = attempts_;
    const std::string last_lines = tail_of_file(console_path(), 8);
    cut_power();
    attempts_ = attempts;
    if (attempts_ < kBootAttempts) return boot();
    failed(fmt::format("its kernel hung at boot {} times; the console's last lines: {}", attempts_, last_lines));
  }

  // Process 1 of the guest's pid namespace. UML itself must not be that: signals that should end it would be ignored.
  [[noreturn]] void run_kernel() const {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    setsid();
    if (auto confined = confine(); !confined) {
      dprintf(1, "\n%.*serror %s\n", static_cast<int>(kGuestSays.size()), kGuestSays.data(),
              confined.error().message.c_str());
      _exit(1);
    }
    const pid_t kernel = fork();
    if (kernel == 0) {
      setsid();  // a dying UML sends SIGTERM to its whole process group
      exec_kernel();
    }
    for (;;) {
      int status = 0;
      const pid_t ended = wait(&status);
      if (ended == kernel || (ended < 0 && errno == ECHILD)) _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128);
    }
  }

  // The guest sees the machine's tree, and its root may do what it likes in there: nothing of it can be written but the
  // guest's own memory, disk and control socket, and the machine's clock cannot be set.
  Result<void> confine() const {
    const std::string directory = own_directory();
    if (auto bound = mount_at(directory, directory, "", MS_BIND); !bound) return bound;
    if (auto done = set_read_only("/", true, AT_RECURSIVE); !done) return done;
    for (const std::string& own : {directory, place_})
      if (auto done = set_read_only(own.c_str(), false, 0); !done) return done;
    return drop_capabilities();
  }

  [[noreturn]] void exec_kernel() const {
    const std::uint64_t mebibytes = record_.memory_bytes >> 20;
    std::vector<std::string> words = {
        "linux.uml",
        fmt::format("mem={}M", mebibytes),
        fmt::format("umid={}", name_),
        fmt::format("uml_dir={}", own_directory()),
        "rootfstype=hostfs",
        "rootflags=/",
        "ro",
        fmt::format("ubda={}", disk_path()),
        fmt::format("vec0:transport=raw,ifname=u{},mac=02:00:0a:4d:00:{:02x},depth=128", index_, index_),
        fmt::format("init={}", guest_program(directory_)),
        "con=null",
        "con0=fd:0,fd:1",
        "ssl=null",
        "ssl0=null",
        "quiet",
        "--",
        std::string(kVerb),
        "guest",
        directory_,
        std::to_string(index_)};
    std::vector<char*> argv;
    argv.reserve(words.size() + 1);
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    setenv("TMPDIR", place_.c_str(), 1);
    execv((record_.layer + "/usr/bin/linux.uml").c_str(), argv.data());
    execv("/usr/bin/linux.uml", argv.data());
    dprintf(1, "\n%.*serror cannot start linux.uml: errno %d\n", static_cast<int>(kGuestSays.size()), kGuestSays.data(),
            errno);
    _exit(127);
  }

  const Record& record_;
  std::string directory_, name_, place_;
  int index_, report_;
  pid_t guest_ = 0;  // 0: off
  bool booting_ = false;
  int attempts_ = 0;
  std::size_t read_up_to_ = 0;
  std::chrono::steady_clock::time_point boot_began_;
};

std::int64_t monotonic_now() {
  return std::chrono::steady_clock::now().time_since_epoch().count();
}

}  // namespace

std::string guest_program(const std::string& directory) {
  return directory + "/guest";
}

Result<void> OffFiles::write_lease(Nanos lasts) const {
  const std::string until = std::to_string(lasts > Nanos(0) ? monotonic_now() + lasts.count() : 0);
  if (auto written = write_file(lease + ".new", until); !written) return written;
  if (rename((lease + ".new").c_str(), lease.c_str()) != 0) return system_failure("cannot write " + lease);
  return {};
}

bool OffFiles::is_over() const {
  const Result<std::string> until = read_file(lease);
  if (!until) return false;
  const std::int64_t then = std::strtoll(until->c_str(), nullptr, 10);
  return then > 0 && then < monotonic_now();
}

void run_uml_node(const Record& record, const std::string& directory, int index, const std::string& place, int report,
                  int go) {
  prctl(PR_SET_NAME, fmt::format("lab-n{}", index).c_str());
  keep_only(report, go);
  Keeper keeper(record, directory, index, place, report);
  char host_pid[32] = {};
  if (readlink("/proc/self", host_pid, sizeof host_pid - 1) < 0) _exit(1);
  keeper.say(fmt::format("pid {}", host_pid));
  if (auto ready = keeper.set_up(); !ready) {
    keeper.say("error " + ready.error().message);
    _exit(1);
  }
  char byte;
  if (read(go, &byte, 1) != 1) _exit(1);
  close(go);
  keeper.stay();
}

}  // namespace shaketable::lab

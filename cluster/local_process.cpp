#include "cluster/local_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <mutex>

// Version 2, since version 1 leaks the pipes of one child into the next (closing a child's stdin then does not end it).
// Debian has no compiled library of it, so this file is also the one that compiles it.
#define BOOST_PROCESS_V2_SEPARATE_COMPILATION 1
#include <boost/asio/io_context.hpp>
#include <boost/process/v2/src.hpp>
// (src.hpp first, then the classes)
#include <boost/process/v2/environment.hpp>
#include <boost/process/v2/process.hpp>
#include <boost/process/v2/start_dir.hpp>
#include <boost/process/v2/stdio.hpp>

#include "base/duration.h"
#include "cluster/deadline.h"

namespace shaketable {
namespace {

namespace bp = boost::process::v2;

constexpr off_t kErrorBytesMax = 1 << 20, kErrorFileBytesMax = 16 << 20;

// Runs in the child between fork and exec: system calls only.
struct ChildSetup {
  template <class Launcher, class Arguments>
  boost::system::error_code on_exec_setup(Launcher&, const boost::filesystem::path&, Arguments&&) {
    ::setpgid(0, 0);
    ::signal(SIGPIPE, SIG_DFL);
    return {};
  }
};

struct Pipe {
  UniqueFd read, write;
};

std::optional<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

void set_nonblocking(int fd) {
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
}

Result<boost::filesystem::path> find_program(const std::string& name) {
  if (name.find('/') == std::string::npos) {
    boost::filesystem::path found = bp::environment::find_executable(name);
    if (found.empty()) return bad_input(name + ": no such program in PATH");
    return found;
  }
  struct stat info {};
  if (::stat(name.c_str(), &info) != 0) return bad_input(name + ": " + std::strerror(errno));
  if (!S_ISREG(info.st_mode) || ::access(name.c_str(), X_OK) != 0)
    return bad_input(name + ": is not an executable file");
  return boost::filesystem::path(name);
}

std::string_view last_line(std::string_view text) {
  const std::size_t end = text.find_last_not_of(" \t\r\n");
  if (end == std::string_view::npos) return {};
  text = text.substr(0, end + 1);
  const std::size_t newline = text.rfind('\n');
  return newline == std::string_view::npos ? text : text.substr(newline + 1);
}

}  // namespace

void ignore_broken_pipes() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction now {};
    if (::sigaction(SIGPIPE, nullptr, &now) == 0 && now.sa_handler == SIG_DFL) ::signal(SIGPIPE, SIG_IGN);
  });
}

std::string LocalExit::describe() const {
  if (signal == 0) return fmt::format("exit code {}", exit_code);
  const char* name = ::sigabbrev_np(signal);
  return name ? fmt::format("killed by {}", name) : fmt::format("killed by signal {}", signal);
}

Result<std::unique_ptr<LocalProcess>> LocalProcess::start(const LocalProcessSpec& spec) {
  ignore_broken_pipes();
  if (spec.arguments.empty()) return bad_input("no program is named");
  const auto program = find_program(spec.arguments.front());
  if (!program) return tl::unexpected(program.error());
  if (!spec.directory.empty() && ::access(spec.directory.c_str(), X_OK) != 0)
    return bad_input(spec.directory + ": " + std::strerror(errno));

  std::unique_ptr<LocalProcess> self(new LocalProcess);
  if (spec.error_file.empty()) {
    self->errors_ = UniqueFd(static_cast<int>(::memfd_create("stderr", MFD_CLOEXEC)));
    self->errors_max_ = kErrorBytesMax;
  } else {
    self->errors_ = UniqueFd(::open(spec.error_file.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (!self->errors_) return infrastructure(spec.error_file + ": " + std::strerror(errno));
    self->errors_from_ = std::max<off_t>(0, ::lseek(self->errors_.get(), 0, SEEK_END));
    self->errors_max_ = kErrorFileBytesMax;
  }
  std::optional<Pipe> in, out;
  if (spec.stream < 0) {
    in = make_pipe();
    out = make_pipe();
  }
  if (!self->errors_ || (spec.stream < 0 && (!in || !out)))
    return infrastructure(fmt::format("{}: cannot make its pipes: {}", spec.arguments.front(), std::strerror(errno)));
  ::fcntl(self->errors_.get(), F_SETFL, O_APPEND);

  std::vector<std::string> environment;
  for (char** entry = environ; *entry; ++entry) {
    const std::string_view text(*entry);
    if (!spec.environment.contains(std::string(text.substr(0, text.find('='))))) environment.emplace_back(text);
  }
  for (const auto& [name, value] : spec.environment) environment.push_back(name + "=" + value);
  const std::vector<std::string> arguments(spec.arguments.begin() + 1, spec.arguments.end());

  try {
    boost::asio::io_context context;
    boost::system::error_code error;
    const int child_in = spec.stream >= 0 ? spec.stream : in->read.get();
    const int child_out = spec.stream >= 0 ? spec.stream : out->write.get();
    bp::process child = bp::default_process_launcher()(
        context, error, *program, arguments, ChildSetup{}, bp::process_environment(environment),
        bp::process_start_dir(spec.directory.empty() ? boost::filesystem::path(".")
                                                     : boost::filesystem::path(spec.directory)),
        bp::process_stdio{child_in, child_out, self->errors_.get()});
    if (error) return infrastructure(fmt::format("{}: cannot be started: {}", spec.arguments.front(), error.message()));
    self->pid_ = child.id();
    child.detach();  // we reap it: Boost's own waiting knows no deadline
  } catch (const std::exception& e) {
    return infrastructure(fmt::format("{}: cannot be started: {}", spec.arguments.front(), e.what()));
  }
  self->pidfd_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, self->pid_, 0)));
  if (!self->pidfd_)
    return infrastructure(fmt::format("{}: pidfd_open: {}", spec.arguments.front(), std::strerror(errno)));
  if (in) {
    self->input_ = std::move(in->write);
    self->output_ = std::move(out->read);
    set_nonblocking(self->input_.get());
    set_nonblocking(self->output_.get());
  }
  return self;
}

LocalProcess::~LocalProcess() {
  if (pid_ <= 0 || exit_) return;
  kill();
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
}

void LocalProcess::kill() {
  if (pid_ <= 0 || exit_) return;  // its number may belong to another process by now
  if (::kill(-pid_, SIGKILL) != 0) ::kill(pid_, SIGKILL);
}

std::optional<LocalExit> LocalProcess::wait(Nanos timeout) {
  if (exit_) return exit_;
  const Deadline deadline(timeout);
  pollfd ready{pidfd_.get(), POLLIN, 0};
  while (::poll(&ready, 1, deadline.left_ms()) < 0 && errno == EINTR) {
  }
  if (!(ready.revents & POLLIN)) return std::nullopt;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  exit_.emplace();
  if (WIFSIGNALED(status))
    exit_->signal = WTERMSIG(status);
  else
    exit_->exit_code = WEXITSTATUS(status);
  return exit_;
}

std::string LocalProcess::error_output(std::size_t limit_bytes) const {
  struct stat info {};
  if (::fstat(errors_.get(), &info) != 0) return {};
  const off_t own = info.st_size < errors_from_ ? 0 : errors_from_;  // emptied in between
  const off_t from = std::max<off_t>(own, info.st_size - static_cast<off_t>(limit_bytes));
  std::string out(static_cast<std::size_t>(info.st_size - from), '\0');
  const ssize_t got = ::pread(errors_.get(), out.data(), out.size(), from);
  out.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  return out;
}

std::string LocalProcess::how_it_ended() {
  // Its output may end a moment before it does.
  const auto exit = wait(std::chrono::milliseconds(200));
  const std::string said = error_output();
  std::string out = exit ? "it ended: " + exit->describe() : "it closed its output and runs on";
  if (const std::string_view line = last_line(said); !line.empty()) out += fmt::format(": {}", line);
  return out;
}

Result<void> LocalProcess::write(std::string_view text, Nanos timeout) {
  const Deadline deadline(timeout);
  while (!text.empty()) {
    if (!input_) return infrastructure("its standard input is closed");
    const ssize_t sent = ::write(input_.get(), text.data(), text.size());
    if (sent > 0) {
      text.remove_prefix(static_cast<std::size_t>(sent));
      continue;
    }
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno != EAGAIN) return infrastructure("it does not read: " + how_it_ended());
    if (deadline.over()) return infrastructure("it did not read its input within " + format_duration(timeout));
    pollfd ready{input_.get(), POLLOUT, 0};
    ::poll(&ready, 1, deadline.left_ms());
  }
  return {};
}

Result<std::string> LocalProcess::read_line(Nanos timeout) {
  const Deadline deadline(timeout);
  std::size_t searched = 0;
  while (true) {
    struct stat info {};
    if (::fstat(errors_.get(), &info) == 0 && info.st_size > errors_max_ && ::ftruncate(errors_.get(), 0) != 0)
      return infrastructure(fmt::format("its stderr cannot be shortened: {}", std::strerror(errno)));
    if (const std::size_t end = buffer_.find('\n', searched); end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return line;
    }
    searched = buffer_.size();
    if (buffer_.size() > kLineBytesMax)
      return infrastructure(fmt::format("a line of its output is longer than {} bytes", kLineBytesMax));
    if (at_end_) {
      if (!buffer_.empty()) return std::exchange(buffer_, {});
      return infrastructure(how_it_ended());
    }
    if (!output_) return infrastructure("its standard output goes elsewhere");
    char chunk[64 * 1024];
    const ssize_t got = ::read(output_.get(), chunk, sizeof chunk);
    if (got > 0) {
      buffer_.append(chunk, static_cast<std::size_t>(got));
      continue;
    }
    if (got == 0) {
      at_end_ = true;
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return infrastructure(fmt::format("its output cannot be read: {}", std::strerror(errno)));
    if (deadline.over()) return infrastructure("no line from it within " + format_duration(timeout));
    pollfd ready{output_.get(), POLLIN, 0};
    ::poll(&ready, 1, deadline.left_ms());
  }
}

}  // namespace shaketable

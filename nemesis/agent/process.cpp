#include "nemesis/agent/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "nemesis/agent/protocol.h"
#include "nemesis/agent/system.h"

namespace shaketable::agent {
namespace {

constexpr std::size_t kOutputBytesMax = 16 << 20;

int to_code(int status) {
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : -1;
}

std::optional<rlimit> lock_limit_found;

// In the child, between fork and exec.
void become(Kin kin) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int number : {SIGPIPE, SIGHUP, SIGINT, SIGTERM, SIGCHLD}) signal(number, SIG_DFL);
  if (kin == Kin::own) return;
  setsid();
  setpriority(PRIO_PROCESS, 0, 0);
  if (lock_limit_found) setrlimit(RLIMIT_MEMLOCK, &*lock_limit_found);
  if (const int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC); file >= 0) {
    (void)!write(file, "0", 1);
    close(file);
  }
}

[[noreturn]] void exec(const std::vector<std::string>& arguments) {
  std::vector<char*> pointers;
  for (const std::string& argument : arguments) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  execvp(pointers[0], pointers.data());
  const std::string why = arguments[0] + ": " + std::strerror(errno) + "\n";
  (void)!write(2, why.data(), why.size());
  _exit(127);
}

// Reaps the child within the time; nullopt when it goes on.
std::optional<int> reap(pid_t pid, Nanos timeout) {
  const Nanos deadline = raw_now() + timeout;
  int descriptor = -1;
  std::optional<int> code;
  while (true) {
    int status = 0;
    const pid_t got = waitpid(pid, &status, WNOHANG);
    if (got == pid) code = to_code(status);
    if (got < 0 && errno != EINTR) code = -1;
    const Nanos left = deadline - raw_now();
    if (code || left <= Nanos(0)) break;
    if (descriptor < 0) descriptor = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
    if (descriptor >= 0) {
      pollfd waiting{descriptor, POLLIN, 0};
      poll(&waiting, 1, static_cast<int>(std::min<Nanos>(left, std::chrono::milliseconds(100)).count() / 1'000'000));
    } else {
      usleep(300);  // a kernel before 5.3
    }
  }
  if (descriptor >= 0) close(descriptor);
  return code;
}

bool drain(int descriptor, std::string& text) {
  char buffer[65536];
  const ssize_t got = read(descriptor, buffer, sizeof buffer);
  if (got < 0) return errno == EINTR || errno == EAGAIN;
  if (got == 0) return false;
  if (text.size() < kOutputBytesMax) text.append(buffer, static_cast<std::size_t>(got));
  return true;
}

}  // namespace

bool lift_lock_limit() {
  rlimit found{};
  const rlimit none{RLIM_INFINITY, RLIM_INFINITY};
  if (getrlimit(RLIMIT_MEMLOCK, &found) != 0 || setrlimit(RLIMIT_MEMLOCK, &none) != 0) return false;
  lock_limit_found = found;
  return true;
}

std::string to_text(const ProcessName& process) {
  return std::to_string(process.pid) + ":" + std::to_string(process.start);
}

std::optional<ProcessName> to_process(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto pid = to_number(text.substr(0, colon));
  const auto start = to_number(text.substr(colon + 1));
  if (!pid || !start || *pid <= 1 || *start < 0) return std::nullopt;
  return ProcessName{static_cast<pid_t>(*pid), static_cast<std::uint64_t>(*start)};
}

std::string to_text(const std::vector<ProcessName>& processes) {
  std::string out;
  for (const ProcessName& process : processes) out += (out.empty() ? "" : " ") + to_text(process);
  return out;
}

std::vector<ProcessName> to_processes(std::string_view text) {
  std::vector<ProcessName> out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (const auto process = to_process(text.substr(0, end))) out.push_back(*process);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::optional<ProcessState> look_at(pid_t pid) {
  const auto text = read_file("/proc/" + std::to_string(pid) + "/stat");
  if (!text) return std::nullopt;
  // "pid (command) state …": a command may hold blanks and brackets.
  const std::size_t open = text->find('('), close = text->rfind(')');
  if (open == std::string::npos || close == std::string::npos || close + 2 >= text->size()) return std::nullopt;
  ProcessState out;
  out.command = text->substr(open + 1, close - open - 1);
  out.state = (*text)[close + 2];
  std::size_t at = close + 2;
  for (int i = 3; i < 22; ++i) {
    at = text->find(' ', at);
    if (at == std::string::npos) return std::nullopt;
    ++at;
  }
  std::from_chars(text->data() + at, text->data() + text->size(), out.start);
  return out;
}

bool alive(const ProcessName& process) {
  if (process.pid <= 1) return false;
  const auto found = look_at(process.pid);
  return found && found->start == process.start && found->state != 'Z' && found->state != 'X';
}

ProcessName own_name() {
  const auto found = look_at(getpid());
  return {getpid(), found ? found->start : 0};
}

bool signal_process(const ProcessName& process, int number) {
  return alive(process) && kill(process.pid, number) == 0;
}

std::string Output::describe() const {
  const auto said = lines_of(err.empty() ? out : err);
  const std::string last = said.empty() ? "" : ": " + said.back();
  if (code == -1) return "it did not end in time and was killed" + last;
  if (code > 128) return "killed by signal " + std::to_string(code - 128) + last;
  return "exit code " + std::to_string(code) + last;
}

Output run(const std::vector<std::string>& arguments, std::string_view input, Nanos timeout, Kin kin) {
  Output output;
  int in[2], out[2], err[2];
  if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) {
    output.code = 127;
    output.err = std::string("pipe: ") + std::strerror(errno);
    return output;
  }
  const pid_t child = fork();
  if (child == 0) {
    become(kin);
    if (kin == Kin::own) prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(in[0], 0);
    dup2(out[1], 1);
    dup2(err[1], 2);
    exec(arguments);
  }
  const int fork_error = errno;
  for (const int end : {in[0], out[1], err[1]}) close(end);
  if (child < 0) {
    for (const int end : {in[1], out[0], err[0]}) close(end);
    output.code = 127;
    output.err = std::string("fork: ") + std::strerror(fork_error);
    return output;
  }
  const Nanos deadline = raw_now() + timeout;
  fcntl(in[1], F_SETFL, O_NONBLOCK);
  if (input.empty()) {
    close(in[1]);
    in[1] = -1;
  }
  bool reading_out = true, reading_err = true;
  std::optional<int> code;
  while ((reading_out || reading_err) && raw_now() < deadline) {
    pollfd waiting[3] = {
        {reading_out ? out[0] : -1, POLLIN, 0}, {reading_err ? err[0] : -1, POLLIN, 0}, {in[1], POLLOUT, 0}};
    poll(waiting, 3, 100);
    if (reading_out && waiting[0].revents) reading_out = drain(out[0], output.out);
    if (reading_err && waiting[1].revents) reading_err = drain(err[0], output.err);
    if (in[1] >= 0 && waiting[2].revents) {
      const ssize_t put = write(in[1], input.data(), input.size());
      if (put > 0) input.remove_prefix(static_cast<std::size_t>(put));
      if (input.empty() || (put < 0 && errno != EAGAIN && errno != EINTR)) {
        close(in[1]);
        in[1] = -1;
      }
    }
    // What a script leaves running may hold the streams open: the script itself is what is waited for.
    if (kin == Kin::foreign && !waiting[0].revents && !waiting[1].revents)
      if ((code = reap(child, Nanos(0)))) break;
  }
  if (in[1] >= 0) close(in[1]);
  if (!code) code = reap(child, std::max<Nanos>(deadline - raw_now(), Nanos(0)));
  if (!code) {
    kill(kin == Kin::foreign ? -child : child, SIGKILL);
    reap(child, std::chrono::seconds(2));
  }
  output.code = code.value_or(-1);
  close(out[0]);
  close(err[0]);
  return output;
}

Output run_script(const std::string& script, Nanos timeout) {
  return run({"/bin/sh", "-c", script}, "", timeout, Kin::foreign);
}

Result<std::unique_ptr<WaitingProgram>> WaitingProgram::start(const std::vector<std::string>& arguments) {
  std::unique_ptr<WaitingProgram> program(new WaitingProgram);
  int in[2];
  if (pipe2(in, O_CLOEXEC) != 0) return failure("pipe", errno);
  program->input_ = in[1];
  program->output_ = memfd_create("shaketable-output", MFD_CLOEXEC);
  if (program->output_ < 0) {
    const int why = errno;
    close(in[0]);
    return failure("memfd_create", why);
  }
  const pid_t child = fork();
  if (child == 0) {
    become(Kin::own);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(in[0], 0);
    dup2(program->output_, 1);
    dup2(program->output_, 2);
    exec(arguments);
  }
  const int why = errno;
  close(in[0]);
  if (child < 0) return failure("fork", why);
  fcntl(in[1], F_SETFL, O_NONBLOCK);
  const auto state = look_at(child);
  program->name_ = {child, state ? state->start : 0};
  return program;
}

WaitingProgram::~WaitingProgram() {
  if (input_ >= 0) close(input_);
  if (output_ >= 0) close(output_);
  if (ended_ || name_.pid <= 0) return;
  kill(name_.pid, SIGKILL);
  reap(name_.pid, std::chrono::seconds(2));
}

Result<void> WaitingProgram::feed(std::string_view text, Nanos timeout) {
  return write_to(input_, text, timeout);
}

void WaitingProgram::end_input() {
  if (input_ >= 0) close(input_);
  input_ = -1;
}

int WaitingProgram::wait(Nanos timeout) {
  const auto code = reap(name_.pid, timeout);
  if (!code) return 124;
  ended_ = true;
  return *code;
}

std::string WaitingProgram::said() const {
  std::string text(4096, '\0');
  const ssize_t got = pread(output_, text.data(), text.size(), 0);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

}  // namespace shaketable::agent

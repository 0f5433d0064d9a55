#pragma once
// A lab of a test's own, and looking at what it leaves on the machine.

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <sstream>
#include <thread>

#include "cluster/lab/lab.h"
#include "cluster/lab/plumbing.h"
#include "cluster/lab/record.h"

namespace shaketable::testing {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

inline bool lab_is_possible() {
  if (geteuid() == 0) return true;
  WARN("skipped: the lab needs root");
  return false;
}

inline std::string contents(const std::string& path) {
  return lab::read_file(path).value_or("");
}

// Runs `work` in a child, its stdout and stderr taken; work ends with exec or with the exit code that it returns.
struct Ended {
  int code;
  std::string out;
};
inline Ended in_child(const std::function<int()>& work) {
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    dup2(open("/dev/null", O_RDONLY), 0);
    dup2(ends[1], 1);
    dup2(ends[1], 2);
    const int code = work();
    _exit(code);
  }
  close(ends[1]);
  const lab::Descriptor out(ends[0]);
  Ended ended{-1, ""};
  const auto deadline = std::chrono::steady_clock::now() + 180s;
  for (;;) {
    const auto more = lab::read_some(out.get(), deadline);
    if (!more) kill(child, SIGKILL);
    if (!more || more->empty()) break;
    ended.out += *more;
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  ended.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ended;
}

inline Ended run(const std::vector<std::string>& words) {
  return in_child([&] { return lab::run_program(words).value_or(-1); });
}

inline Ended ssh(const std::string& name, const std::string& node, const std::string& script) {
  return in_child([&] {
    const auto failed = Lab::ssh(name, node, {script});
    dprintf(2, "%s\n", failed.error().message.c_str());
    return 99;
  });
}

// Waits, with a deadline, for what the kernel does in its own time after a kill.
inline bool eventually(const std::function<bool()>& holds) {
  for (const auto deadline = std::chrono::steady_clock::now() + 10s; std::chrono::steady_clock::now() < deadline;
       std::this_thread::sleep_for(10ms))
    if (holds()) return true;
  return holds();
}

inline std::vector<lab::ProcessName> descendants(pid_t of) {
  std::map<pid_t, std::vector<pid_t>> children;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const pid_t pid = static_cast<pid_t>(std::strtol(entry.path().filename().c_str(), nullptr, 10));
    if (pid <= 0) continue;
    const std::string stat = contents(entry.path() / "stat");
    const std::size_t end = stat.rfind(')');
    if (end != std::string::npos)
      children[static_cast<pid_t>(std::strtol(stat.c_str() + end + 4, nullptr, 10))].push_back(pid);
  }
  std::vector<lab::ProcessName> found;
  std::vector<pid_t> open = {of};
  while (!open.empty()) {
    const pid_t pid = open.back();
    open.pop_back();
    if (const auto name = lab::name_process(pid)) found.push_back(*name);
    for (const pid_t child : children[pid]) open.push_back(child);
  }
  return found;
}

// What of a lab could stay behind on this machine. Links and mounts are compared whole: nobody else makes any here.
struct Traces {
  std::string links = run({"ip", "-o", "link"}).out;
  std::string mounts = contents("/proc/self/mountinfo");
  bool operator==(const Traces&) const = default;
};

inline std::vector<std::string> loop_files(const std::string& directory) {
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator("/sys/block")) {
    const std::string file = contents(entry.path() / "loop/backing_file");
    if (file.starts_with(directory)) found.push_back(file);
  }
  return found;
}

// Brings a lab of its own name up and, whatever happens, down.
class TestLab {
 public:
  explicit TestLab(
      int nodes, const std::function<void(LabSpec&)>& change = [](LabSpec&) {}) {
    static int counter = 0;
    LabSpec spec;
    spec.name = fmt::format("test-{}-{}", getpid(), ++counter);
    spec.nodes = nodes;
    change(spec);
    name = spec.name;
    Result<LabStatus> up = Lab::up(spec);
    if (!up) FAIL(up.error().message);
    status = *up;
  }
  ~TestLab() {
    if (auto down = Lab::down(name); !down) WARN(down.error().message);
  }
  std::string name;
  LabStatus status;
};

inline bool is_gone(const LabStatus& lab, const std::string& cgroup, const std::vector<lab::ProcessName>& processes) {
  return std::none_of(processes.begin(), processes.end(), lab::is_alive) && (cgroup.empty() || !fs::exists(cgroup)) &&
         !fs::exists(lab.directory) && loop_files(lab.directory).empty();
}

}  // namespace shaketable::testing

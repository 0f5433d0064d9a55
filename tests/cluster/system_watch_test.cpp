// The watch on processes and logs, on nodes that are this machine: the scripts are run by a real shell, on processes
// and files of the test's own.

#include "cluster/system_watch.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "cluster/system_looks.h"
#include "tests/cluster/scripted_remote.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

namespace {

class Folder {
 public:
  Folder() {
    path_ = (std::filesystem::temp_directory_path() / "shaketable-watch-XXXXXX").string();
    REQUIRE(::mkdtemp(path_.data()));
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

void append(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::app) << text;
}

CommandOutcome run_here(const Command& command) {
  const Folder folder;
  append(folder / "script", command.script);
  FILE* pipe = ::popen(("sh " + (folder / "script") + " 2>&1").c_str(), "r");
  if (!pipe) return not_started("no shell");
  std::string out;
  char buffer[4096];
  for (std::size_t n; (n = ::fread(buffer, 1, sizeof buffer, pipe)) > 0;) out.append(buffer, n);
  const int status = ::pclose(pipe);
  return done(out, WIFEXITED(status) ? WEXITSTATUS(status) : 255);
}

// A process of the test's own with children of its own, killed and reaped at the end. With `through_another` each child
// is that of another process, which is the server's and is not listed.
class Server {
 public:
  explicit Server(int children, bool through_another = false) {
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      for (int i = 0; i < children; ++i) {
        if (through_another) {
          if (::fork() != 0) continue;
          ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        }
        const pid_t child = ::fork();
        if (child == 0)
          for (;;) ::pause();
        (void)!::write(ready[1], &child, sizeof child);
        if (through_another) break;
      }
      for (;;) ::pause();
    }
    for (int i = 0; i < children; ++i) {
      pid_t child = 0;
      REQUIRE(::read(ready[0], &child, sizeof child) == sizeof child);
      children_.push_back(child);
    }
    ::close(ready[0]);
    ::close(ready[1]);
  }
  ~Server() {
    for (const pid_t child : children_) ::kill(child, SIGKILL);
    end();
  }
  void end() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  std::string pids() const {
    std::string out = std::to_string(pid_) + "\n";
    for (const pid_t child : children_) out += std::to_string(child) + "\n";
    return out;
  }
  pid_t child(std::size_t i) const { return children_.at(i); }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = 0;
  std::vector<pid_t> children_;
};

SystemSpec spec_in(const Folder& folder) {
  SystemSpec spec;
  spec.name = "toy";
  spec.data = "/data/toy";
  spec.log = folder / "toy.log";
  spec.logs = {folder / "*.log"};
  spec.pids = "cat " + (folder / "pids");
  spec.log_findings = {"panic:", "[Cc]orrupt"};
  return spec;
}

std::vector<std::string> told(const SystemWatchReport& report) {
  std::vector<std::string> out;
  for (const SystemEvent& event : report.events)
    out.push_back(std::string(to_string(event.kind)) + " " + event.node + " " + event.what);
  return out;
}

template <class Condition>
void wait_for(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (!condition()) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::sleep_for(5ms);
  }
}

struct Bench {
  Bench() : nodes(scripted_cluster(1)), spec(spec_in(folder)) {
    nodes[0]->on("", [this](const Command& command) {
      CommandOutcome outcome = run_here(command);
      ++looks;
      return outcome;
    });
  }
  // Two looks that began after this was called have ended.
  void two_looks() {
    const int from = looks;
    wait_for([&] { return looks >= from + 3; });
  }
  Folder folder;
  std::atomic<int> looks{0};
  ScriptedCluster nodes;
  SystemSpec spec;
  SteadyClock clock;
  SystemWatchOptions options{.period = 20ms};
};

}  // namespace

TEST_CASE("a process that dies is told with the ends of the logs and a child of it is not") {
  Bench bench;
  append(bench.folder / "toy.log", "ready\n");
  Server server(2);
  append(bench.folder / "pids", server.pids());
  SystemWatch watch(bench.spec, {}, bench.nodes.cluster, bench.clock, bench.options);
  watch.look_before();
  watch.start();
  bench.two_looks();
  ::kill(server.child(0), SIGKILL);
  bench.two_looks();
  const Nanos killed = bench.clock.now();
  append(bench.folder / "toy.log", "what a day\n");
  const std::string name = "process " + std::to_string(server.pid());
  server.end();
  bench.two_looks();
  const SystemWatchReport& report = watch.finish();
  CHECK(report.processes == 1);
  CHECK(report.unwatched.empty());
  REQUIRE(report.events.size() == 1);
  const SystemEvent& event = report.events[0];
  CHECK(event.kind == SystemEvent::Kind::process_died);
  CHECK(event.node == "n1");
  CHECK(event.what.find("(" + name + ") is gone") != std::string::npos);
  CHECK(event.earliest < event.latest);
  CHECK(event.latest > killed);
  const std::string log = bench.folder / "toy.log";
  CHECK(std::vector<std::string>(event.lines.begin(), event.lines.begin() + 2) ==
        std::vector<std::string>{log + ": ready", log + ": what a day"});
}

TEST_CASE("what a child of the system's process started may end without being told") {
  Bench bench;
  Server server(2, true);
  append(bench.folder / "pids", server.pids());
  SystemWatch watch(bench.spec, {}, bench.nodes.cluster, bench.clock, bench.options);
  watch.look_before();
  watch.start();
  bench.two_looks();
  ::kill(server.child(0), SIGKILL);
  bench.two_looks();
  const SystemWatchReport& report = watch.finish();
  CHECK(report.processes == 1);
  CHECK(told(report).empty());
}

TEST_CASE("lines that the system's file names are told once however they came to be there and older ones are not") {
  Bench bench;
  append(bench.folder / "pids", "");
  const std::string log = bench.folder / "toy.log";
  append(log, "panic: of yesterday\nready\n");
  SystemWatch watch(bench.spec, {}, bench.nodes.cluster, bench.clock, bench.options);
  watch.look_before();
  watch.start();
  bench.two_looks();
  append(log, "all is well\nthe index is cor");
  bench.two_looks();
  append(log, "rupted\nnothing else\n");
  bench.two_looks();
  for (int i = 0; i < 40; ++i) append(log, "line " + std::to_string(i) + "\n");
  append(log, "panic: today\n");
  bench.two_looks();
  // Another file, and one that begins anew.
  append(bench.folder / "other.log", "panic: elsewhere\n");
  bench.two_looks();
  std::filesystem::resize_file(log, 0);
  append(log, "panic: anew\n");
  bench.two_looks();
  append(log, "panic: at last");
  const SystemWatchReport& report = watch.finish();
  CHECK(told(report) == std::vector<std::string>{
                            "log-line n1 " + log + ": the index is corrupted", "log-line n1 " + log + ": panic: today",
                            "log-line n1 " + (bench.folder / "other.log") + ": panic: elsewhere",
                            "log-line n1 " + log + ": panic: anew", "log-line n1 " + log + ": panic: at last"});
  CHECK(report.events[1].lines == std::vector<std::string>{"line 36", "line 37", "line 38", "line 39", "panic: today"});
}

TEST_CASE("a node that cannot be reached is said to be unwatched and a script that fails is no death") {
  Bench bench;
  Server server(0);
  append(bench.folder / "pids", server.pids());
  {
    SystemWatch watch(bench.spec, {}, bench.nodes.cluster, bench.clock, bench.options);
    watch.look_before();
    watch.start();
    bench.two_looks();
    std::filesystem::remove(bench.folder / "pids");
    bench.two_looks();
    CHECK(watch.finish().events.empty());
  }
  bench.nodes[0]->unreachable("no route");
  SystemWatch watch(bench.spec, {}, bench.nodes.cluster, bench.clock, bench.options);
  watch.look_before();
  watch.start();
  CHECK(watch.finish().unwatched == std::vector<std::string>{"n1: not started: no route"});
}

TEST_CASE("core files that were not there before are told") {
  Bench bench;
  append(bench.folder / "pids", "");
  // A place that is always looked at cannot be the test's own, so the answer is made up.
  bench.nodes[0]->on("core_pattern", done("S\nK\tcore\nU\t10.5\nC\t/var/crash/old.crash\n"));
  SystemWatch watch(bench.spec, {}, bench.nodes.cluster, bench.clock, bench.options);
  watch.look_before();
  watch.start();
  wait_for([&] { return bench.nodes[0]->commands().size() > 3; });
  bench.nodes[0]->on("core_pattern", done("S\nK\tcore\nU\t11\nC\t/var/crash/old.crash\nC\t/var/crash/new.crash\n"
                                          "O\t3\t/sys/fs/cgroup/memory.events\n"));
  const auto asked = bench.nodes[0]->commands().size();
  wait_for([&] { return bench.nodes[0]->commands().size() > asked + 2; });
  bench.nodes[0]->on("core_pattern", done("S\nO\t5\t/sys/fs/cgroup/memory.events\n"));
  CHECK(told(watch.finish()) ==
        std::vector<std::string>{
            "core-dump n1 /var/crash/new.crash",
            "oom-kill n1 the kernel killed 2 of its processes for want of memory (/sys/fs/cgroup/memory.events)"});
}

TEST_CASE("where core files lie follows the kernel's pattern") {
  using system_looks::core_globs;
  const std::vector<std::string> always = {"/var/lib/systemd/coredump/core.*", "/var/crash/*.crash"};
  const auto more = [&](std::vector<std::string> others) {
    std::vector<std::string> all = always;
    all.insert(all.end(), others.begin(), others.end());
    return all;
  };
  const auto plain = [](std::vector<std::string> globs) {
    for (std::string& glob : globs) std::erase(glob, '\'');
    return globs;
  };
  CHECK(core_globs("|/usr/lib/systemd/systemd-coredump %P", {"/data"}) == always);
  CHECK(core_globs("", {"/data"}) == always);
  CHECK(plain(core_globs("core", {"/data", "/"})) ==
        more({"/data/core", "/data/core.[0-9]*", "//core", "//core.[0-9]*"}));
  CHECK(plain(core_globs("/cores/%e.%p.core", {"/data"})) == more({"/cores/*.*.core"}));
  CHECK(core_globs("/cores/%p", {"/data"}) == always);  // it would be every file there
  CHECK(core_globs("%e%p", {"/data"}) == always);
}

TEST_CASE("what the kernel said before the watch began says nothing about a death") {
  const std::string output =
      "/var/log/x: bye\nkernel: [  100.5] Out of memory: Killed process 7 (toy)\nkernel: [  300.25] toy[9]: segfault\n";
  const auto later = system_looks::parse_evidence(output, 200);
  CHECK(later.lines == std::vector<std::string>{"/var/log/x: bye", "kernel: [  300.25] toy[9]: segfault"});
  CHECK_FALSE(later.out_of_memory);
  CHECK(system_looks::parse_evidence(output, 50).out_of_memory);
}

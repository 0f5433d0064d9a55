// The scripts that System sends, with real processes and real directories behind a real sshd.

#include "cluster/system.h"

#include <catch2/catch.hpp>
#include <csignal>

#include "cluster/node.h"
#include "cluster/system_scripts.h"
#include "tests/cluster/ssh/own_sshd.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

namespace {

// A "server" that sleeps; its place is the test's own folder.
SystemSpec sleeper(const std::string& folder) {
  SystemSpec spec;
  spec.name = "test-sleeper-" + std::to_string(::getpid());
  spec.data = folder + "/deep/data";
  spec.log = folder + "/log/server.log";
  spec.logs = {folder + "/log/*.log"};
  spec.files[folder + "/conf/a file"] = "{{node}}\n";
  spec.start = "setsid sh -c 'while :; do sleep 300; done' </dev/null >>{{log}} 2>&1 & echo $! >" + folder +
               "/pid; echo started >>{{log}}";
  spec.stop = "kill $(cat " + folder + "/pid); for p in $(cat " + folder +
              "/pid); do while [ -d /proc/$p ]; do sleep 0.01; done; done";
  // Its own shell and sshd are in the answer on purpose: they must not be touched.
  spec.pids = "echo 1 $$ $PPID; pgrep -x sshd; cat " + folder + "/pid 2>/dev/null";
  spec.teardown = "rm -f " + folder + "/pid";
  return spec;
}

std::string error_of(const Result<void>& result) {
  return result ? "fine" : result.error().message;
}

struct Fixture {
  OwnSshd sshd;
  Folder folder;
  Cluster cluster = make_cluster({sshd.node()});
  SystemSpec spec = sleeper(folder.path());
  System system{spec, cluster, true, {}};
  ~Fixture() {
    (void)system.kill({"n1"});
    std::error_code ignored;
    fs::remove("/var/lib/shaketable/data-of-" + spec.name, ignored);
    fs::remove_all("/run/shaketable/" + spec.name, ignored);
  }
};

}  // namespace

TEST_CASE("A real process is started, found, paused, resumed, killed and stopped", "[root]") {
  if (::getuid() != 0) {
    WARN("skipped: System keeps its marks in /var/lib, which needs root");
    return;
  }
  Fixture f;
  REQUIRE(error_of(f.system.set_up()) == "fine");
  CHECK(read_file(f.folder / "conf/a file") == "n1\n");
  CHECK(f.system.processes({"n1"}).value().empty());
  REQUIRE(error_of(f.system.start({"n1"})) == "fine");

  auto processes = f.system.processes({"n1"}).value();
  REQUIRE(processes.size() == 1);
  CHECK(processes[0].command == "sh");
  CHECK(processes[0].start_ticks > 0);
  CHECK(f.system.health().front().healthy);

  REQUIRE(error_of(f.system.pause({"n1"})) == "fine");
  CHECK(f.system.processes({"n1"}).value()[0].state == 'T');
  REQUIRE(error_of(f.system.resume({"n1"})) == "fine");
  CHECK(f.system.processes({"n1"}).value()[0].state != 'T');

  REQUIRE(error_of(f.system.pause({"n1"})) == "fine");
  System another(f.spec, f.cluster, true, {});  // a controller that knows nothing of the pause
  REQUIRE(error_of(another.resume({"n1"})) == "fine");
  CHECK(f.system.processes({"n1"}).value()[0].state != 'T');

  REQUIRE(error_of(f.system.pause({"n1"})) == "fine");
  REQUIRE(error_of(f.system.kill({"n1"})) == "fine");  // KILL reaches a stopped process
  CHECK_FALSE(is_alive(static_cast<pid_t>(processes[0].pid)));
  CHECK(f.system.health().front().why == "it does not run");
  CHECK(error_of(f.system.kill({"n1"})) == "fine");

  REQUIRE(error_of(f.system.start({"n1"})) == "fine");
  const auto again = f.system.processes({"n1"}).value();
  REQUIRE(again.size() == 1);
  CHECK(error_of(f.system.stop({"n1"})) == "fine");
  CHECK_FALSE(is_alive(static_cast<pid_t>(again[0].pid)));

  const Folder logs;
  CHECK(f.system.collect_logs(logs.path(), 8).empty());
  CHECK(read_file(logs / "n1/server.log") == "started\n");
}

TEST_CASE("A pid that went to another process is left alone", "[root]") {
  if (::getuid() != 0) return;
  Fixture f;
  REQUIRE(error_of(f.system.set_up()) == "fine");
  REQUIRE(error_of(f.system.start({"n1"})) == "fine");
  const auto process = f.system.processes({"n1"}).value()[0];
  ProcessId earlier = process;  // the same number, another start
  earlier.start_ticks -= 1;
  for (const char* what : {"kill", "pause"}) {
    Command command;
    command.script = system_scripts::signal_processes(what, {earlier});
    CHECK(f.cluster.node(0).run(command).get().succeeded());
    const auto now = f.system.processes({"n1"}).value();
    REQUIRE(now.size() == 1);
    CHECK(now[0].pid == process.pid);
    CHECK(now[0].start_ticks == process.start_ticks);
    CHECK(now[0].state != 'T');
  }
  CHECK(is_alive(static_cast<pid_t>(process.pid)));
}

TEST_CASE("Data is emptied only where shaketable put it", "[root]") {
  if (::getuid() != 0) return;
  Fixture f;
  const std::string data = f.folder / "deep/data";
  SECTION("content of somebody else") {
    fs::create_directories(data);
    write_file(data + "/precious", "x");
    const std::string error = error_of(f.system.set_up());
    CHECK(error.find("refusing to empty " + data + ": it holds what shaketable did not put there") !=
          std::string::npos);
    CHECK(read_file(data + "/precious") == "x");
  }
  SECTION("our own of an earlier run, a running process included") {
    REQUIRE(error_of(f.system.set_up()) == "fine");
    REQUIRE(error_of(f.system.start({"n1"})) == "fine");
    const auto process = f.system.processes({"n1"}).value()[0];
    write_file(data + "/.hidden", "x");
    fs::create_directories(data + "/sub/dir");
    write_file(f.folder / "log/server.log", "of the earlier run");
    System next(f.spec, f.cluster, true, {});
    REQUIRE(error_of(next.set_up()) == "fine");
    CHECK(fs::is_empty(data));
    CHECK(read_file(f.folder / "log/server.log").empty());
    CHECK_FALSE(is_alive(static_cast<pid_t>(process.pid)));
    fs::create_directories(data + "/sub");
    REQUIRE(error_of(next.tear_down()) == "fine");
    CHECK(fs::is_empty(data));
  }
  SECTION("a link that leads elsewhere") {
    fs::create_directories(f.folder / "deep");
    fs::create_directories(f.folder / "victim");
    write_file(f.folder / "victim/precious", "x");
    fs::create_directory_symlink(f.folder / "victim", data);
    CHECK(error_of(f.system.set_up()).find("refusing to empty " + (f.folder / "victim")) != std::string::npos);
    CHECK(read_file(f.folder / "victim/precious") == "x");
    fs::remove(data);
    fs::create_directory_symlink("/", data);
    CHECK(error_of(f.system.set_up()).find("refusing to empty /") != std::string::npos);
  }
}

// Every kind that needs no node of its own, on processes that this test starts.

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <map>

#include "nemesis/agent/kind.h"
#include "nemesis/agent/process.h"
#include "nemesis/agent/processes.h"
#include "nemesis/agent/system.h"
#include "nemesis/agent/undo.h"

using namespace shaketable;
using namespace shaketable::agent;
using namespace std::chrono_literals;

namespace {

// A daemon that is nobody's child, killed at the end.
struct Daemon {
  Daemon() : file("/tmp/shaketable-kinds-" + std::to_string(getpid())) {
    start = "sleep 300 </dev/null >/dev/null 2>&1 & echo $! >" + file;
    pids = "pid=$(cat " + file + ") && kill -0 $pid 2>/dev/null && echo $pid; true";
    REQUIRE(run_script(start, 5s).code == 0);
    REQUIRE(find_processes(pids).has_value());
  }
  ~Daemon() {
    if (const auto found = find_processes(pids))
      for (const ProcessName& process : *found) signal_process(process, SIGKILL);
    unlink(file.c_str());
  }
  ProcessName name() const { return find_processes(pids).value().front(); }
  char state() const { return look_at(name().pid)->state; }
  std::string file, start, pids;
};

Entry entry_of(const std::string& kind, Fields fields) {
  Entry entry;
  entry.key = "test." + std::to_string(getpid());
  entry.kind = kind;
  entry.fault = 1;
  entry.boot = boot_id();
  entry.fields = std::move(fields);
  return entry;
}

struct Applied {
  Applied(const std::string& kind_name, Fields fields)
      : kind(*find_kind(kind_name)), entry(entry_of(kind_name, fields)) {
    auto looked = kind.look(entry);
    if (!looked) FAIL(looked.error().message);
    auto armed = kind.arm(entry);
    if (!armed) FAIL(armed.error().message);
    // The journal is all that an undo has.
    entry = parse_entry(entry.key, to_text(entry)).value();
    if (auto done = (*armed)->commit(); !done) FAIL(done.error().message);
    entry.state = EntryState::applied;
  }
  std::string proved(const std::string& name) const { return std::string(field(kind.prove(entry), name)); }
  void undo() const {
    const auto undone = kind.undo(entry);
    if (!undone) FAIL(undone.error().message);
    CHECK(undone->missing.empty());
  }
  const Kind& kind;
  Entry entry;
};

std::string refusal(const std::string& kind, Fields fields) {
  Entry entry = entry_of(kind, std::move(fields));
  const auto looked = find_kind(kind)->look(entry);
  return looked ? "" : looked.error().message;
}

}  // namespace

TEST_CASE("pause: stands still and goes on and undone twice is as good as once") {
  Daemon daemon;
  const Applied pause("process", {{"action", "pause"}, {"pids", daemon.pids}});
  CHECK(daemon.state() == 'T');
  CHECK(pause.proved("bit") == "yes");
  CHECK(refusal("process", {{"action", "pause"}, {"pids", daemon.pids}}).find("stands still already") !=
        std::string::npos);
  pause.undo();
  CHECK(daemon.state() != 'T');
  CHECK(pause.proved("bit") == "no");
  pause.undo();
}

TEST_CASE("pause: a process of the same pid and another start is never touched") {
  Daemon daemon;
  Entry entry = entry_of("process", {{"action", "pause"}});
  ProcessName other = daemon.name();
  ++other.start;
  set_field(entry.fields, "processes", to_text(std::vector<ProcessName>{other}));
  auto armed = find_kind("process")->arm(entry);
  REQUIRE(armed.has_value());
  CHECK_FALSE((*armed)->commit().has_value());
  CHECK(daemon.state() != 'T');
}

TEST_CASE("kill and stop: gone and started again by the undo") {
  Daemon daemon;
  const std::string action = GENERATE("kill", "stop");
  const ProcessName before = daemon.name();
  const Applied kill("process", {{"action", action}, {"pids", daemon.pids}, {"start", daemon.start}});
  for (int i = 0; i < 200 && alive(before); ++i) usleep(10'000);
  CHECK_FALSE(alive(before));
  CHECK(kill.proved("bit") == "yes");
  kill.undo();
  CHECK_FALSE(daemon.name() == before);
  const ProcessName after = daemon.name();
  kill.undo();  // it runs: nothing is started
  CHECK(daemon.name() == after);
}

TEST_CASE("restart: another process at once") {
  Daemon daemon;
  const ProcessName before = daemon.name();
  const Applied restart("process", {{"action", "restart"}, {"pids", daemon.pids}, {"start", daemon.start}});
  CHECK_FALSE(daemon.name() == before);
  CHECK(restart.proved("bit") == "yes");
  restart.undo();
}

TEST_CASE("kill: planned and never committed leaves the process alone") {
  Daemon daemon;
  Entry entry = entry_of("process", {{"action", "kill"}, {"pids", daemon.pids}, {"start", daemon.start}});
  const ProcessName before = daemon.name();
  REQUIRE(find_kind("process")->look(entry).has_value());
  REQUIRE(find_kind("process")->undo(entry).has_value());
  CHECK(daemon.name() == before);
}

TEST_CASE("kill: a start that fails is not clean") {
  Daemon daemon;
  const Applied kill("process", {{"action", "kill"}, {"pids", daemon.pids}, {"start", "echo no room >&2; exit 1"}});
  const auto undone = kill.kind.undo(kill.entry);
  REQUIRE_FALSE(undone.has_value());
  CHECK(undone.error().message == "it could not be started again: exit code 1: no room");
}

TEST_CASE("processes: what cannot be done is refused with the reason") {
  CHECK(refusal("process", {{"action", "pause"}, {"pids", "true"}}).find("it does not run here") != std::string::npos);
  CHECK(refusal("process", {{"action", "pause"}, {"pids", "echo 1"}}).find("it does not run here") !=
        std::string::npos);
  CHECK(refusal("process", {{"action", "kill"}, {"pids", "echo 2"}}).find("how to start it") != std::string::npos);
  CHECK(refusal("process", {{"action", "pause"}, {"pids", "echo lost >&2; exit 3"}}).find("exit code 3: lost") !=
        std::string::npos);
  CHECK(refusal("process", {{"action", "maim"}, {"pids", "echo 2"}}).find("maim") != std::string::npos);
}

TEST_CASE("freeze: no CPU time thawed and back in its group or refused with the reason") {
  Daemon daemon;
  daemon.start = "(while :; do :; done) </dev/null >/dev/null 2>&1 & echo $! >" + daemon.file;
  signal_process(daemon.name(), SIGKILL);
  REQUIRE(run_script(daemon.start, 5s).code == 0);
  Entry entry = entry_of("freeze", {{"pids", daemon.pids}});
  if (const auto looked = find_kind("freeze")->look(entry); !looked) {
    CHECK(looked.error().message.find("group") != std::string::npos);
    WARN("freeze was refused: " << looked.error().message);
    return;
  }
  if (geteuid() != 0) {
    WARN("skipped: freezing needs root");
    return;
  }
  const std::string home = read_file("/proc/" + std::to_string(daemon.name().pid) + "/cgroup").value();
  const Applied freeze("freeze", {{"pids", daemon.pids}});
  CHECK(freeze.proved("bit") == "yes");
  const auto used = [&] { return read_file("/proc/" + std::to_string(daemon.name().pid) + "/schedstat").value(); };
  const std::string before = used();
  usleep(300'000);
  CHECK(used() == before);
  freeze.undo();
  CHECK(read_file("/proc/" + std::to_string(daemon.name().pid) + "/cgroup").value() == home);
  CHECK_FALSE(exists(std::string(field(freeze.entry.fields, "groups"))));
  CHECK(freeze.proved("bit") == "no");
}

// Only looked at: this is the machine's own clock.
TEST_CASE("clock: refused under the controller's own kernel") {
  const std::string why = refusal("clock", {{"offset", "1000000000"}, {"controller_boot", boot_id()}});
  CHECK(
      (why.find("the controller's own kernel") != std::string::npos || why.find("CAP_SYS_TIME") != std::string::npos));
  CHECK(refusal("clock", {{"ppm", "0"}, {"controller_boot", boot_id()}}).find("ppm") != std::string::npos);
}

TEST_CASE("fd-limit: no more files and the old limit again") {
  Daemon daemon;
  const pid_t pid = daemon.name().pid;
  rlimit before{}, now{};
  REQUIRE(prlimit(pid, RLIMIT_NOFILE, nullptr, &before) == 0);
  const Applied limit("fd-limit", {{"pids", daemon.pids}});
  REQUIRE(prlimit(pid, RLIMIT_NOFILE, nullptr, &now) == 0);
  rlim_t next = 0;  // the number that its next file would get; it may have inherited some from whoever runs this test
  while (exists("/proc/" + std::to_string(pid) + "/fd/" + std::to_string(next))) ++next;
  CHECK(next >= 3);
  CHECK(now.rlim_cur == next);
  CHECK(limit.proved("bit") == "yes");
  limit.undo();
  REQUIRE(prlimit(pid, RLIMIT_NOFILE, nullptr, &now) == 0);
  CHECK(now.rlim_cur == before.rlim_cur);
  CHECK(limit.proved("bit") == "no");
}

TEST_CASE("load: CPU time is taken by as many processes as asked") {
  const Applied load("load", {{"what", "cpu"}, {"workers", "2"}});
  const auto processes = to_processes(field(load.entry.fields, "processes"));
  REQUIRE(processes.size() == 2);
  for (int i = 0; i < 500 && load.proved("bit") != "yes"; ++i) usleep(10'000);
  CHECK(load.proved("bit") == "yes");
  CHECK(load.proved("alive") == "2");
  load.undo();
  for (const ProcessName& process : processes) CHECK_FALSE(alive(process));
}

TEST_CASE("load: memory is held and more than there is is refused") {
  const Applied load("load", {{"what", "memory"}, {"bytes", "33554432"}});
  for (int i = 0; i < 500 && load.proved("bit") != "yes"; ++i) usleep(10'000);
  CHECK(load.proved("bit") == "yes");
  load.undo();
  CHECK(load.proved("alive") == "0");
  CHECK(refusal("load", {{"what", "memory"}, {"bytes", "1125899906842624"}}).find("MiB left") != std::string::npos);
}

TEST_CASE("load: what was armed and never committed ends by itself") {
  Entry entry = entry_of("load", {{"what", "cpu"}, {"workers", "1"}});
  std::vector<ProcessName> processes;
  {
    auto armed = find_kind("load")->arm(entry);
    REQUIRE(armed.has_value());
    processes = to_processes(field(entry.fields, "processes"));
    REQUIRE(processes.size() == 1);
    CHECK(alive(processes[0]));
  }
  for (int i = 0; i < 500 && alive(processes[0]); ++i) usleep(10'000);
  CHECK_FALSE(alive(processes[0]));
}

namespace {

struct Files {
  Files() : directory("/tmp/shaketable-damage-" + std::to_string(getpid())) {
    REQUIRE(make_directory(directory, 0700).has_value());
    for (const char* name : {"a", "b", "c"}) {
      std::string content;
      for (int i = 0; i < 3000; ++i) content += name + std::to_string(i) + "\n";
      REQUIRE(write_file(directory + "/" + name, content, false).has_value());
      before[name] = content;
    }
  }
  ~Files() { remove_tree(directory); }
  Fields asked(const std::string& action, const std::string& count = "1") const {
    return {{"action", action}, {"list", "ls -d " + directory + "/*"},
            {"count", count},   {"bytes", "512"},
            {"flips", "3"},     {"seed", "12345"}};
  }
  std::vector<std::string> changed() const {
    std::vector<std::string> out;
    for (const auto& [name, content] : before)
      if (read_file(directory + "/" + name).value() != content) out.push_back(name);
    return out;
  }
  std::string directory;
  std::map<std::string, std::string> before;
};

}  // namespace

TEST_CASE("damage: one file of three changes and is what it was again") {
  const std::string action = GENERATE("truncate", "bitflip", "copy-chunk");
  INFO(action);
  const Files files;
  const Applied damage("damage", files.asked(action));
  const auto changed = files.changed();
  REQUIRE(changed.size() == 1);
  const std::string& before = files.before.at(changed[0]);
  const std::string now = read_file(files.directory + "/" + changed[0]).value();
  std::size_t differing = 0;
  for (std::size_t i = 0; i < std::min(before.size(), now.size()); ++i) differing += before[i] != now[i];
  if (action == "truncate") {
    CHECK(now.size() == before.size() - 512);
    CHECK(differing == 0);
  } else {
    CHECK(now.size() == before.size());
    CHECK(differing > 0);
    CHECK(differing <= (action == "bitflip" ? 3 : 512));
  }
  CHECK(damage.proved("bit") == "yes");
  CHECK(damage.proved("still_there") == damage.proved("spots"));
  CHECK(damage.proved("file") == files.directory + "/" + changed[0]);
  damage.undo();
  CHECK(files.changed().empty());
  CHECK(damage.proved("still_there") == "0");
  damage.undo();
  CHECK(files.changed().empty());
}

TEST_CASE("damage: the same seed hits the same place") {
  const Files files;
  Entry first = entry_of("damage", files.asked("bitflip")), second = entry_of("damage", files.asked("bitflip"));
  REQUIRE(find_kind("damage")->look(first).has_value());
  REQUIRE(find_kind("damage")->look(second).has_value());
  CHECK(first.fields == second.fields);
}

TEST_CASE("damage: what its owner has written since is left alone") {
  const Files files;
  const std::string action = GENERATE("truncate", "bitflip");
  const Applied damage("damage", files.asked(action, "3"));
  CHECK(files.changed().size() == 3);
  const std::string path = files.directory + "/b";
  SECTION("written over") {
    REQUIRE(run_script("echo new >" + path, 5s).code == 0);
  }
  SECTION("replaced") {
    REQUIRE(run_script("echo new >" + path + "2 && mv " + path + "2 " + path, 5s).code == 0);
  }
  SECTION("gone") {
    REQUIRE(unlink(path.c_str()) == 0);
  }
  const auto undone = damage.kind.undo(damage.entry);
  REQUIRE(undone.has_value());
  CHECK(undone->note.find("written by their owner since") != std::string::npos);
  CHECK(read_file(files.directory + "/a").value() == files.before.at("a"));
  CHECK(read_file(files.directory + "/c").value() == files.before.at("c"));
  CHECK(read_file(path).value_or("gone") == (exists(path) ? "new\n" : "gone"));
}

TEST_CASE("damage: planned and never committed changes nothing") {
  const Files files;
  Entry entry = entry_of("damage", files.asked("truncate"));
  REQUIRE(find_kind("damage")->look(entry).has_value());
  REQUIRE(find_kind("damage")->undo(entry).has_value());
  CHECK(files.changed().empty());
  CHECK(refusal("damage", {{"action", "truncate"}, {"list", "true"}}).find("no file with content") !=
        std::string::npos);
}

TEST_CASE("command: apply and proof and undo") {
  const std::string file = "/tmp/shaketable-command-" + std::to_string(getpid());
  const Applied command("command", {{"apply", "echo x >" + file}, {"undo", "rm -f " + file}, {"proof", "cat " + file}});
  CHECK(command.proved("bit") == "yes");
  CHECK(command.proved("said") == "x");
  command.undo();
  CHECK(command.proved("bit") == "no");
  CHECK_FALSE(exists(file));
  CHECK(refusal("command", {{"apply", "true"}, {"undo", ""}}) == "a command needs apply and undo");
  Entry failing = entry_of("command", {{"apply", "echo why >&2; exit 4"}, {"undo", "false"}});
  CHECK((*find_kind("command")->arm(failing))->commit().error().message == "apply: exit code 4: why");
  CHECK_FALSE(find_kind("command")->undo(failing).has_value());
}

TEST_CASE("command: an undo has the time that its change says") {
  Entry slow = entry_of("command", {{"apply", "true"}, {"undo", "sleep 1"}, {"undo_limit", "100000000"}});
  CHECK_FALSE(find_kind("command")->undo(slow).has_value());
  set_field(slow.fields, "undo_limit", "120000000000");
  CHECK(find_kind("command")->undo(parse_entry(slow.key, to_text(slow)).value()).has_value());
}

TEST_CASE("a system that ended of a fault is started again and the report says so") {
  Daemon daemon;
  Entry entry =
      entry_of("load", {{"what", "cpu"}, {"workers", "1"}, {"ended.pids", daemon.pids}, {"ended.start", daemon.start}});
  note_running(entry);
  entry.state = EntryState::applied;
  const ProcessName before = daemon.name();
  SECTION("it runs") {
    CHECK(undo_entry(entry)->note.empty());
    CHECK(daemon.name() == before);
    return;
  }
  signal_process(before, SIGKILL);
  for (int i = 0; i < 200 && alive(before); ++i) usleep(10'000);
  SECTION("it ended") {
    CHECK(undo_entry(entry)->note.find("was started again") != std::string::npos);
    CHECK_FALSE(daemon.name() == before);
  }
  SECTION("it ended and cannot be started") {
    set_field(entry.fields, "ended.start", "echo broken >&2; exit 1");
    CHECK(undo_entry(entry)->note.find("could not be started again: exit code 1: broken") != std::string::npos);
  }
  SECTION("it did not run before either") {
    set_field(entry.fields, "ended.running", "no");
    CHECK(undo_entry(entry)->note.find("started again") == std::string::npos);
    CHECK_FALSE(find_processes(daemon.pids).has_value());
  }
}

TEST_CASE("what outlives a reboot") {
  CHECK_FALSE(find_kind("firewall")->survives_reboot(entry_of("firewall", {})));
  CHECK_FALSE(find_kind("process")->survives_reboot(entry_of("process", {{"action", "pause"}})));
  CHECK(find_kind("process")->survives_reboot(entry_of("process", {{"action", "kill"}})));
  CHECK(find_kind("fill")->survives_reboot(entry_of("fill", {})));
  CHECK_FALSE(find_kind("load")->survives_reboot(entry_of("load", {})));
  CHECK(find_kind("of a newer version") == nullptr);
}

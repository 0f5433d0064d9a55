// Time services, with processes that only bear their names; and the processes of the agent's own.

#include "nemesis/agent/time_services.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>

#include "nemesis/agent/helper.h"
#include "nemesis/agent/process.h"
#include "nemesis/agent/system.h"

using namespace shaketable;
using namespace shaketable::agent;
using namespace std::chrono_literals;

namespace {

// Processes with the name of a time service; killed at the end.
struct Named {
  explicit Named(const std::string& name) : directory("/tmp/shaketable-time-" + std::to_string(getpid())) {
    std::filesystem::create_directories(directory);
    program = directory + "/" + name;
    std::filesystem::copy_file("/bin/sleep", program);
  }
  ~Named() {
    for (const ProcessName& process : started) signal_process(process, SIGKILL);
    std::filesystem::remove_all(directory);
  }
  ProcessName start() {
    REQUIRE(run_script("'" + program + "' 300 </dev/null >/dev/null 2>&1 & echo $! >" + directory + "/pid", 5s).code ==
            0);
    const auto pid = static_cast<pid_t>(std::stol(*read_file(directory + "/pid")));
    const Nanos deadline = raw_now() + 10s;
    auto state = look_at(pid);
    // Between fork and exec it bears the shell's name.
    while ((!state || program.substr(directory.size() + 1, 15) != state->command) && raw_now() < deadline) {
      usleep(1000);
      state = look_at(pid);
    }
    REQUIRE(state);
    started.push_back({pid, state->start});
    return started.back();
  }
  std::string directory, program;
  std::vector<ProcessName> started;
};

std::vector<TimeService> found(const ProcessName& process) {
  std::vector<TimeService> out = running_time_services();
  std::erase_if(out, [&](const TimeService& service) { return !(service.process == process); });
  return out;
}

char state_of(const ProcessName& process) {
  const auto state = look_at(process.pid);
  return state && state->start == process.start ? state->state : '-';
}

bool comes_to(const ProcessName& process, char wanted) {
  const Nanos deadline = raw_now() + 10s;
  while (state_of(process) != wanted && raw_now() < deadline) usleep(1000);
  return state_of(process) == wanted;
}

}  // namespace

TEST_CASE("a time service is found by its name and stands still and goes on as the same process") {
  Named named("chronyd");
  const ProcessName process = named.start();
  const auto services = found(process);
  REQUIRE(services.size() == 1);
  CHECK(services[0].name == "chronyd");
  // What stands in the journal is all that an undo has.
  const auto kept = to_services(to_text(services));
  REQUIRE(kept.size() == 1);
  CHECK(kept[0].process == process);
  stop(kept);
  CHECK(comes_to(process, 'T'));
  CHECK(standing_still(kept) == 1);
  CHECK(found(process).empty());  // somebody who comes now does not take it for one that runs
  Undone undone;
  put_back(kept, undone);
  CHECK(undone.missing.empty());
  CHECK(undone.note.empty());
  CHECK(standing_still(kept) == 0);
  CHECK(alive(process));
}

TEST_CASE("a time service whose name the kernel has cut is known by what is left of it") {
  Named named("systemd-timesyncd");
  CHECK(found(named.start()).size() == 1);
}

TEST_CASE("a time service that ended is missing unless somebody has started it again") {
  Named named("timemaster");
  const ProcessName process = named.start();
  const auto services = found(process);
  REQUIRE(services.size() == 1);
  stop(services);
  signal_process(process, SIGKILL);
  const Nanos deadline = raw_now() + 10s;
  while (alive(process) && raw_now() < deadline) usleep(1000);
  Undone undone;
  put_back(services, undone);
  CHECK(undone.missing == "the time service timemaster of pid " + std::to_string(process.pid) + " has ended");
  named.start();
  Undone again;
  put_back(services, again);
  CHECK(again.missing.empty());
  CHECK(again.note.find("started again by somebody else") != std::string::npos);
}

TEST_CASE("a helper waits for its word and works and is gone when it is ended") {
  const std::string file = "/tmp/shaketable-helper-" + std::to_string(getpid());
  auto helper = WaitingHelper::start("st-helper", [&] {
    (void)write_file(file, "at work", false).has_value();
    while (true) pause();
  });
  REQUIRE(helper);
  const ProcessName process = (*helper)->name();
  CHECK(alive(process));
  CHECK_FALSE(exists(file));
  REQUIRE((*helper)->go().has_value());
  const Nanos deadline = raw_now() + 10s;
  while (!exists(file) && raw_now() < deadline) usleep(1000);
  CHECK(exists(file));
  unlink(file.c_str());
  helper->reset();  // the agent's end does not end it
  CHECK(alive(process));
  CHECK(end_helpers({process}).value());
  CHECK_FALSE(alive(process));
  CHECK_FALSE(end_helpers({process}).value());
}

TEST_CASE("a helper that was never told to begin ends with the agent though another one was made after it") {
  auto first = WaitingHelper::start("st-helper", [] {
    while (true) pause();
  });
  auto second = WaitingHelper::start("st-helper", [] {
    while (true) pause();
  });
  REQUIRE(first);
  REQUIRE(second);
  const ProcessName process = (*first)->name(), other = (*second)->name();
  first->reset();
  const Nanos deadline = raw_now() + 10s;
  while (alive(process) && raw_now() < deadline) usleep(1000);
  CHECK_FALSE(alive(process));
  CHECK(alive(other));
  second->reset();
  while (alive(other) && raw_now() < deadline) usleep(1000);
  CHECK_FALSE(alive(other));
}

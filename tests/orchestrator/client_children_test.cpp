// Clients as processes, stopped and let go on; also when who stopped them is gone.

#include "orchestrator/client_children.h"

#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <thread>

#include "nemesis/fault.h"
#include "orchestrator/continue_guard.h"
#include "tests/orchestrator/program.h"
#include "workloads/clients/exec.h"
#include "workloads/clients/memory.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

namespace {

template <class Holds>
bool comes_true(Holds holds) {
  for (const auto end = std::chrono::steady_clock::now() + 30s; std::chrono::steady_clock::now() < end;) {
    if (holds()) return true;
    std::this_thread::sleep_for(5ms);
  }
  return holds();
}

bool is_stopped(pid_t pid) {
  const auto state = process_state(pid);
  return state && state->state == 'T';
}

std::unique_ptr<LocalProcess> sleeper() {
  LocalProcessSpec spec;
  spec.arguments = {"sleep", "600"};
  return LocalProcess::start(spec).value();
}

std::vector<ScheduledFault> schedule_of(const std::string& name) {
  ScheduledFault fault;
  fault.fault = name;
  return {fault};
}

}  // namespace

TEST_CASE("children: a worker's process is stopped and answers nothing and goes on") {
  ClientProgram program;
  program.command = {"sh", "-c",
                     "while read -r line; do id=${line#*:}; id=${id%%,*};"
                     "echo \"{\\\"id\\\":$id,\\\"type\\\":\\\"ok\\\",\\\"value\\\":1}\"; done"};
  ClientSettings settings;
  settings.worker = 2;
  settings.processes = std::make_shared<ClientProcesses>();
  const auto client = program_client(program, settings);
  REQUIRE(client->open(20s));
  const auto workers = client_workers(settings.processes);
  CHECK(workers->running() == std::vector<std::size_t>{2});
  CHECK_FALSE(workers->look(0));
  CHECK_FALSE(workers->stop(0, 60s));
  const auto before = workers->look(2);
  REQUIRE(before);
  CHECK(before->asked == 2);  // hello and open
  CHECK(before->answered == 2);

  REQUIRE(workers->stop(2, 60s));
  REQUIRE(comes_true([&] { return is_stopped(before->pid); }));
  std::jthread asking([&] { (void)client->invoke(Name("write"), Value(1), 20s); });
  REQUIRE(comes_true([&] { return workers->look(2)->asked == 3; }));
  CHECK(workers->look(2)->answered == 2);
  CHECK(is_stopped(before->pid));
  REQUIRE(workers->go_on(2));
  CHECK(comes_true([&] { return workers->look(2)->answered == 3; }));
  CHECK(workers->look(2)->pid == before->pid);
}

TEST_CASE("children: a stopped one goes on when who stopped it is killed") {
  const auto child = sleeper();
  const pid_t controller = fork();
  REQUIRE(controller >= 0);
  if (controller == 0) {
    const auto guard = ContinueGuard::start(child->pid(), 600s);
    if (guard) ::kill(-child->pid(), SIGSTOP);
    while (guard) ::pause();
    _exit(1);
  }
  const bool stopped = comes_true([&] { return is_stopped(child->pid()); });
  ::kill(controller, SIGKILL);
  ::waitpid(controller, nullptr, 0);
  REQUIRE(stopped);
  CHECK(comes_true([&] { return !is_stopped(child->pid()); }));
  CHECK_FALSE(child->wait(0s));
}

TEST_CASE("children: a stopped one goes on after the longest time whatever becomes of the stopper") {
  const auto child = sleeper();
  REQUIRE(::kill(-child->pid(), SIGSTOP) == 0);
  REQUIRE(comes_true([&] { return is_stopped(child->pid()); }));
  const auto guard = ContinueGuard::start(child->pid(), 300ms);
  REQUIRE(guard);
  CHECK(comes_true([&] { return !is_stopped(child->pid()); }));
}

TEST_CASE("children: a client whose data is our memory and a worker that is not there are refused before the run") {
  CHECK(check_client_processes(memory_client(), 3, schedule_of("pause")));
  const auto refused = check_client_processes(memory_client(), 3, schedule_of("pause-client"));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::bad_input);
  CHECK(
      refused.error().message ==
      "pause-client needs workers that are processes of their own, and what the client memory keeps is this program's "
      "memory");

  std::vector<ScheduledFault> schedule = schedule_of("pause-client");
  schedule[0].options = Parameters(find_fault("pause-client")->info().parameters);
  const auto why = [&](const std::string& target) {
    schedule[0].options.set("target", std::vector<std::string>{target});
    const auto can = check_client_processes(exec_client(), 3, schedule);
    return can ? "" : can.error().message;
  };
  CHECK(why("worker 2").empty());
  CHECK(why("all").empty());
  CHECK(why("worker 3") == "pause-client: there is no worker 3: the load has 3 workers, counted from 0");
}

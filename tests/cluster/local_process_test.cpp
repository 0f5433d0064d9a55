#include "cluster/local_process.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <filesystem>

using namespace shaketable;
using namespace std::chrono_literals;

namespace {

std::unique_ptr<LocalProcess> start_shell(const std::string& script,
                                          std::map<std::string, std::string> environment = {}) {
  LocalProcessSpec spec;
  spec.arguments = {"sh", "-c", script};
  spec.environment = std::move(environment);
  auto process = LocalProcess::start(spec);
  REQUIRE(process);
  return std::move(*process);
}

bool alive(pid_t pid) {
  return ::kill(pid, 0) == 0;
}

}  // namespace

TEST_CASE("A child answers line by line and says how it ended") {
  auto child = start_shell("while read -r line; do echo \"got $line\"; done; printf last; echo 'no more' >&2; exit 3");
  REQUIRE(child->write("one\ntwo\n", 5s));
  CHECK(child->read_line(5s).value() == "got one");
  CHECK(child->read_line(5s).value() == "got two");
  CHECK(child->read_line(20ms).error().message == "no line from it within 20ms");
  child->close_input();
  CHECK(child->read_line(5s).value() == "last");
  CHECK(child->read_line(5s).error().message == "it ended: exit code 3: no more");
  CHECK(child->wait(0ns)->exit_code == 3);
  CHECK(child->error_output() == "no more\n");
}

TEST_CASE("Death by signal is not an exit code") {
  auto child = start_shell("kill -9 $$");
  const auto exit = child->wait(5s);
  REQUIRE(exit);
  CHECK(exit->signal == SIGKILL);
  CHECK(exit->exit_code == -1);
  CHECK(exit->describe() == "killed by KILL");
}

TEST_CASE("Closing a child's stdin ends it although a sibling was started in between") {
  auto child = start_shell("exec cat");
  auto sibling = start_shell("exec sleep 60");
  child->close_input();
  CHECK(child->wait(5s)->exit_code == 0);
  CHECK_FALSE(sibling->wait(0ns));
}

TEST_CASE("A child that ends early is an error for who writes to it, not a signal") {
  auto child = start_shell("exit 7");
  REQUIRE(child->wait(5s));
  const auto result = child->write(std::string(1 << 20, 'x'), 5s);
  REQUIRE_FALSE(result);
  CHECK(result.error().message == "it does not read: it ended: exit code 7");
}

TEST_CASE("A child that does not read is a timeout") {
  auto child = start_shell("exec sleep 60");
  CHECK(child->write(std::string(1 << 20, 'x'), 50ms).error().message == "it did not read its input within 50ms");
}

TEST_CASE("The child and what it started die with the object") {
  auto child = start_shell("sleep 60 & echo $!; wait");
  const pid_t grandchild = std::stoi(child->read_line(5s).value());
  const pid_t pid = child->pid();
  CHECK(alive(grandchild));
  child.reset();
  CHECK_FALSE(alive(pid));
  // The grandchild is reaped by init, or by nobody at all in a container: a zombie is dead enough.
  std::string state;
  for (int i = 0; i < 500; ++i) {
    auto look = start_shell("cut -d ' ' -f 3 /proc/" + std::to_string(grandchild) + "/stat 2>/dev/null || echo gone");
    state = look->read_line(5s).value();
    if (state == "gone" || state == "Z") break;
  }
  CHECK((state == "gone" || state == "Z"));
}

TEST_CASE("Environment, directory and a stderr that nobody reads") {
  LocalProcessSpec spec;
  spec.arguments = {"sh", "-c", "echo \"$SHAKETABLE_X $HOME\"; pwd; head -c 3000000 /dev/zero >&2; echo done"};
  spec.environment = {{"SHAKETABLE_X", "a b"}, {"HOME", "/nowhere"}};
  spec.directory = "/usr";
  auto child = LocalProcess::start(spec);
  REQUIRE(child);
  CHECK((*child)->read_line(5s).value() == "a b /nowhere");
  CHECK((*child)->read_line(5s).value() == "/usr");
  CHECK((*child)->read_line(5s).value() == "done");
}

TEST_CASE("What cannot be started is said before anything is") {
  const auto start = [](std::vector<std::string> arguments, std::string directory = "") {
    LocalProcessSpec spec;
    spec.arguments = std::move(arguments);
    spec.directory = std::move(directory);
    const auto result = LocalProcess::start(spec);
    return result ? "started" : result.error().message;
  };
  CHECK(start({"no-such-program-here"}) == "no-such-program-here: no such program in PATH");
  CHECK(start({"/no/such/client"}) == "/no/such/client: No such file or directory");
  CHECK(start({"/etc/passwd"}) == "/etc/passwd: is not an executable file");
  CHECK(start({"true"}, "/no/such/dir") == "/no/such/dir: No such file or directory");
  CHECK(start({}) == "no program is named");
}

TEST_CASE("No descriptor is left behind by a child") {
  const auto open_descriptors = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
  };
  start_shell("exit 0")->wait(5s);
  const auto before = open_descriptors();
  for (int i = 0; i < 10; ++i) start_shell("exit 0")->wait(5s);
  CHECK(open_descriptors() == before);
}

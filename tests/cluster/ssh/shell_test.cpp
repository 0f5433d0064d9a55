// The kept shell.

#include <catch2/catch.hpp>
#include <csignal>

#include "base/duration.h"
#include "cluster/ssh_remote.h"
#include "tests/cluster/ssh/own_sshd.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

TEST_CASE("A kept shell answers line by line and pays for the login shell's start-up once") {
  OwnSshd sshd;
  write_file(sshd.home() + "/.bashrc", "echo noise; echo x >> " + sshd.home() + "/count\n");
  SshRemote remote(sshd.node());
  auto opened = remote.open_shell(true);
  REQUIRE(opened);
  RemoteShell& shell = **opened;
  std::vector<Nanos> times;
  for (int i = 0; i < 20; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    REQUIRE(shell.send("echo answer " + std::to_string(i) + "\n"));
    CHECK(shell.receive_line(10s).value() == "answer " + std::to_string(i));
    times.push_back(std::chrono::steady_clock::now() - begin);
  }
  std::sort(times.begin(), times.end());
  WARN("a line to a kept shell and back, 20 times: least " << format_duration(times.front()) << ", median "
                                                           << format_duration(times[10]));
  CHECK(read_file(sshd.home() + "/count") == "x\n");

  REQUIRE(shell.send("printf 'a\\n\\nb'\n"));
  CHECK(shell.receive_line(10s).value() == "a");
  CHECK(shell.receive_line(10s).value().empty());
  CHECK(shell.receive_line(50ms).error().message == "no line from the shell within 50ms");
  REQUIRE(shell.send("echo\n"));
  CHECK(shell.receive_line(10s).value() == "b");
  // Long lines and much input at once.
  const std::string wide(300'000, 'w');
  REQUIRE(shell.send("cat <<'END'\n" + wide + "\nEND\n"));
  CHECK(shell.receive_line(10s).value() == wide);
}

TEST_CASE("The death of a kept shell is noticed by reader and writer") {
  OwnSshd sshd;
  SshRemote remote(sshd.node());
  SECTION("it exits") {
    auto shell = remote.open_shell(true);
    REQUIRE((*shell)->send("echo last; echo 'out of work' >&2; exit 4\n"));
    CHECK((*shell)->receive_line(10s).value() == "last");
    CHECK((*shell)->receive_line(10s).error().message == "the shell has ended: exit code 4: out of work");
    CHECK((*shell)->send("echo\n").error().message == "the shell has ended: exit code 4: out of work");
  }
  SECTION("it is killed") {
    auto shell = remote.open_shell(true);
    REQUIRE((*shell)->send("kill -KILL $$\n"));
    CHECK((*shell)->receive_line(10s).error().message == "the shell has ended: killed by KILL");
  }
  SECTION("the connection breaks") {
    auto shell = remote.open_shell(true);
    sshd.signal_sessions(SIGKILL);
    CHECK((*shell)->receive_line(10s).error().message.find("the shell has ended: the connection was lost: ") == 0);
    CHECK_FALSE((*shell)->send("echo\n"));
    auto again = remote.open_shell(true);
    REQUIRE(again);
    REQUIRE((*again)->send("echo back\n"));
    CHECK((*again)->receive_line(10s).value() == "back");
  }
  SECTION("we disconnect") {
    auto shell = remote.open_shell(true);
    remote.disconnect();
    CHECK_FALSE((*shell)->receive_line(10s));
  }
  SECTION("the peer is stopped") {
    auto shell = remote.open_shell(true);
    sshd.signal_sessions(SIGSTOP);
    REQUIRE((*shell)->send("echo late\n"));
    CHECK((*shell)->receive_line(300ms).error().message == "no line from the shell within 300ms");
    sshd.signal_sessions(SIGCONT);
    CHECK((*shell)->receive_line(10s).value() == "late");
  }
}

TEST_CASE("Ten channels share a session, and the eleventh is refused with the reason") {
  OwnSshd sshd;
  SshRemote remote(sshd.node());
  std::vector<std::unique_ptr<RemoteShell>> shells;
  for (int i = 0; i < 9; ++i) {
    auto shell = remote.open_shell(true);
    REQUIRE(shell);
    shells.push_back(std::move(*shell));
  }
  for (int i = 0; i < 9; ++i) REQUIRE(shells[i]->send("echo shell " + std::to_string(i) + "\n"));
  Command command;
  command.script = "echo tenth";
  CHECK(remote.run(command).out == "tenth\n");
  for (int i = 8; i >= 0; --i) CHECK(shells[i]->receive_line(10s).value() == "shell " + std::to_string(i));

  // sshd frees the channel of a command a moment after its end.
  REQUIRE(eventually([&] {
    auto tenth = remote.open_shell(true);
    if (tenth) shells.push_back(std::move(*tenth));
    return tenth.has_value();
  }));
  const CommandOutcome refused = remote.run(command);
  CHECK(refused.state == CommandState::not_started);
  CHECK(refused.why.find("sshd refused a channel (its MaxSessions is 10 by default)") != std::string::npos);
  shells.pop_back();
  CHECK(eventually([&] { return remote.run(command).out == "tenth\n"; }));
  CHECK(remote.sessions_made() == 1);
}

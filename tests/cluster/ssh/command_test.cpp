// Commands over a kept session against a real sshd.

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <thread>

#include "base/duration.h"
#include "cluster/node.h"
#include "cluster/ssh_remote.h"
#include "tests/cluster/ssh/own_sshd.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

namespace {

CommandOutcome run(Remote& remote, std::string script, Nanos timeout = 20s) {
  Command command;
  command.script = std::move(script);
  command.timeout = timeout;
  return remote.run(command);
}

std::string all_bytes(std::size_t size) {
  std::string out(size, '\0');
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>((i * 7 + i / 256) & 255);
  return out;
}

}  // namespace

TEST_CASE("A command gives its exit code and both of its streams") {
  OwnSshd sshd;
  SshRemote remote(sshd.node());
  REQUIRE(remote.connect());

  const CommandOutcome fine = run(remote, "echo out; echo err >&2");
  CHECK(fine.succeeded());
  CHECK(fine.out == "out\n");
  CHECK(fine.err == "err\n");
  CHECK(run(remote, "exit 7").describe() == "exit code 7");
  const CommandOutcome absent = run(remote, "no-such-program-here");
  CHECK(absent.state == CommandState::done);
  CHECK(absent.exit_code == 127);
  // Quotes, dollars, newlines and exclamation marks arrive as they are.
  CHECK(run(remote, "x='a b'\nprintf '%s' \"$x it's \\\"!\\\" $((1+1))\"").out == "a b it's \"!\" 2");
  CHECK(run(remote, "printf 'no newline'").out == "no newline");
  CHECK(run(remote, "").succeeded());
  CHECK(remote.sessions_made() == 1);
}

TEST_CASE("Death by a signal is told from an exit code") {
  OwnSshd sshd;
  SshRemote remote(sshd.node());
  const CommandOutcome outcome = run(remote, "kill -KILL $$");
  CHECK(outcome.state == CommandState::done);
  CHECK(outcome.signal == "KILL");
  CHECK(outcome.exit_code == -1);
  CHECK(outcome.describe() == "killed by KILL");
  CHECK(run(remote, "kill -SEGV $$").signal == "SEGV");
}

TEST_CASE("A pause in the output is not its end") {
  // A read gives 0 while nothing is there, which is not the end of the stream.
  OwnSshd sshd;
  SshRemote remote(sshd.node());
  CHECK(run(remote, "printf a; sleep 0.4; printf b; sleep 0.4; printf c").out == "abc");
}

TEST_CASE("NODELAY is set on the session's socket") {
  OwnSshd sshd;
  SshRemote remote(sshd.node());
  REQUIRE(remote.connect());
  int on = 0;
  socklen_t size = sizeof on;
  REQUIRE(::getsockopt(remote.socket(), IPPROTO_TCP, TCP_NODELAY, &on, &size) == 0);
  CHECK(on != 0);
  std::vector<Nanos> times;
  for (int i = 0; i < 20; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    REQUIRE(run(remote, "true").succeeded());
    times.push_back(std::chrono::steady_clock::now() - begin);
  }
  std::sort(times.begin(), times.end());
  WARN("`true` on a kept session, 20 times: least " << format_duration(times.front()) << ", median "
                                                    << format_duration(times[10]));
  CHECK(remote.sessions_made() == 1);
}

TEST_CASE("Standard input arrives whole, and a command that ignores it ends all the same") {
  OwnSshd sshd;
  SshRemote remote(sshd.node());
  Command command;
  command.script = "cat";
  command.input = all_bytes(5 << 20);  // more than any window or pipe: both directions must move at once
  command.output_limit = 8 << 20;
  const CommandOutcome outcome = remote.run(command);
  CHECK(outcome.succeeded());
  CHECK(outcome.out.size() == command.input.size());
  CHECK(outcome.out == command.input);
  CHECK_FALSE(outcome.truncated);
  command.script = "exit 3";
  CHECK(remote.run(command).exit_code == 3);
  command.script = "wc -c";
  command.input.clear();
  CHECK(remote.run(command).out == "0\n");
}

TEST_CASE("Output beyond the limit is read and dropped") {
  OwnSshd sshd;
  SshRemote remote(sshd.node());
  Command command;
  command.script = "head -c 3000000 /dev/zero | tr '\\0' x; echo end >&2";
  command.output_limit = 1000;
  const CommandOutcome outcome = remote.run(command);
  CHECK(outcome.succeeded());
  CHECK(outcome.truncated);
  CHECK(outcome.out == std::string(1000, 'x'));
  CHECK(outcome.err == "end\n");
}

TEST_CASE("A command that does not end in time is unknown, and its whole process group is killed") {
  // Closing the channel alone would leave it running for ever.
  OwnSshd sshd;
  SshRemote remote(sshd.node());
  REQUIRE(remote.connect());
  const CommandOutcome outcome = run(remote, "sleep 300 & echo $! $$; trap '' TERM HUP; wait", 1s);
  CHECK(outcome.state == CommandState::unknown);
  CHECK(outcome.why.find("no end within 1s; its process group ") == 0);
  CHECK(outcome.why.find(" was killed") != std::string::npos);
  pid_t child = 0, shell = 0;
  std::istringstream(outcome.out) >> child >> shell;
  REQUIRE(child > 1);
  REQUIRE(shell > 1);
  CHECK(eventually([&] { return !is_alive(child) && !is_alive(shell); }));
  // The session itself is fine.
  CHECK(run(remote, "echo next").out == "next\n");
  CHECK(remote.sessions_made() == 1);
}

TEST_CASE("A daemon that a script leaves behind outlives its channel, even one that holds its output open") {
  OwnSshd sshd;
  SshRemote remote(sshd.node());
  // Properly made: its own session, its streams elsewhere.
  const CommandOutcome clean = run(remote, "setsid sleep 300 </dev/null >/dev/null 2>&1 & echo $!");
  REQUIRE(clean.succeeded());
  const pid_t clean_daemon = std::stoi(clean.out);
  // Carelessly made: the end of the output never comes, and the command must end nevertheless.
  const CommandOutcome careless = run(remote, "sleep 300 & echo $!; exit 5");
  CHECK(careless.state == CommandState::done);
  CHECK(careless.exit_code == 5);
  const pid_t careless_daemon = std::stoi(careless.out);
  remote.disconnect();
  CHECK(is_alive(clean_daemon));
  CHECK(is_alive(careless_daemon));
  ::kill(clean_daemon, SIGKILL);
  ::kill(careless_daemon, SIGKILL);
}

TEST_CASE(
    "A stopped peer: unknown within the deadline when the command was begun, and the next one works after it goes on") {
  OwnSshd sshd;
  SshRemote remote(sshd.node());
  REQUIRE(remote.connect());
  std::jthread stopper([&] {
    if (eventually([&] { return fs::exists(sshd.folder() + "/begun"); })) sshd.signal_sessions(SIGSTOP);
  });
  const auto begin = std::chrono::steady_clock::now();
  const CommandOutcome outcome = run(remote, "sleep 0.3; echo $$ > " + sshd.folder() + "/begun; sleep 300", 2s);
  INFO(outcome.why);
  const auto took = std::chrono::steady_clock::now() - begin;
  stopper.join();
  CHECK(outcome.state == CommandState::unknown);
  CHECK(outcome.why.find("no end within 2s; its process group ") == 0);
  CHECK(outcome.why.find("could not be killed") != std::string::npos);
  CHECK(took < 30s);  // far below the 300 s of the command: it is the deadlines that ended it
  const pid_t left = std::stoi(read_file(sshd.folder() + "/begun"));
  sshd.signal_sessions(SIGCONT);
  CHECK(run(remote, "echo again").out == "again\n");
  CHECK(is_alive(left));
  CHECK(run(remote, "kill -s KILL -- -" + std::to_string(left)).describe() == "exit code 0");
}

TEST_CASE("A stopped peer: a command that could not even be asked for was not started") {
  // libssh says SSH_AGAIN with an empty error text here; the exec request is sent only once the channel is open.
  OwnSshd sshd;
  SshRemote remote(sshd.node());
  REQUIRE(remote.connect());
  sshd.signal_sessions(SIGSTOP);
  const CommandOutcome outcome = run(remote, "echo ran > " + sshd.folder() + "/ran", 1s);
  CHECK(outcome.state == CommandState::not_started);
  CHECK(outcome.why.find("no answer when a channel was to be opened: the node hangs or is cut off") !=
        std::string::npos);
  sshd.signal_sessions(SIGCONT);
  CHECK(run(remote, "echo again").out == "again\n");
  CHECK_FALSE(fs::exists(sshd.folder() + "/ran"));
}

TEST_CASE("A connection that breaks: the command in flight is unknown, the next one reconnects") {
  OwnSshd sshd;
  SshRemote remote(sshd.node());
  REQUIRE(remote.connect());
  std::jthread killer([&] {
    if (eventually([&] { return fs::exists(sshd.folder() + "/begun"); })) sshd.signal_sessions(SIGKILL);
  });
  const CommandOutcome outcome = run(remote, "touch " + sshd.folder() + "/begun; exec sleep 30");
  killer.join();
  CHECK(outcome.state == CommandState::unknown);
  CHECK(outcome.why.find("the connection was lost while it ran: ") == 0);
  CHECK(run(remote, "echo again").out == "again\n");
  CHECK(remote.sessions_made() == 2);
}

TEST_CASE("A connection that broke while nobody looked: the next command runs on a new one") {
  OwnSshd sshd;
  SshRemote remote(sshd.node());
  REQUIRE(remote.connect());
  sshd.stop();
  const CommandOutcome down = run(remote, "true");
  CHECK(down.state == CommandState::not_started);
  sshd.start();
  CHECK(run(remote, "echo again").out == "again\n");
}

TEST_CASE("What the login shell's start-up files say is no output of the command") {
  OwnSshd sshd;
  write_file(sshd.home() + "/.bashrc",
             "echo noise; echo 'more noise' >&2; printf 'and no newline'; echo x >> " + sshd.home() + "/count\n");
  SshRemote remote(sshd.node());
  const CommandOutcome outcome = run(remote, "echo out; echo err >&2");
  CHECK(outcome.out == "out\n");
  CHECK(outcome.err == "err\n");
}

TEST_CASE("A script that is too long or not text is refused before anything is sent") {
  OwnSshd sshd;
  SshRemote remote(sshd.node());
  const CommandOutcome outcome = run(remote, "# " + std::string(kScriptBytesMax + 5000, 'x'));
  CHECK(outcome.state == CommandState::not_started);
  CHECK(outcome.why.find("it has to be uploaded as a file") != std::string::npos);
  CHECK(run(remote, std::string("a\0b", 3)).why == "the script contains a zero byte");
  CHECK(remote.sessions_made() == 0);
  CHECK(run(remote, "# " + std::string(kScriptBytesMax - 1000, 'x') + "\necho end").out == "end\n");
}

TEST_CASE("sudo: passwordless works, a password that it wants and a sudo that is absent are told") {
  OwnSshd sshd;
  const std::string bin = sshd.home() + "/bin";
  fs::create_directories(bin);
  write_file(sshd.home() + "/.bashrc", "PATH=" + bin + ":$PATH\n");
  NodeSpec spec = sshd.node();
  spec.ssh.sudo = true;
  const auto install_sudo = [&](const std::string& script) {
    write_file(bin + "/sudo", "#!/bin/sh\n" + script);
    fs::permissions(bin + "/sudo", fs::perms::owner_all);
  };
  {
    SshRemote remote(spec);
    install_sudo("[ \"$1 $2\" = '-n --' ] || exit 9; shift 2; SUDOED=yes; export SUDOED; exec \"$@\"\n");
    CHECK(run(remote, "echo $SUDOED").out == "yes\n");
    Command plain;
    plain.script = "echo $SUDOED";
    plain.as_root = false;
    CHECK(remote.run(plain).out == "\n");
    // The group is killed through sudo as well.
    const CommandOutcome late = run(remote, "echo $$; sleep 300", 1s);
    CHECK(late.why.find("was killed") != std::string::npos);
    CHECK(eventually([&] { return !is_alive(std::stoi(late.out)); }));
  }
  {
    SshRemote remote(spec);
    install_sudo("echo 'sudo: a password is required' >&2; exit 1\n");
    const CommandOutcome outcome = run(remote, "touch " + sshd.folder() + "/ran");
    CHECK(outcome.state == CommandState::not_started);
    CHECK(outcome.why ==
          "sudo asks for a password: give " + user_name() +
              " passwordless sudo (NOPASSWD in sudoers) or log in as root; it said: sudo: a password is required");
    CHECK_FALSE(fs::exists(sshd.folder() + "/ran"));
    CHECK(remote.connect());  // the session is there; only commands as root fail
  }
}

TEST_CASE("Nodes on threads of their own share one sshd") {
  OwnSshd sshd;
  std::vector<NodeSpec> specs;
  for (int i = 1; i <= 4; ++i) {
    specs.push_back(sshd.node());
    specs.back().name = "n" + std::to_string(i);
  }
  const Cluster cluster = make_cluster(specs);
  REQUIRE(cluster.connect());
  for (int round = 0; round < 10; ++round)
    for (const CommandOutcome& outcome : cluster.run_on_all({.script = "echo x", .input = ""}))
      CHECK(outcome.out == "x\n");
}

// How a session comes about, and what is said when it does not.

#include <catch2/catch.hpp>

#include "base/text.h"
#include "cluster/ssh_remote.h"
#include "tests/cluster/ssh/own_sshd.h"

// libssh 0.10.6 loses one buffer when it asks an agent that holds no key. A session that is lost shows by its other
// parts.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:ssh_buffer_new\n";
}

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

namespace {

std::string connect_error(const NodeSpec& spec) {
  SshRemote remote(spec);
  const auto result = remote.connect();
  return result ? "connected" : result.error().message;
}

std::string fingerprint(const std::string& public_key_file) {
  const std::string line = run_local({"ssh-keygen", "-l", "-f", public_key_file});  // "256 SHA256:… test (ED25519)"
  std::istringstream in(line);
  std::string bits, hash;
  in >> bits >> hash;
  return hash;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("Host keys are strict: only the known one passes, and each refusal says what to do") {
  OwnSshd sshd;
  NodeSpec spec = sshd.node();
  const std::string place = "127.0.0.1 port " + std::to_string(sshd.port());
  const std::string name = "[127.0.0.1]:" + std::to_string(sshd.port());
  const std::string shown =
      place + ": it shows the host key ssh-ed25519 " + fingerprint(sshd.folder() + "/host_key.pub");
  const std::string scan = "ssh-keyscan -p " + std::to_string(sshd.port()) + " 127.0.0.1 >> " + spec.ssh.known_hosts;
  CHECK(connect_error(spec) == "connected");

  SECTION("unknown: the file knows other hosts only") {
    write_file(spec.ssh.known_hosts, "other.example " + sshd.host_public_key() + "\n");
    CHECK(connect_error(spec) ==
          shown + ", and " + spec.ssh.known_hosts + " has none for " + name + ". If that is the node's key: " + scan);
  }
  SECTION("unknown: an empty file, and one with a line that is no key") {
    write_file(spec.ssh.known_hosts, "");
    CHECK(contains(connect_error(spec), " has none for " + name));
    write_file(spec.ssh.known_hosts, name + " ssh-ed25519 not-base64\n");
    CHECK(connect_error(spec) != "connected");
  }
  SECTION("no such file") {
    spec.ssh.known_hosts = sshd.folder() + "/absent";
    CHECK(connect_error(spec) ==
          shown + ", and " + spec.ssh.known_hosts +
              " cannot be read: No such file or directory. If that is the node's key: ssh-keyscan -p " +
              std::to_string(sshd.port()) + " 127.0.0.1 >> " + spec.ssh.known_hosts);
  }
  SECTION("another key than the known one") {
    make_key(sshd.folder() + "/other_key");
    std::string other = read_file(sshd.folder() + "/other_key.pub");
    write_file(spec.ssh.known_hosts, name + " " + other);
    CHECK(connect_error(spec) == shown + ", but " + spec.ssh.known_hosts + " has another key for " + name +
                                     ": somebody may be in between. If the node was made anew: ssh-keygen -R '" + name +
                                     "' -f " + spec.ssh.known_hosts + " && " + scan);
  }
  SECTION("the alias is the name in the file") {
    write_file(spec.ssh.known_hosts, "n1 " + sshd.host_public_key() + "\n");
    spec.host_key_alias = "n1";
    CHECK(connect_error(spec) == "connected");
    spec.host_key_alias = "n2";
    CHECK(contains(connect_error(spec), " has none for n2. If that is the node's key: ssh-keyscan -p " +
                                            std::to_string(sshd.port()) + " 127.0.0.1 | sed 's/^[^ ]*/n2/' >> "));
  }
  SECTION("a hashed name") {
    run_local({"ssh-keygen", "-q", "-H", "-f", spec.ssh.known_hosts});
    CHECK_FALSE(contains(read_file(spec.ssh.known_hosts), "127.0.0.1"));
    CHECK(connect_error(spec) == "connected");
  }
}

TEST_CASE("A key that the server does not take") {
  OwnSshd sshd;
  NodeSpec spec = sshd.node();
  const std::string wrong = sshd.folder() + "/wrong", locked = sshd.folder() + "/locked",
                    absent = sshd.folder() + "/absent";
  make_key(wrong);
  run_local({"ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", locked});
  spec.ssh.identity_files = {absent, locked, wrong};
  CHECK(connect_error(spec) == "127.0.0.1 port " + std::to_string(sshd.port()) + ": the login as " + user_name() +
                                   " was refused; tried: " + absent + " (No such file or directory); " + locked +
                                   " (not a private key, or it has a passphrase: put it into an agent with ssh-add); " +
                                   wrong + " (refused). The server accepts publickey. The public key must be in " +
                                   user_name() + "'s ~/.ssh/authorized_keys there");
  // A good one after a bad one still opens the door.
  spec.ssh.identity_files = {wrong, sshd.identity()};
  CHECK(connect_error(spec) == "connected");
}

TEST_CASE("A port that nobody listens on") {
  OwnSshd sshd;
  NodeSpec spec = sshd.node();
  spec.ssh.port = free_port();
  CHECK(connect_error(spec) ==
        "127.0.0.1 port " + std::to_string(spec.ssh.port) + ": connection refused: no sshd listens there");
}

TEST_CASE("Something listens and never says a word") {
  OwnSshd sshd;
  NodeSpec spec = sshd.node();
  UniqueFd mute;
  spec.ssh.port = free_port(&mute);
  spec.ssh.connect_timeout = 300ms;
  CHECK(connect_error(spec) ==
        "127.0.0.1 port " + std::to_string(spec.ssh.port) +
            ": it accepts connections, but no SSH session came about within 300ms: the node hangs, or it is "
            "not sshd that listens there");
  Command command;
  command.script = "true";
  SshRemote remote(spec);
  CHECK(remote.run(command).state == CommandState::not_started);
}

TEST_CASE("A backlog that is full: packets fall on the floor") {
  OwnSshd sshd;
  NodeSpec spec = sshd.node();
  UniqueFd full;
  spec.ssh.port = free_port(&full);
  ::listen(full.get(), 0);
  // One connection fills a backlog of 0 on Linux; the next SYN is dropped, as by a firewall.
  std::vector<UniqueFd> fillers;
  for (int i = 0; i < 3; ++i) {
    fillers.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(spec.ssh.port));
    (void)::connect(fillers.back().get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
  }
  spec.ssh.connect_timeout = 300ms;
  CHECK(connect_error(spec) == "127.0.0.1 port " + std::to_string(spec.ssh.port) +
                                   ": no answer: the host is down, or a firewall drops the packets");
}

TEST_CASE("A name that does not exist, a config that does not exist") {
  OwnSshd sshd;
  NodeSpec spec = sshd.node();
  spec.host = "256.256.256.256";  // no address, and no resolver knows it: nothing leaves the machine's own resolver
  CHECK(contains(connect_error(spec), "256.256.256.256: the name cannot be resolved: "));
  spec = sshd.node();
  spec.ssh.config = sshd.folder() + "/absent_config";
  SshRemote remote(spec);
  const auto result = remote.connect();
  REQUIRE_FALSE(result);
  CHECK(result.error().kind == ErrorKind::bad_input);
  CHECK(result.error().message == "ssh_config file " + spec.ssh.config + ": No such file or directory");
}

TEST_CASE("ssh_config gives host name, port, user, key and proxy") {
  OwnSshd sshd;
  const std::string config = sshd.folder() + "/ssh_config";
  NodeSpec spec = sshd.node();
  spec.host = "db-one";
  spec.ssh.user.clear();
  spec.ssh.port = 0;
  spec.ssh.identity_files.clear();
  spec.ssh.config = config;
  const std::string target = "Host db-one\n  HostName 127.0.0.1\n  Port " + std::to_string(sshd.port()) + "\n  User " +
                             user_name() + "\n  IdentityFile " + sshd.identity() + "\n";
  SECTION("plain") {
    write_file(config, target);
    CHECK(connect_error(spec) == "connected");
  }
  SECTION("what the plan says comes before what the config says") {
    write_file(config, "Host db-one\n  HostName 127.0.0.1\n  Port 1\n  User nobody\n");
    spec.ssh.user = user_name();
    spec.ssh.port = sshd.port();
    spec.ssh.identity_files = {sshd.identity()};
    CHECK(connect_error(spec) == "connected");
  }
  SECTION("ProxyCommand") {
    write_file(config, target + "  ProxyCommand ssh -F none -i " + sshd.identity() +
                           " -o UserKnownHostsFile=" + sshd.known_hosts() + " -o BatchMode=yes -p " +
                           std::to_string(sshd.port()) + " -W %h:%p " + user_name() + "@127.0.0.1\n");
    CHECK(connect_error(spec) == "connected");
  }
  SECTION("ProxyCommand that fails: what it says is passed on") {
    write_file(config, target + "  ProxyCommand sh -c 'echo no tunnel today >&2; exit 1'\n");
    CHECK(contains(connect_error(spec), "through its proxy: no SSH session: "));
    CHECK(contains(connect_error(spec), "(the proxy said: no tunnel today)"));
  }
  SECTION("ProxyJump, whose ssh is given our config and known hosts") {
    write_file(config, target + "  ProxyJump jump\nHost jump\n  HostName 127.0.0.1\n  Port " +
                           std::to_string(sshd.port()) + "\n  User " + user_name() + "\n  IdentityFile " +
                           sshd.identity() + "\n");
    CHECK(connect_error(spec) == "connected");
  }
}

TEST_CASE("An agent's key opens the door") {
  OwnSshd sshd;
  LocalProcessSpec agent;
  agent.arguments = {"ssh-agent", "-D", "-a", sshd.folder() + "/agent"};
  auto process = LocalProcess::start(agent);
  REQUIRE(process);
  REQUIRE(eventually([&] { return fs::exists(sshd.folder() + "/agent"); }));
  const char* before = std::getenv("SSH_AUTH_SOCK");
  const std::string kept = before ? before : "";
  ::setenv("SSH_AUTH_SOCK", (sshd.folder() + "/agent").c_str(), 1);
  NodeSpec spec = sshd.node();
  spec.ssh.identity_files.clear();
  spec.ssh.use_agent = true;
  CHECK(contains(connect_error(spec), "the agent's keys (refused, or it has none)"));
  run_local({"ssh-add", "-q", sshd.identity()});
  CHECK(connect_error(spec) == "connected");
  spec.ssh.use_agent = false;
  CHECK(contains(connect_error(spec), "was refused"));
  before ? ::setenv("SSH_AUTH_SOCK", kept.c_str(), 1) : ::unsetenv("SSH_AUTH_SOCK");
}

TEST_CASE("A login whose shell refuses to run anything") {
  OwnSshd sshd("ForceCommand echo 'This account is closed.' >&2; exit 1\n");
  const std::string error = connect_error(sshd.node());
  CHECK(error == "127.0.0.1: no command can be run: not started: the login shell of " + user_name() +
                     " ended before the command began: This account is closed.");
}

TEST_CASE("Neither sessions nor failures leave descriptors or threads behind") {
  OwnSshd sshd;
  const auto count = [](const char* what) {
    return std::distance(fs::directory_iterator(what), fs::directory_iterator());
  };
  NodeSpec refused = sshd.node();
  refused.ssh.known_hosts = sshd.folder() + "/absent";
  connect_error(sshd.node());
  const auto descriptors = count("/proc/self/fd"), threads = count("/proc/self/task");
  for (int i = 0; i < 3; ++i) {
    CHECK(connect_error(sshd.node()) == "connected");
    CHECK(connect_error(refused) != "connected");
  }
  CHECK(count("/proc/self/fd") == descriptors);
  CHECK(count("/proc/self/task") == threads);
}

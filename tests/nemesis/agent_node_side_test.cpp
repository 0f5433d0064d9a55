// The controller's side of the protocol, against a node that answers by a script.

#include "nemesis/agent_node_side.h"

#include <catch2/catch.hpp>

#include "nemesis/agent_program.h"
#include "tests/cluster/scripted_remote.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

namespace {

struct Agent {
  Agent() : node(std::make_shared<ScriptedNode>()), remote(node), side(scripted_node_spec(1), remote) {
    const auto program = agent_program_for("x86_64");
    REQUIRE(program.has_value());
    hash = (*program)->hash;
    node->on("SSH_CONNECTION", done("10.0.0.254 50000 10.0.0.1 22\n"));
    node->on("mkdir -p", done());
    node->on("uname -m", done("x86_64\n"));
    greet({1, hash, "x86_64", "boot", 0});
    answer("time", {{"raw", "5000000000"}});
  }
  void greet(const agent::Greeting& greeting) {
    node->on_line(" serve; ", [greeting](const std::string&) { return std::vector<std::string>{to_line(greeting)}; });
  }
  void answer(const std::string& word, agent::Fields fields, const std::string& state = "ok") {
    node->on_line(" " + word, [=](const std::string& line) {
      const auto request = agent::parse_message(line);
      if (!request || request->word != word) return std::vector<std::string>();
      return std::vector<std::string>{agent::to_line(agent::Message{request->id, state, fields})};
    });
  }
  std::shared_ptr<ScriptedNode> node;
  ScriptedRemote remote;
  AgentNodeSide side;
  std::string hash;
};

NodeChange change() {
  NodeChange out;
  out.fault = 3;
  out.key = "run.3";
  out.kind = "firewall";
  out.arguments = {{"rules4", "a rule\nanother"}};
  out.limit = 60s;
  return out;
}

}  // namespace

TEST_CASE("what a node says of itself") {
  Agent agent;
  agent.answer("facts", {{"uid", "0"},
                         {"address4", "10.0.0.1"},
                         {"address4", "172.17.0.1"},
                         {"address6", "fe80::1"},
                         {"iptables", "iptables v1.8.9 (nf_tables)"},
                         {"problem6", "ip6tables is not installed"}});
  const auto facts = agent.side.probe();
  REQUIRE(facts.has_value());
  CHECK(facts->addresses4 == std::vector<std::string>{"10.0.0.1", "172.17.0.1"});
  CHECK(facts->addresses6 == std::vector<std::string>{"fd00::1", "fe80::1"});
  CHECK(facts->iptables == "iptables v1.8.9 (nf_tables)");
  CHECK(facts->problem4.empty());
  CHECK(facts->problem6 == "ip6tables is not installed");
  CHECK(facts->control.client == "10.0.0.254");
  CHECK(facts->control.port == 22);
}

TEST_CASE("a node that does not say where we come from gets no fault") {
  Agent agent;
  agent.node->on("SSH_CONNECTION", done("\n"));
  const auto facts = agent.side.probe();
  REQUIRE_FALSE(facts.has_value());
  CHECK(facts.error().message.find("could not be protected") != std::string::npos);
}

TEST_CASE("an agent of the same bytes is not sent again") {
  Agent agent;
  REQUIRE(agent.side.install().has_value());
  CHECK(agent.node->files().empty());
}

TEST_CASE("an agent that is absent or another one is put there once") {
  Agent agent;
  bool there = false;
  std::string first = "absent";
  SECTION("absent") {}
  SECTION("another one") {
    first = to_line(agent::Greeting{1, "0000", "x86_64", "boot", 0});
  }
  SECTION("of another protocol") {
    first = to_line(agent::Greeting{99, agent.hash, "x86_64", "boot", 0});
  }
  const std::string second = to_line(agent::Greeting{1, agent.hash, "x86_64", "boot", 0});
  agent.node->on_line(" serve; ", [&](const std::string&) {
    const bool before = there;
    there = true;
    return std::vector<std::string>{before ? second : first};
  });
  REQUIRE(agent.side.install().has_value());
  const auto files = agent.node->files();
  REQUIRE(files.count(std::string(agent::kProgram)) == 1);
  CHECK(agent::hash_of(files.at(std::string(agent::kProgram))) == agent.hash);
}

TEST_CASE("an agent that cannot be started twice is an error") {
  Agent agent;
  agent.node->on_line(" serve; ", [](const std::string&) { return std::vector<std::string>{"absent"}; });
  const auto installed = agent.side.install();
  REQUIRE_FALSE(installed.has_value());
  CHECK(installed.error().message.find("the agent does not start there") != std::string::npos);
}

TEST_CASE("a node of another architecture gets a clear error and no file") {
  Agent agent;
  agent.node->on_line(" serve; ", [](const std::string&) { return std::vector<std::string>{"absent"}; });
  agent.node->on("uname -m", done("riscv64\n"));
  const auto installed = agent.side.install();
  REQUIRE_FALSE(installed.has_value());
  CHECK(installed.error().message.find("the node is of the architecture riscv64") != std::string::npos);
  CHECK(agent.node->files().empty());
}

TEST_CASE("a login that is not root is refused") {
  Agent agent;
  agent.greet({1, agent.hash, "x86_64", "boot", 1000});
  CHECK(agent.side.install().error().message ==
        "commands do not run as root there: set sudo in the plan, or log in as root");
}

TEST_CASE("a journal that cannot be written: the reason comes through") {
  Agent agent;
  agent.answer("arm", {{"why", "the undo journal cannot be written to /var/lib/shaketable/node: 0 kB free"}}, "error");
  const auto armed = agent.side.arm(change(), 10s);
  REQUIRE_FALSE(armed.has_value());
  CHECK(armed.error().message ==
        "nothing was changed: the undo journal cannot be written to /var/lib/shaketable/node: 0 kB free");
}

TEST_CASE("a commit names its moment on the node's clock") {
  Agent agent;
  agent.answer("arm", {{"raw", "1"}});
  REQUIRE(agent.side.arm(change(), 10s).has_value());
  agent.answer("commit", {{"begun", "1"}, {"done", "2"}});
  // The node's clock stood at 5 s when the change was armed, shortly before.
  const auto start = std::chrono::steady_clock::now() + 20s;
  SteadyClock clock;
  CommitTimes times;
  REQUIRE(agent.side.commit(change(), start, clock, times).has_value());
  const auto request = agent::parse_message(agent.node->lines().back());
  REQUIRE(request.has_value());
  const Nanos at(agent::to_number(agent::field(request->fields, "at")).value_or(0));
  CHECK(at > 24s);
  CHECK(at < 200s);
  CHECK(times.earliest <= times.latest);
  CHECK(times.node_done == 2);
}

TEST_CASE("a commit through an agent that has ended commits nothing") {
  Agent agent;
  ManualClock clock;
  CommitTimes times;
  CHECK_FALSE(agent.side.commit(change(), std::chrono::steady_clock::now(), clock, times).has_value());
  CHECK(agent.node->lines().empty());
}

TEST_CASE("an undo tells what is missing") {
  Agent agent;
  agent.answer("undo", {{"missing", "-A INPUT -j A"}, {"gone", "yes"}});
  const auto undone = agent.side.undo(change());
  REQUIRE(undone.has_value());
  CHECK(undone->missing == "-A INPUT -j A");
  CHECK(undone->gone);
}

TEST_CASE("heal: only what the node calls clean is clean") {
  Agent agent;
  SECTION("clean") {
    agent.answer("heal", {{"state", "clean"}, {"undone", "fault old.1 (journal: applied)"}});
    const NodeCleanliness healed = agent.side.heal();
    CHECK(healed.state == Cleanliness::clean);
    CHECK(healed.undone == std::vector<std::string>{"fault old.1 (journal: applied)"});
  }
  SECTION("unclean") {
    agent.answer("heal", {{"state", "unclean"}, {"reason", "a rule is gone"}});
    const NodeCleanliness healed = agent.side.heal();
    CHECK(healed.state == Cleanliness::unclean);
    CHECK(healed.reason == "a rule is gone");
  }
  SECTION("an answer without a state") {
    agent.answer("heal", {});
    CHECK(agent.side.heal().state == Cleanliness::unknown);
  }
  SECTION("an error") {
    agent.answer("heal", {{"why", "no"}}, "error");
    CHECK(agent.side.heal().state == Cleanliness::unknown);
  }
}

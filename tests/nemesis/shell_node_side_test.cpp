#include "nemesis/shell_node_side.h"

#include <catch2/catch.hpp>

#include "nemesis/node_script.h"
#include "tests/cluster/scripted_remote.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

namespace {

// The end of the answer to a line of the kept shell: `… echo "st-end 3 $?"`.
std::string end_of(const std::string& line, int code) {
  const std::size_t at = line.rfind("st-end ");
  return line.substr(at, line.find(" $?", at) - at) + " " + std::to_string(code);
}

struct Shell {
  Shell() : node(std::make_shared<ScriptedNode>()), remote(node), side(scripted_node_spec(1), remote) {
    answer("st-end", {});
    node->on("SSH_CONNECTION", done("10.0.0.254 50000 10.0.0.1 22\n"));
    node->on("cat >/run/shaketable-nemesis", done());
  }
  // To a call whose last line contains `part`.
  void answer(const std::string& part, std::vector<std::string> lines, int code = 0) {
    node->on_line(part, [lines, code](const std::string& line) {
      std::vector<std::string> out = lines;
      if (line.find("st-end") != std::string::npos) out.push_back(end_of(line, code));
      return out;
    });
  }
  std::shared_ptr<ScriptedNode> node;
  ScriptedRemote remote;
  ShellNodeSide side;
};

FirewallChange change() {
  FirewallChange out;
  out.fault = 3;
  out.key = "run.3";
  out.rules4 = "rules4";
  out.rules6 = "rules6";
  out.limit = 60s;
  return out;
}

}  // namespace

TEST_CASE("what a node says of itself") {
  Shell shell;
  shell.answer("st_probe ", {});
  shell.answer("{ st_probe; }", {"uid 0", "table iptables iptables v1.8.9 (nf_tables)", "lacks ip6tables", "has bash",
                                 "address 4 10.0.0.1", "address 4 172.17.0.1", "address 6 fe80::1"});
  const auto facts = shell.side.probe();
  REQUIRE(facts.has_value());
  CHECK(facts->addresses4 == std::vector<std::string>{"10.0.0.1", "172.17.0.1"});
  CHECK(facts->addresses6 == std::vector<std::string>{"fd00::1", "fe80::1"});
  CHECK(facts->iptables == "iptables v1.8.9 (nf_tables)");
  CHECK(facts->problem4.empty());
  CHECK(facts->problem6 == "ip6tables is not installed (Debian: apt-get install iptables)");
  CHECK(facts->control.client == "10.0.0.254");
  CHECK(facts->control.port == 22);
  CHECK(facts->has("bash"));
  CHECK_FALSE(facts->has("ping"));
}

TEST_CASE("a node that does not say where we come from gets no fault") {
  Shell shell;
  shell.node->on("SSH_CONNECTION", done("\n"));
  const auto facts = shell.side.probe();
  REQUIRE_FALSE(facts.has_value());
  CHECK(facts.error().message.find("could not be protected") != std::string::npos);
}

TEST_CASE("a login that is not root is refused") {
  Shell shell;
  shell.answer("{ st_probe; }", {"uid 1000"});
  CHECK(shell.side.probe().error().message ==
        "commands do not run as root there: set sudo in the plan, or log in as root");
}

TEST_CASE("a journal that cannot be written: the reason comes through") {
  Shell shell;
  shell.answer("rules6", {"problem the undo journal cannot be written to /var/lib/shaketable/node: 0 kB free"}, 20);
  const auto armed = shell.side.arm(change(), 10s);
  REQUIRE_FALSE(armed.has_value());
  CHECK(armed.error().message ==
        "nothing was changed: the undo journal cannot be written to /var/lib/shaketable/node: 0 kB free");
}

TEST_CASE("a commit through a shell that has ended commits nothing") {
  Shell shell;
  ManualClock clock;
  CommitTimes times;
  CHECK_FALSE(shell.side.commit(change(), clock, times).has_value());
  CHECK(shell.node->lines().empty());
}

TEST_CASE("an undo compares with what was found before the change") {
  Shell shell;
  shell.answer("rules6", {"found4 -P INPUT ACCEPT", "found4 -A INPUT -j A", "found6 -P INPUT ACCEPT"});
  REQUIRE(shell.side.arm(change(), 10s).has_value());
  SECTION("all is there, and more") {
    shell.answer("st_undo",
                 {"undone", "now4 -P INPUT ACCEPT", "now4 -A INPUT -j A", "now6 -P INPUT ACCEPT", "now6 -N NEW"});
    const auto undone = shell.side.undo(change());
    REQUIRE(undone.has_value());
    CHECK(undone->missing.empty());
    CHECK(undone->added == "-N NEW");
    CHECK(shell.node->lines().back().find("st_forget") != std::string::npos);
  }
  SECTION("a rule is gone: the journal is kept") {
    shell.answer("st_undo", {"undone", "now4 -P INPUT ACCEPT", "now6 -P INPUT ACCEPT"});
    const auto undone = shell.side.undo(change());
    REQUIRE(undone.has_value());
    CHECK(undone->missing == "-A INPUT -j A");
    CHECK(shell.node->lines().back().find("st_forget") == std::string::npos);
  }
  SECTION("rules of ours are left") {
    shell.answer("st_undo", {"problem iptables: rules of shaketable could not be removed or read"}, 1);
    CHECK_FALSE(shell.side.undo(change()).has_value());
  }
}

TEST_CASE("a guard that is dead at a renewal is started again") {
  Shell shell;
  shell.answer("st_renew", {"problem the guard is dead"}, 10);
  const auto renewed = shell.side.renew(10s);
  REQUIRE(renewed.has_value());
  CHECK(*renewed == "the lease: the guard is dead; the guard was started again");
  CHECK(shell.node->was_asked("cat >/run/shaketable-nemesis"));
}

TEST_CASE("heal: what is found is told, and only what has been read back is clean") {
  Shell shell;
  shell.node->on("shaketable finish", done("clean\n"));
  SECTION("nothing there") {
    shell.node->on("shaketable look", done("now4 -P INPUT ACCEPT\n"));
    const NodeCleanliness healed = shell.side.heal();
    CHECK(healed.state == Cleanliness::clean);
    CHECK(healed.undone.empty());
  }
  SECTION("a fault of an older run") {
    shell.node->on("shaketable look", done("entry old.1 applied\nfound4:old.1 -P INPUT ACCEPT\nchains iptables\n"
                                           "now4 -P INPUT ACCEPT\n"));
    const NodeCleanliness healed = shell.side.heal();
    CHECK(healed.state == Cleanliness::clean);
    CHECK(healed.undone ==
          std::vector<std::string>{"fault old.1 (journal: applied)", "chains of shaketable in iptables"});
  }
  SECTION("a rule that was there before is gone") {
    shell.node->on("shaketable look", done("entry old.1 applied\nfound4:old.1 -A INPUT -j A\nnow4 -P INPUT ACCEPT\n"));
    const NodeCleanliness healed = shell.side.heal();
    CHECK(healed.state == Cleanliness::unclean);
    CHECK_FALSE(shell.node->was_asked("shaketable finish"));
  }
  SECTION("rules that cannot be removed") {
    shell.node->on("shaketable look", done("chains iptables\nproblem iptables: rules could not be removed\n", 1));
    CHECK(shell.side.heal().state == Cleanliness::unclean);
  }
  SECTION("rules that cannot be read") {
    shell.node->on("shaketable look", done("problem iptables -S: Permission denied\n", 1));
    CHECK(shell.side.heal().state == Cleanliness::unknown);
  }
  SECTION("nobody could look") {
    shell.node->on("shaketable look", unknown("no answer"));
    CHECK(shell.side.heal().state == Cleanliness::unknown);
  }
  SECTION("the journal could not be removed") {
    shell.node->on("shaketable look", done(""));
    shell.node->on("shaketable finish", done("problem /var/lib/shaketable/node cannot be removed\n", 1));
    CHECK(shell.side.heal().state == Cleanliness::unclean);
  }
}

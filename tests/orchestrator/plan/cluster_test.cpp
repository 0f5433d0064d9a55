#include <catch2/catch.hpp>
#include <cstdlib>

#include "tests/orchestrator/plan/sample.h"

namespace shaketable {
namespace {

using namespace std::chrono_literals;

TEST_CASE("nodes of one's own, as plain hosts and in full") {
  const Scratch scratch;
  const std::string key = scratch.write("id_ed25519", "key");
  PlanOptions options;
  options.set = {"cluster.ssh.known_hosts=" + key};
  const Plan plan = plan_of(
      minimal("cluster:\n"
              "  manage: none\n"
              "  ssh: {user: admin, sudo: true, port: 2222, identity: " +
              key +
              ", agent: false,\n"
              "        known_hosts: [], config: none, connect_timeout: 3s}\n"
              "  nodes:\n"
              "    - n1.example.org\n"
              "    - 10.0.0.2\n"
              "    - fd00::3\n"
              "    - {name: n4, host: n4.example.org, address: 10.0.0.4, address6: \"fd00::4\", port: 22, user: root,\n"
              "       role: witness, client: \"https://n4.example.org:2379\", host_key_alias: n4}\n"),
      options);
  CHECK_FALSE(plan.cluster.lab);
  CHECK_FALSE(plan.cluster.managed);
  const auto& nodes = plan.cluster.nodes;
  REQUIRE(nodes.size() == 4);
  CHECK(nodes[0].name == "n1.example.org");
  CHECK(nodes[0].host == "n1.example.org");
  CHECK(nodes[0].address.empty());
  CHECK(nodes[0].ssh.user == "admin");
  CHECK(nodes[0].ssh.sudo);
  CHECK(nodes[0].ssh.port == 2222);
  CHECK(nodes[0].ssh.identity_files == std::vector<std::string>{key});
  CHECK_FALSE(nodes[0].ssh.use_agent);
  CHECK(nodes[0].ssh.known_hosts == key);
  CHECK(nodes[0].ssh.config == "none");
  CHECK(nodes[0].ssh.connect_timeout == 3s);
  CHECK(nodes[1].address == "10.0.0.2");
  CHECK(nodes[2].address6 == "fd00::3");
  CHECK(nodes[3].name == "n4");
  CHECK(nodes[3].address == "10.0.0.4");
  CHECK(nodes[3].address6 == "fd00::4");
  CHECK(nodes[3].ssh.port == 22);
  CHECK(nodes[3].ssh.user == "root");
  CHECK(nodes[3].role == "witness");
  CHECK(nodes[3].client_url == "https://n4.example.org:2379");
  CHECK(nodes[3].host_key_alias == "n4");
}

TEST_CASE("what may be done to machines that are not the lab's is never assumed") {
  CHECK(complaint(minimal("cluster:\n  nodes: [a, b, c]\n")) ==
        "plan.yaml:4:3: say what shaketable may do on these machines: manage: all (it installs, starts, stops and "
        "wipes the "
        "system there), or manage: none (the system already runs, and nothing of it is touched)\n"
        "  nodes: [a, b, c]\n"
        "  ^");
  CHECK(plan_of(minimal("cluster: {manage: all, nodes: [a]}\n")).cluster.managed);
}

TEST_CASE("names and hosts are unique and cannot be read as anything else") {
  CHECK(complaint(minimal("cluster:\n"
                          "  manage: none\n"
                          "  nodes:\n"
                          "    - a\n"
                          "    - a\n"
                          "    - {name: a, host: b}\n"
                          "    - -oProxyCommand=x\n"
                          "    - root@c:22\n"
                          "    - {name: \"x y\"}\n"
                          "    - {host: d, address: 10.0.0, client: d:2379}\n"
                          "    - [e]\n")) ==
        "plan.yaml:7:7: the host \"a\" stands twice\n"
        "    - a\n"
        "      ^\n"
        "plan.yaml:8:14: two nodes are named \"a\"\n"
        "    - {name: a, host: b}\n"
        "             ^\n"
        "plan.yaml:9:7: \"-oProxyCommand=x\" is not a host name or an address\n"
        "    - -oProxyCommand=x\n"
        "      ^\n"
        "plan.yaml:10:7: \"root@c:22\" is not a host name or an address; user and port have keys of their own: {host: "
        "…, user: "
        "…, port: …}\n"
        "    - root@c:22\n"
        "      ^\n"
        "plan.yaml:11:7: a node needs \"host\": what SSH connects to\n"
        "    - {name: \"x y\"}\n"
        "      ^\n"
        "plan.yaml:11:14: name must be letters, digits, \".\", \"-\" and \"_\", not \"x y\"\n"
        "    - {name: \"x y\"}\n"
        "             ^\n"
        "plan.yaml:12:26: address must be an IPv4 address, not \"10.0.0\"\n"
        "    - {host: d, address: 10.0.0, client: d:2379}\n"
        "                         ^\n"
        "plan.yaml:12:42: client must be a URL such as http://10.0.0.1:2379, not \"d:2379\"\n"
        "    - {host: d, address: 10.0.0, client: d:2379}\n"
        "                                         ^\n"
        "plan.yaml:13:7: a node must be a host name or a map with host, not a list\n"
        "    - [e]\n"
        "      ^");
}

TEST_CASE("a password in a client's URL is refused and not shown") {
  const std::string message = complaint(
      minimal("cluster: {manage: none, nodes: [{host: a, client: \"http://root:hunter3hunter3@a:2379\"}]}\n"));
  CHECK(message ==
        "plan.yaml:3:51: a user and password do not belong in a URL; give them to the client: {user: NAME, password: "
        "{file: "
        "FILE}}\n"
        "cluster: {manage: none, nodes: [{host: a, client: \"http://[redacted]@a:2379\"}]}\n"
        "                                                  ^");
}

TEST_CASE("a cluster is the lab or nodes") {
  CHECK(plan_of(minimal("cluster: {lab: }\n")).cluster.lab->nodes == 5);
  CHECK(complaint(minimal("cluster: {lab: {nodes: 65, memroy: 1GiB}}\n")) ==
        "plan.yaml:3:24: nodes must be at most 64, not 65\n"
        "cluster: {lab: {nodes: 65, memroy: 1GiB}}\n"
        "                       ^\n"
        "plan.yaml:3:28: unknown key \"memroy\"; did you mean \"memory\"?\n"
        "cluster: {lab: {nodes: 65, memroy: 1GiB}}\n"
        "                           ^");
  CHECK(complaint(minimal("cluster: {lab: {}, nodes: [a]}\n")) ==
        "plan.yaml:3:20: a cluster is either the lab or nodes of your own, not both\n"
        "cluster: {lab: {}, nodes: [a]}\n"
        "                   ^");
  CHECK(complaint(minimal("cluster: {lab: {}, ssh: {user: a}}\n")) ==
        "plan.yaml:3:20: ssh is for nodes of your own; the lab brings its own keys\n"
        "cluster: {lab: {}, ssh: {user: a}}\n"
        "                   ^");
  CHECK(complaint(minimal("cluster: lab\n")) ==
        "plan.yaml:3:10: cluster must be a map with lab or nodes, such as {lab: {nodes: 5}}, not \"lab\"\n"
        "cluster: lab\n"
        "         ^");
}

TEST_CASE("files of SSH are found from home and from the plan, and must be there") {
  const Scratch scratch;
  scratch.write("keys/id", "key");
  const char* home = std::getenv("HOME");
  const std::string before = home ? home : "";
  setenv("HOME", scratch.path().c_str(), 1);
  const Plan plan = plan_of(minimal("cluster: {manage: none, ssh: {identity: [~/keys/id]}, nodes: [a]}\n"));
  CHECK(plan.cluster.nodes[0].ssh.identity_files == std::vector<std::string>{scratch.path() + "/keys/id"});
  CHECK(complaint(
            minimal("cluster: {manage: none, ssh: {identity: [~/id, ~root/id], known_hosts: ~/keys}, nodes: [a]}\n")) ==
        "plan.yaml:3:42: identity: " + scratch.path() +
            "/id: there is no such file\n"
            "cluster: {manage: none, ssh: {identity: [~/id, ~root/id], known_hosts: ~/keys}, nodes: [a]}\n"
            "                                         ^\n"
            "plan.yaml:3:48: identity: only ~/ is known here, not \"~root/id\"\n"
            "cluster: {manage: none, ssh: {identity: [~/id, ~root/id], known_hosts: ~/keys}, nodes: [a]}\n"
            "                                               ^\n"
            "plan.yaml:3:72: known_hosts: " +
            scratch.path() +
            "/keys: this is a directory, not a file\n"
            "cluster: {manage: none, ssh: {identity: [~/id, ~root/id], known_hosts: ~/keys}, nodes: [a]}\n"
            "                                                                       ^");
  setenv("HOME", before.c_str(), 1);
}

TEST_CASE("a nodes file replaces the cluster's nodes, and says so in the recorded plan") {
  const Scratch scratch;
  PlanOptions options;
  options.nodes_file = scratch.write("nodes", "# staging\nn1.example.org\n\n  10.0.0.2   # the second\n");
  const Plan plan = plan_of(minimal("cluster: {manage: none, ssh: {user: admin}, nodes: [old]}\n"), options);
  REQUIRE(plan.cluster.nodes.size() == 2);
  CHECK(plan.cluster.nodes[0].host == "n1.example.org");
  CHECK(plan.cluster.nodes[0].ssh.user == "admin");
  CHECK(plan.cluster.nodes[1].address == "10.0.0.2");
  CHECK(plan.text ==
        "# The plan as run, changed on the command line:\n"
        "#   --nodes-file " +
            options.nodes_file +
            "\n"
            "system: etcd\n"
            "workload: register\n"
            "cluster:\n"
            "  manage: none\n"
            "  ssh:\n"
            "    user: admin\n"
            "  nodes:\n"
            "    - n1.example.org\n"
            "    - 10.0.0.2\n");

  // A plan for the lab says nothing about what may be done to other machines.
  CHECK(complaint(minimal(), options).find("say what shaketable may do on these machines") != std::string::npos);
  options.set = {"cluster.manage=none"};
  CHECK(plan_of(minimal("cluster: {lab: {nodes: 3}}\n"), options).cluster.nodes.size() == 2);

  options.nodes_file = scratch.write("bad", "ok\n  no good\n");
  CHECK(complaint(minimal(), options) == options.nodes_file +
                                             ":2:3: \"no good\" is not a host name or an address\n"
                                             "  no good\n"
                                             "  ^");
  options.nodes_file = scratch.path() + "/absent";
  CHECK(complaint(minimal(), options) == "--nodes-file " + scratch.path() + "/absent: there is no such file");
}

}  // namespace
}  // namespace shaketable

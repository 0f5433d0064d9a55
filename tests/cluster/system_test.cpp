// The life of a system on scripted nodes: what is sent, and what is made of the answers.

#include "cluster/system.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/cluster/scripted_remote.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

namespace {

SystemSpec toy() {
  SystemSpec spec;
  spec.name = "toy";
  spec.options = {{"size", "3"}};
  spec.lists["peers"] = {"{{node}}={{ip}}:{{index}}", "+"};
  spec.data = "/data/toy";
  spec.log = "/var/log/toy/{{node}}.log";
  spec.files["/etc/toy/{{node}}.conf"] = "peers {{peers}}\nsize {{option.size}} of {{count}}\n";
  spec.setup = "toy init {{data}}";
  spec.start = "toy start {{node}}";
  spec.stop = "toy stop";
  spec.pids = "toy pids";
  spec.healthy = "toy health {{ip}} {{ip6}}";
  spec.primaries = "toy primaries";
  spec.version = "toy version";
  spec.teardown = "toy teardown";
  spec.client_port = 7000;
  return spec;
}

const std::vector<std::string> kAll{"n1", "n2", "n3"};

std::string error_of(const Result<void>& result) {
  return result ? "fine" : result.error().message;
}

}  // namespace

TEST_CASE("Templates: variables, blanks, a literal brace, and what is wrong with its place") {
  const std::map<std::string, std::string> variables{{"node", "n1"}, {"ip", "10.0.0.1"}};
  const auto fill = [&](std::string_view text) {
    const auto result = fill_template(text, variables);
    return result ? *result : "error: " + result.error().message;
  };
  CHECK(fill("") == "");
  CHECK(fill("{{node}}=http://{{ ip }}:1 { } }}") == "n1=http://10.0.0.1:1 { } }}");
  CHECK(fill("docker ps --format '\\{{.Names}}'") == "docker ps --format '{{.Names}}'");
  CHECK(fill("a\n b {{nod}}") == "error: line 2 column 4: there is no variable {{nod}}; did you mean {{node}}?");
  CHECK(fill("{{colour}}") == "error: line 1 column 1: there is no variable {{colour}}");
  CHECK(fill("x {{node") == "error: line 1 column 3: {{ has no }} (a literal {{ is written \\{{)");
  CHECK(fill("{{}}") == "error: line 1 column 1: there is no variable {{}}");
}

TEST_CASE("A description is checked before anything is sent") {
  CHECK(check_system(toy(), {{"size", "5"}}));
  const auto error = [](auto change, std::map<std::string, std::string> options = {}) {
    SystemSpec spec = toy();
    change(spec);
    return error_of(check_system(spec, options));
  };
  CHECK(error([](SystemSpec&) {}, {{"sise", "5"}}) == "system toy has no option sise; did you mean size?");
  CHECK(error([](SystemSpec& s) { s.start = "toy {{option.sise}}"; }) ==
        "start: line 1 column 5: there is no variable {{option.sise}}; did you mean {{option.size}}?");
  CHECK(error([](SystemSpec& s) { s.lists["peers"].each = "{{peers}}"; }) ==
        "lists.peers: line 1 column 1: there is no variable {{peers}}");
  CHECK(error([](SystemSpec& s) { s.lists["ip"].each = "x"; }) == "lists.ip: the name is taken");
  CHECK(error([](SystemSpec& s) { s.files["conf"] = ""; }) == "files: conf is not an absolute path");
  CHECK(error([](SystemSpec& s) { s.log_findings = {"panic("}; }).find("log_findings: panic(: ") == 0);
  CHECK(error([](SystemSpec& s) { s.data = "/"; }).find("data: / is not a directory that may be emptied") == 0);
}

TEST_CASE("Data directories that nobody can mean are refused") {
  for (const char* path :
       {"", "data", "./data/x", "/", "//", "/data", "/var", "/var/lib", "/var//lib/", "/home/bob", "/root/x",
        "/etc/etcd", "/usr/local/x", "/data/../x", "/data/./x", "/proc/self/x", "/data/*", "/dev/shm/x"})
    CHECK_FALSE(check_data_directory(path));
  for (const char* path : {"/data/etcd", "/var/lib/etcd", "/srv/etcd", "/home/bob/etcd", "/tmp/x"})
    CHECK(check_data_directory(path));
}

TEST_CASE("Setting up: leftovers killed, data emptied, files written, setup run, then start") {
  auto nodes = scripted_cluster(3);
  for (auto& node : nodes.nodes) node->otherwise(done());
  nodes[1]->on("toy pids", done("77 1234 S toy server\n"));
  System system(toy(), nodes.cluster, true, {{"size", "9"}});
  REQUIRE(error_of(system.set_up()) == "fine");
  CHECK(nodes[0]->files().at("/etc/toy/n1.conf") == "peers n1=10.0.0.1:1+n2=10.0.0.2:2+n3=10.0.0.3:3\nsize 9 of 3\n");
  CHECK(nodes[2]->files().at("/etc/toy/n3.conf") == "peers n1=10.0.0.1:1+n2=10.0.0.2:2+n3=10.0.0.3:3\nsize 9 of 3\n");
  CHECK(nodes[0]->scripts().size() == 5);  // pids, prepare, a directory for the file, setup, sync
  CHECK(nodes[1]->scripts().size() == 6);
  CHECK(nodes[1]->scripts()[1].find("signal=KILL\nall=77:1234\n") == 0);
  CHECK(nodes[0]->scripts()[1].find("data=/data/toy\nmark=/var/lib/shaketable/data-of-toy\n") == 0);
  CHECK(nodes[0]->scripts()[1].find("mkdir -p /run/shaketable/toy ") != std::string::npos);
  CHECK(nodes[0]->scripts()[1].find("[ ! -f /var/log/toy/n1.log ] || : >/var/log/toy/n1.log") != std::string::npos);
  CHECK(nodes[0]->scripts()[3] == "toy init /data/toy");
  CHECK(nodes[0]->scripts().back() == "sync -f -- /data/toy");
  REQUIRE(error_of(system.start({"n3"})) == "fine");
  CHECK(nodes[2]->scripts().back() == "toy start n3");
  CHECK_FALSE(nodes[0]->was_asked("toy start"));
  CHECK(error_of(system.start({"n4"})) == "there is no node n4; there are n1, n2, n3");
}

TEST_CASE("Failures name each node and the end of its output") {
  auto nodes = scripted_cluster(3);
  for (auto& node : nodes.nodes) node->otherwise(done());
  nodes[0]->on("toy start", done("", 2, "1\n2\n3\n4\n5\n6\nport taken\n"));
  nodes[2]->on("toy start", unknown("no end within 1m"));
  System system(toy(), nodes.cluster, true, {});
  const auto result = system.start_all();
  REQUIRE_FALSE(result);
  CHECK(result.error().kind == ErrorKind::infrastructure);
  CHECK(result.error().message ==
        "toy: start failed on 2 of 3 nodes:\n"
        "  node n1: exit code 2:\n"
        "    3\n    4\n    5\n    6\n    port taken\n"
        "  node n3: unknown: no end within 1m");
}

TEST_CASE("A system that cannot do something says so") {
  auto nodes = scripted_cluster(1);
  SystemSpec bare;
  bare.name = "bare";
  System system(bare, nodes.cluster, true, {});
  CHECK(error_of(system.start_all()) == "bare: its system file does not say how to start");
  CHECK(error_of(system.stop({"n1"})) == "bare: its system file does not say how to stop");
  CHECK(error_of(system.pause({"n1"})) == "bare: its system file does not say how to find its processes (pids)");
  CHECK(system.primaries().error().message == "bare: its system file does not say how to find its primaries");
  CHECK(system.version().error().kind == ErrorKind::bad_input);
  CHECK(system.health().front().why == "its system file says neither `healthy` nor `pids`");
}

TEST_CASE("A cluster that already runs: nothing is installed, set up, started, stopped or torn down, the rest works") {
  auto nodes = scripted_cluster(2);
  for (auto& node : nodes.nodes) node->otherwise(done());
  System system(toy(), nodes.cluster, false, {});
  CHECK(error_of(system.install()) == "toy: the plan says manage: none, so nothing of it is installed by shaketable");
  CHECK(error_of(system.set_up()).find("set up by shaketable") != std::string::npos);
  CHECK(error_of(system.start_all()).find("started by shaketable") != std::string::npos);
  CHECK(error_of(system.stop({"n1"})).find("stopped by shaketable") != std::string::npos);
  CHECK(error_of(system.tear_down()).find("torn down by shaketable") != std::string::npos);
  for (auto& node : nodes.nodes) CHECK(node->scripts().empty());
  CHECK(system.health().front().healthy);
  CHECK(system.processes({"n1"}));
  CHECK(system.primaries());
  for (const PlannedCommand& planned : system.planned_commands())
    CHECK((planned.purpose == "health" || planned.purpose == "primaries"));
}

TEST_CASE("Health: each sick node with its reason, waiting ends when all are well, or says who is not") {
  auto nodes = scripted_cluster(3);
  for (auto& node : nodes.nodes) node->otherwise(done());
  ManualClock clock;
  System system(toy(), nodes.cluster, true, {});
  nodes[1]->on("toy health 10.0.0.2 fd00::2", done("", 1, "no leader\n"), 3);
  CHECK(system.wait_until_healthy(clock, 10s, {}).value() == 750ms);

  nodes[1]->on("toy health", done("", 1, "no leader\n"));
  nodes[2]->unreachable("10.0.0.3 port 22: connection refused");
  const auto states = system.health();
  CHECK(states[0].healthy);
  CHECK(states[1].why == "exit code 1: no leader");
  const auto sick = system.wait_until_healthy(clock, 2s, {});
  REQUIRE_FALSE(sick);
  CHECK(sick.error().message ==
        "toy: 2 of 3 nodes not healthy after 2s:\n"
        "  node n2: exit code 1: no leader\n"
        "  node n3: not started: 10.0.0.3 port 22: connection refused");
  std::stop_source stop;
  stop.request_stop();
  CHECK(system.wait_until_healthy(clock, 2s, stop.get_token()).error().kind == ErrorKind::interrupted);
}

TEST_CASE("Primaries: the union of what the nodes say") {
  auto nodes = scripted_cluster(3);
  System system(toy(), nodes.cluster, true, {});
  nodes[0]->on("toy primaries", done("n3 n1\n"));
  nodes[1]->on("toy primaries", done("n3\n"));
  nodes[2]->on("toy primaries", done("", 1));
  CHECK(system.primaries().value() == std::vector<std::string>{"n1", "n3"});
  nodes[1]->on("toy primaries", done("n9\n"));
  CHECK(system.primaries().error().message ==
        "toy: node n2 says that n9 is a primary, and that is no node of the plan");
  for (auto& node : nodes.nodes) node->on("toy primaries", done("", 1, "down\n"));
  CHECK(system.primaries().error().message.find("toy: no node tells who is primary:\n  node n1: exit code 1: down\n") ==
        0);
  for (auto& node : nodes.nodes) node->on("toy primaries", done());
  CHECK(system.primaries().value().empty());
}

TEST_CASE("Pausing names processes by pid and start time, and resuming wakes the very same") {
  auto nodes = scripted_cluster(2);
  for (auto& node : nodes.nodes) node->otherwise(done());
  nodes[0]->on("toy pids", done("77 1234 S toy\n78 1240 R toy worker\n"));
  System system(toy(), nodes.cluster, true, {});
  CHECK(system.processes({"n1"}).value().back() == ProcessId{"n1", 78, 1240, 'R', "toy worker"});
  REQUIRE(error_of(system.pause({"n1"})) == "fine");
  CHECK(nodes[0]->scripts().back().find("signal=STOP\nall='77:1234 78:1240'\n") == 0);
  CHECK(error_of(system.pause({"n1", "n2"})) == "toy: it does not run on node n2: nothing to pause");
  // Meanwhile 77 has died and its number went to another process of the system.
  nodes[0]->on("toy pids", done("77 9999 S toy\n78 1240 T toy worker\n"));
  REQUIRE(error_of(system.resume({"n1"})) == "fine");
  CHECK(nodes[0]->scripts().back().find("signal=CONT\nall='78:1240 77:1234'\n") == 0);
  REQUIRE(error_of(system.resume({"n1"})) == "fine");
  CHECK(nodes[0]->scripts().back().find("signal=CONT\nall=78:1240\n") == 0);
  nodes[0]->on("toy pids", done("1 5 S init\n"));
  CHECK_FALSE(system.kill({"n1"}));
}

TEST_CASE("Stop that leaves processes behind is an error, and tearing down kills them") {
  auto nodes = scripted_cluster(1);
  nodes[0]->otherwise(done());
  nodes[0]->on("toy pids", done("77 1234 S toy\n"));
  System system(toy(), nodes.cluster, true, {});
  CHECK(error_of(system.stop({"n1"})) == "toy: stop left processes behind: toy 77 on n1");
  CHECK(error_of(system.tear_down()) == "fine");
  CHECK(nodes[0]->was_asked("signal=KILL\nall=77:1234\n"));
  CHECK(nodes[0]->was_asked("toy teardown"));
  CHECK(nodes[0]->scripts().back().find("data=/data/toy\n") == 0);
}

TEST_CASE("Logs land in a folder per node, what is missing is told and no file leaves the folder") {
  auto nodes = scripted_cluster(2);
  SystemSpec spec = toy();
  spec.logs = {"/var/log/toy/*.log", "/data/*/trace"};
  System system(spec, nodes.cluster, true, {});
  nodes[0]->on("for f in /var/log/toy/*.log /data/*/trace; do",
               done("/var/log/toy/a.log\n/data/x/trace\n/data/y/trace\n/gone\n/..\n"));
  nodes[0]->put_file("/var/log/toy/a.log", "0123456789");
  nodes[0]->put_file("/data/x/trace", "x");
  nodes[0]->put_file("/data/y/trace", "y");
  nodes[0]->put_file("/..", "trap");
  nodes[1]->unreachable("cut off");
  std::string pattern = (std::filesystem::temp_directory_path() / "shaketable-logs-XXXXXX").string();
  REQUIRE(::mkdtemp(pattern.data()));
  const auto missing = system.collect_logs(pattern, 4);
  const auto read = [&](const std::string& name) {
    std::stringstream text;
    text << std::ifstream(pattern + "/" + name).rdbuf();
    return text.str();
  };
  CHECK(read("n1/a.log") == "6789");
  CHECK(read("n1/data-x-trace") == "x");
  CHECK(read("n1/data-y-trace") == "y");
  CHECK(read("n1/log") == "trap");
  CHECK(missing == std::vector<std::string>{"node n2: no logs: not started: cut off", "node n1: /gone: no such file"});
  std::filesystem::remove_all(pattern);
}

TEST_CASE("What clients connect to") {
  std::vector<std::unique_ptr<Node>> list;
  const auto add = [&](auto change) {
    NodeSpec spec;
    spec.name = "n" + std::to_string(list.size() + 1);
    spec.host = "ssh.example";
    change(spec);
    list.push_back(std::make_unique<Node>(spec, std::make_unique<ScriptedRemote>(std::make_shared<ScriptedNode>())));
  };
  add([](NodeSpec& s) { s.client_url = "https://db.example:1"; });
  add([](NodeSpec& s) { s.address = "10.0.0.2", s.address6 = "fd00::2"; });
  add([](NodeSpec& s) { s.address6 = "fd00::3"; });
  add([](NodeSpec&) {});
  const Cluster cluster(std::move(list));
  const System system(toy(), cluster, true, {});
  CHECK(system.client_url(cluster.node(0)).value() == "https://db.example:1");
  CHECK(system.client_url(cluster.node(1)).value() == "http://10.0.0.2:7000");
  CHECK(system.client_url(cluster.node(2)).value() == "http://[fd00::3]:7000");
  CHECK(system.client_url(cluster.node(3)).value() == "http://ssh.example:7000");
}

TEST_CASE("A dry run lists every command and touches nothing") {
  auto nodes = scripted_cluster(2);
  SystemSpec spec = toy();
  spec.packages = {"toy-server"};
  const System system(spec, nodes.cluster, true, {});
  std::vector<std::string> steps;
  for (const PlannedCommand& planned : system.planned_commands()) {
    steps.push_back(planned.node + " " + planned.purpose);
    CHECK_FALSE(planned.script.empty());
    CHECK(planned.script.find("{{") == std::string::npos);
  }
  CHECK(steps == std::vector<std::string>{"n1 install",
                                          "n2 install",
                                          "n1 prepare",
                                          "n2 prepare",
                                          "n1 write /etc/toy/{{node}}.conf",
                                          "n2 write /etc/toy/{{node}}.conf",
                                          "n1 set up",
                                          "n2 set up",
                                          "n1 sync data",
                                          "n2 sync data",
                                          "n1 start",
                                          "n2 start",
                                          "n1 health",
                                          "n2 health",
                                          "n1 primaries",
                                          "n2 primaries",
                                          "n1 stop",
                                          "n2 stop",
                                          "n1 tear down",
                                          "n2 tear down",
                                          "n1 empty data",
                                          "n2 empty data"});
  for (auto& node : nodes.nodes) CHECK(node->scripts().empty());
}

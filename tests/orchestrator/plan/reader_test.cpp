#include "orchestrator/plan/reader.h"

#include <catch2/catch.hpp>

#include "tests/orchestrator/plan/sample.h"

namespace shaketable {
namespace {

using namespace std::chrono_literals;

TEST_CASE("a plan of two lines is complete") {
  const Plan plan = plan_of("system: etcd\nworkload: register\n");
  CHECK(plan.name == "plan");
  CHECK_FALSE(plan.seed);
  REQUIRE(plan.cluster.lab);
  CHECK(plan.cluster.lab->nodes == 5);
  CHECK(plan.cluster.managed);
  CHECK(plan.system.name == "etcd");
  CHECK(plan.client.name == "etcd");
  CHECK(plan.client.options.text("reads") == "linearizable");
  CHECK(plan.workload.name == "register");
  CHECK(plan.workload.options.integer("keys") == 4);
  CHECK(plan.schedule.faults.empty());
  CHECK(plan.checks.empty());
  CHECK(plan.time_limit == 60s);
  CHECK(plan.text == "system: etcd\nworkload: register\n");
}

TEST_CASE("everything a plan can say arrives") {
  const Plan plan = plan_of(R"(
name: full
about: all keys
seed: 18446744073709551615
cluster: {lab: {nodes: 3, memory: 512MiB, disk: 1GiB}}
system: {name: etcd, options: {heartbeat: 50ms}}
client: {name: etcd, timeout: 500ms, user: root, reads: serializable}
workload: {name: register, workers: 20, rate: 200.5, keys: 8, mix: {read: 1, cas: 3}, final_reads: false}
faults:
  schedule: random
  first_after: 2s
  lasts: [4s, 8s]
  quiet: 3s
  choose:
    - {partition: {shape: [halves, bridge]}, weight: 2}
    - partition: isolate
    - pause: {share: 0.25, spread: [1ms, 2ms], fill: 1MiB, delay: 5ms}
    - kill
safety: {lease: 5s, longest_fault: 1m, allowed_hosts: [n1], max_faulty: 2}
time_limit: 30s
health_before: 20s
recovery: 40s
check:
  timeout: 2m
  memory: 1GiB
  checkers:
    - linearizable: {model: register}
    - list-append
)");
  CHECK(plan.name == "full");
  CHECK(plan.about == "all keys");
  CHECK(plan.seed == UINT64_MAX);
  CHECK(plan.cluster.lab->nodes == 3);
  CHECK(plan.cluster.lab->node_memory_bytes == 512u << 20);
  CHECK(plan.cluster.lab->node_disk_bytes == 1u << 30);
  CHECK(plan.system_options.at("heartbeat") == "50ms");
  CHECK(plan.client.timeout == 500ms);
  CHECK(plan.client.user == "root");
  CHECK(plan.client.options.text("reads") == "serializable");
  CHECK(plan.workload.workers == 20);
  CHECK(plan.workload.rate == 200.5);
  CHECK(plan.workload.options.integer("keys") == 8);
  CHECK(plan.workload.options.weights("mix") == Weights{{"read", 1}, {"cas", 3}});
  CHECK_FALSE(plan.workload.options.boolean("final_reads"));
  CHECK(plan.schedule.kind == ScheduleKind::random);
  CHECK(plan.schedule.first_after == 2s);
  CHECK(plan.schedule.lasts == DurationRange{4s, 8s});
  CHECK(plan.schedule.quiet == DurationRange{3s, 3s});
  REQUIRE(plan.schedule.faults.size() == 4);
  CHECK(plan.schedule.faults[0].weight == 2);
  CHECK(plan.schedule.faults[0].options.texts("shape") == std::vector<std::string>{"halves", "bridge"});
  CHECK(plan.schedule.faults[1].options.texts("shape") == std::vector<std::string>{"isolate"});
  CHECK(plan.schedule.faults[2].fault == "pause");
  CHECK(plan.schedule.faults[2].options.number("share") == 0.25);
  CHECK(plan.schedule.faults[3].fault == "kill");
  CHECK(plan.safety.lease == 5s);
  CHECK(plan.safety.longest_fault == 60s);
  CHECK(plan.safety.allowed_hosts == std::vector<std::string>{"n1"});
  CHECK(plan.safety.max_faulty == 2);
  CHECK(plan.time_limit == 30s);
  CHECK(plan.health_before == 20s);
  CHECK(plan.recovery == 40s);
  CHECK(plan.check_timeout == 2min);
  CHECK(plan.check_memory_bytes == 1u << 30);
  REQUIRE(plan.checks.size() == 2);
  CHECK(plan.checks[0].options.text("model") == "register");
  CHECK(plan.checks[1].checker == "list-append");
}

TEST_CASE("a timeline arrives in its order") {
  const Plan plan =
      plan_of(minimal("faults:\n  schedule: timeline\n  events:\n    - {at: 5s, for: 10s, partition: {shape: "
                      "isolate}}\n    - {at: 0s, for: 1s, kill: }\n"));
  CHECK(plan.schedule.kind == ScheduleKind::timeline);
  REQUIRE(plan.schedule.faults.size() == 2);
  CHECK(plan.schedule.faults[0].at == 5s);
  CHECK(plan.schedule.faults[0].lasts == 10s);
  CHECK(plan.schedule.faults[1].fault == "kill");
}

TEST_CASE("a typo is answered with what was meant, line and caret") {
  CHECK(complaint("name: a\nsystem: etcd\nworklod: register\n") ==
        "plan.yaml:1:1: a plan needs \"workload\": what the clients do; there is append, register\n"
        "name: a\n"
        "^\n"
        "plan.yaml:3:1: unknown key \"worklod\"; did you mean \"workload\"?\n"
        "worklod: register\n"
        "^");
  CHECK(complaint("system: etcd\nworkload: regsiter\n") ==
        "plan.yaml:2:11: there is no workload \"regsiter\"; did you mean \"register\"?\n"
        "workload: regsiter\n"
        "          ^");
  CHECK(complaint(minimal("client: {name: zookeeper}\n")) ==
        "plan.yaml:3:16: there is no client \"zookeeper\"; there is etcd, exec\n"
        "client: {name: zookeeper}\n"
        "               ^");
  CHECK(complaint(minimal("client: {name: etcd, colour: red}\n")) ==
        "plan.yaml:3:22: unknown key \"colour\"; the client etcd takes name, timeout, user, password, tls, reads\n"
        "client: {name: etcd, colour: red}\n"
        "                     ^");
}

TEST_CASE("all that is wrong is told at once, in the order of the lines") {
  CHECK(complaint("system: etcd\n"
                  "workload:\n"
                  "  name: register\n"
                  "  workers: 0\n"
                  "  rate: -1\n"
                  "  keys: many\n"
                  "time_limit: 30\n"
                  "client:\n"
                  "  reads: stale\n"
                  "  reads: linearizable\n") ==
        "plan.yaml:4:12: workers must be at least 1, not 0\n"
        "  workers: 0\n"
        "           ^\n"
        "plan.yaml:5:9: rate must be at least 0, not -1\n"
        "  rate: -1\n"
        "        ^\n"
        "plan.yaml:6:9: keys must be a whole number, not \"many\"\n"
        "  keys: many\n"
        "        ^\n"
        "plan.yaml:7:13: time_limit must be a duration such as 500ms, 5s or 2m, not \"30\"; the unit is missing\n"
        "time_limit: 30\n"
        "            ^\n"
        "plan.yaml:9:10: reads must be linearizable or serializable, not \"stale\"\n"
        "  reads: stale\n"
        "         ^\n"
        "plan.yaml:10:3: the key \"reads\" stands twice; first in line 9\n"
        "  reads: linearizable\n"
        "  ^");
}

TEST_CASE("a plan must be a map, and its keys must have values") {
  CHECK(complaint("- a\n- b\n") ==
        "plan.yaml:1:1: a plan must be a map of keys and values, not a list\n"
        "- a\n"
        "^");
  CHECK(complaint(minimal("time_limit:\nsafety: [a]\n")) ==
        "plan.yaml:3:1: time_limit has no value; leave the key out to have its default\n"
        "time_limit:\n"
        "^\n"
        "plan.yaml:4:9: safety must be a map such as {lease: 10s, max_faulty: 2}, not a list\n"
        "safety: [a]\n"
        "        ^");
  CHECK(complaint("name: a/b\nseed: -1\n" + minimal()) ==
        "plan.yaml:1:7: name must be at most 80 letters, digits, \".\", \"-\" and \"_\", not \"a/b\"\n"
        "name: a/b\n"
        "      ^\n"
        "plan.yaml:2:7: seed must be a whole number from 0 to 18446744073709551615, not \"-1\"\n"
        "seed: -1\n"
        "      ^");
}

TEST_CASE("files that are no plan") {
  const Scratch scratch;
  const auto message = [](const std::string& path) { return read_plan(path, sample_catalogue()).error().message; };
  CHECK(message(scratch.path() + "/none.yaml") == scratch.path() + "/none.yaml: there is no such file");
  CHECK(message(scratch.path()) == scratch.path() + ": this is a directory, not a file");
  const std::string empty = scratch.write("empty.yaml", "");
  CHECK(message(empty) == empty + ": nothing in it but blanks and comments");
  const std::string binary = scratch.write("binary.yaml", std::string_view("SQLite format 3\0\x10\0\1\1", 20));
  CHECK(message(binary) == binary + ": this is not a text in UTF-8, so it is not YAML");
  const std::string null = scratch.write("null.yaml", "~\n");
  CHECK(message(null) == null + ":1:1: a plan must be a map of keys and values, not nothing\n~\n^");
}

TEST_CASE("a required parameter that is missing is asked for with its meaning") {
  CHECK(complaint(minimal("client:\n  name: exec\n")) ==
        "plan.yaml:3:1: the client exec needs \"program\": the program that speaks the client protocol\n"
        "client:\n"
        "^");
}

TEST_CASE("without a client the system's name is the client's") {
  CHECK(complaint("system: redis\nworkload: register\n") ==
        "plan.yaml:1:1: there is no client named as the system, \"redis\"; add \"client\": etcd or exec\n"
        "system: redis\n"
        "^");
  CHECK(plan_of("system: redis\nworkload: register\nclient: etcd\n").client.name == "etcd");
  CHECK(plan_of(minimal("client: {timeout: 1s}\n")).client.timeout == 1s);
}

TEST_CASE("a password in a plan is refused and blotted out, wherever its line is quoted") {
  CHECK(complaint(minimal("client: {name: etcd, password: hunter2hunter2, colour: red}\n")) ==
        "plan.yaml:3:32: a password does not belong in a plan; name the place that holds it: password: {file: FILE} or "
        "password: {env: VARIABLE}\n"
        "client: {name: etcd, password: [redacted], colour: red}\n"
        "                               ^\n"
        "plan.yaml:3:48: unknown key \"colour\"; the client etcd takes name, timeout, user, password, tls, reads\n"
        "client: {name: etcd, password: [redacted], colour: red}\n"
        "                                               ^");
  PlanOptions options;
  options.set = {"client.password=swordfish99"};
  CHECK(
      complaint(minimal(), options) ==
      "--set client.password=[redacted]: a password does not belong in a plan; name the place that holds it: password: "
      "{file: FILE} or password: {env: VARIABLE}");
}

TEST_CASE("secrets and keys come from files and variables, which must be there") {
  const Scratch scratch;
  scratch.write("secret", "open sesame\n");
  scratch.write("empty", "\n");
  for (const char* name : {"ca.pem", "client.pem", "client.key"}) scratch.write(name, "-----");
  PlanOptions options;
  options.config_directories = {SHAKETABLE_SOURCE_DIR "/tests/orchestrator/plan/data"};
  options.directory = scratch.path();
  const Plan plan = plan_of(
      minimal("client: {password: {file: secret}, tls: {ca: ca.pem, certificate: client.pem, key: client.key}}\n"),
      options);
  CHECK(plan.client.password == "open sesame");
  CHECK(plan.client.ca_file == scratch.path() + "/ca.pem");
  CHECK(plan.client.certificate_file == scratch.path() + "/client.pem");
  CHECK(plan.client.key_file == scratch.path() + "/client.key");
  CHECK(plan.text.find("sesame") == std::string::npos);

  CHECK(complaint(minimal("client: {password: {file: empty}}\n"), options) ==
        "plan.yaml:3:27: password: " + scratch.path() +
            "/empty is empty\n"
            "client: {password: {file: empty}}\n"
            "                          ^");
  CHECK(complaint(minimal("client: {password: {file: gone}, tls: {ca: gone.pem, key: client.key}}\n"), options) ==
        "plan.yaml:3:27: password: " + scratch.path() +
            "/gone: there is no such file\n"
            "client: {password: {file: gone}, tls: {ca: gone.pem, key: client.key}}\n"
            "                          ^\n"
            "plan.yaml:3:34: tls has a key but no certificate\n"
            "client: {password: {file: gone}, tls: {ca: gone.pem, key: client.key}}\n"
            "                                 ^\n"
            "plan.yaml:3:44: ca: " +
            scratch.path() +
            "/gone.pem: there is no such file\n"
            "client: {password: {file: gone}, tls: {ca: gone.pem, key: client.key}}\n"
            "                                           ^");
  CHECK(complaint(minimal("client: {password: {env: SHAKETABLE_TEST_NOT_SET}}\n")) ==
        "plan.yaml:3:26: password: the environment variable SHAKETABLE_TEST_NOT_SET is not set\n"
        "client: {password: {env: SHAKETABLE_TEST_NOT_SET}}\n"
        "                         ^");
  CHECK(complaint(minimal("client: {password: {env: A, file: b}}\n")) ==
        "plan.yaml:3:20: name the place that holds it: password: {file: FILE} or password: {env: VARIABLE}\n"
        "client: {password: {env: A, file: b}}\n"
        "                   ^");
  options.need_files = false;
  CHECK(complaint(minimal("client: {password: {file: gone}, tls: {ca: gone.pem}}\n"), options).empty());
}

TEST_CASE("a system is found by name beside the plan or in a config directory, or by path") {
  const Scratch scratch;
  const std::string mine = scratch.write("mine.yaml", "name: mine\n");
  PlanOptions above;
  above.directory = SHAKETABLE_SOURCE_DIR "/tests/orchestrator/plan";
  CHECK(plan_of("system: ./data/systems/redis.yaml\nclient: etcd\nworkload: register\n", above).system.name == "redis");
  CHECK(plan_of("system: {name: " + mine + "}\nclient: etcd\nworkload: register\n").system_path == mine);

  PlanOptions options;
  options.directory = scratch.path();
  options.config_directories = {SHAKETABLE_SOURCE_DIR "/tests/orchestrator/plan/data"};
  CHECK(plan_of(minimal(), options).system_path == SHAKETABLE_SOURCE_DIR
        "/tests/orchestrator/plan/data/systems/etcd.yaml");
  const std::string own = scratch.write("systems/etcd.yaml", "name: etcd\nabout: mine\n");
  CHECK(plan_of(minimal(), options).system_path == own);

  CHECK(complaint("system: etdc\nworkload: register\n", options) ==
        "plan.yaml:1:9: there is no system \"etdc\": no file " + scratch.path() +
            "/systems/etdc.yaml or " SHAKETABLE_SOURCE_DIR
            "/tests/orchestrator/plan/data/systems/etdc.yaml; did you mean \"etcd\"?\n"
            "system: etdc\n"
            "        ^");
  CHECK(complaint("system: cassandra\nworkload: register\n", options) ==
        "plan.yaml:1:9: there is no system \"cassandra\": no file " + scratch.path() +
            "/systems/cassandra.yaml or " SHAKETABLE_SOURCE_DIR
            "/tests/orchestrator/plan/data/systems/cassandra.yaml; there is etcd, redis\n"
            "system: cassandra\n"
            "        ^");
  CHECK(complaint("system: /nowhere/x.yaml\nworkload: register\n") ==
        "plan.yaml:1:9: there is no system \"/nowhere/x.yaml\": no file /nowhere/x.yaml; there is etcd, redis\n"
        "system: /nowhere/x.yaml\n"
        "        ^");
  CHECK(complaint("system: {name: etcd, options: {heartbeet: 1ms}}\nworkload: register\n") ==
        "plan.yaml:1:32: etcd has no option \"heartbeet\"; did you mean \"heartbeat\"?\n"
        "system: {name: etcd, options: {heartbeet: 1ms}}\n"
        "                               ^");
}

TEST_CASE("plan: a version stands with its package and belongs to one that the system has") {
  const Plan plan = plan_of("system: {name: etcd, versions: {etcd-server: 3.4.23-4}}\nworkload: register\n");
  CHECK(plan.system.packages == std::vector<std::string>{"etcd-server=3.4.23-4", "etcd-client"});
  CHECK(complaint("system: {name: etcd, versions: {etcd: 3.4.23-4}}\nworkload: register\n")
            .starts_with("plan.yaml:1:33: etcd is not made of a package \"etcd\"; it has etcd-server, etcd-client\n"));
  CHECK(complaint("system: {name: etcd, versions: 3.4}\nworkload: register\n")
            .find("versions must be a map of packages to versions") != std::string::npos);
}

TEST_CASE("what is wrong in the system's file is told with that file's name") {
  const Scratch scratch;
  PlanOptions options;
  options.directory = scratch.path();
  const std::string path = scratch.write("systems/etcd.yaml", "name: etcd\nclient_port: 99999\nstrat: etcd &\n");
  CHECK(complaint(minimal(), options) == path +
                                             ":2:14: client_port must be at most 65535, not 99999\n"
                                             "client_port: 99999\n"
                                             "             ^\n" +
                                             path +
                                             ":3:1: unknown key \"strat\"; did you mean \"start\"?\n"
                                             "strat: etcd &\n"
                                             "^");
}

TEST_CASE("the safety limits must fit each other and the nodes") {
  CHECK(complaint(minimal("safety: {lease: 30s, longest_fault: 20s}\n")) ==
        "plan.yaml:3:17: the lease (30s) must not be longer than longest_fault (20s)\n"
        "safety: {lease: 30s, longest_fault: 20s}\n"
        "                ^");
  CHECK(complaint(minimal("cluster: {manage: none, nodes: [a, b]}\nsafety: {allowed_hosts: [a]}\n")) ==
        "plan.yaml:4:25: allowed_hosts leaves out the plan's own node b\n"
        "safety: {allowed_hosts: [a]}\n"
        "                        ^");
}

TEST_CASE("a client must offer the interface that the workload needs") {
  Catalogue catalogue = sample_catalogue();
  catalogue.clients["etcd"].interfaces = {"register", "lock"};
  catalogue.clients["exec"].interfaces = {"list-transactions"};
  catalogue.workloads["register"].interfaces = {"register"};
  catalogue.workloads["append"].interfaces = {"list-transactions"};
  PlanOptions options;
  options.directory = SHAKETABLE_SOURCE_DIR "/tests/orchestrator/plan/data";
  const auto complaint_with = [&](const std::string& text) {
    const auto plan = parse_plan(text, "plan.yaml", catalogue, options);
    return plan ? "" : plan.error().message;
  };
  CHECK(complaint_with("system: etcd\nworkload: register\n").empty());
  CHECK(complaint_with("system: etcd\nworkload: append\n") ==
        "plan.yaml:2:11: the workload append needs a client that offers \"list-transactions\", and etcd does not; "
        "one does: exec\n"
        "workload: append\n"
        "          ^");
  catalogue.clients["exec"].interfaces = {};
  CHECK(complaint_with("system: etcd\nworkload: {workers: 2, name: append}\n") ==
        "plan.yaml:2:30: the workload append needs a client that offers \"list-transactions\", and etcd does not; "
        "no client does\n"
        "workload: {workers: 2, name: append}\n"
        "                             ^");
}

TEST_CASE("checkers are named alone, in a list, or with bounds") {
  CHECK(plan_of(minimal("check: linearizable\n")).checks.at(0).checker == "linearizable");
  CHECK(plan_of(minimal("check: [linearizable: register, list-append]\n")).checks.at(0).options.text("model") ==
        "register");
  CHECK(plan_of(minimal("check: {timeout: 5s}\n")).checks.empty());
  CHECK(complaint(minimal("check: [linearisable, {a: 1, b: 2}]\n")) ==
        "plan.yaml:3:9: there is no checker \"linearisable\"; did you mean \"linearizable\"?\n"
        "check: [linearisable, {a: 1, b: 2}]\n"
        "        ^\n"
        "plan.yaml:3:23: a checker must be a name, or a map of one name to its parameters, not a map of 2 keys\n"
        "check: [linearisable, {a: 1, b: 2}]\n"
        "                      ^");
}

}  // namespace
}  // namespace shaketable

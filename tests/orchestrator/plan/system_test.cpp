#include <catch2/catch.hpp>

#include "tests/orchestrator/plan/sample.h"

namespace shaketable {
namespace {

using namespace std::chrono_literals;

TEST_CASE("everything a system can say arrives") {
  const Scratch scratch;
  const auto spec = read_system(scratch.write("s.yaml", R"(
name: etcd
about: a key-value store
packages: [etcd-server, etcd-client]
options: {heartbeat: 100ms, empty: ""}
lists:
  members: "{{node}}=http://{{ip}}:2380"
  hosts: {each: "{{ip}}", separator: " "}
files:
  /etc/etcd.conf: |
    name: {{node}}
  "{{data}}/x": y
data: /var/lib/etcd
log: /var/log/etcd
logs: /var/log/etcd/*.log
client_port: 2379
client_scheme: https
setup: a
start: b
stop: c
pids: d
healthy: e
primaries: f
version: g
teardown: h
start_timeout: 5s
log_findings: ["^panic:", corrupt]
)"));
  INFO((spec ? std::string() : spec.error().message));
  REQUIRE(spec);
  CHECK(spec->name == "etcd");
  CHECK(spec->about == "a key-value store");
  CHECK(spec->packages == std::vector<std::string>{"etcd-server", "etcd-client"});
  CHECK(spec->options == std::map<std::string, std::string>{{"heartbeat", "100ms"}, {"empty", ""}});
  CHECK(spec->lists.at("members").each == "{{node}}=http://{{ip}}:2380");
  CHECK(spec->lists.at("members").separator == ",");
  CHECK(spec->lists.at("hosts").separator == " ");
  CHECK(spec->files.at("/etc/etcd.conf") == "name: {{node}}\n");
  CHECK(spec->files.at("{{data}}/x") == "y");
  CHECK(spec->data == "/var/lib/etcd");
  CHECK(spec->log == "/var/log/etcd");
  CHECK(spec->logs == std::vector<std::string>{"/var/log/etcd/*.log"});
  CHECK(spec->client_port == 2379);
  CHECK(spec->client_scheme == "https");
  CHECK(spec->setup + spec->start + spec->stop + spec->pids + spec->healthy + spec->primaries + spec->version +
            spec->teardown ==
        "abcdefgh");
  CHECK(spec->start_timeout == 5s);
  CHECK(spec->log_findings == std::vector<std::string>{"^panic:", "corrupt"});
}

TEST_CASE("what is wrong with a system's file is told at its place") {
  const Scratch scratch;
  const std::string path = scratch.write("s.yaml",
                                         "about: no name\n"
                                         "options: [a]\n"
                                         "lists: {members: {separator: \",\"}, others: [a], ip: x}\n"
                                         "files: {etc/etcd.conf: x}\n"
                                         "start: [a, b]\n"
                                         "log_findings: [fine, \"(open\"]\n"
                                         "helthy: x\n");
  CHECK(read_system(path).error().message ==
        path +
            ":1:1: a system needs \"name\"\n"
            "about: no name\n"
            "^\n" +
            path +
            ":2:10: options must be a map of names to texts, not a list\n"
            "options: [a]\n"
            "         ^\n" +
            path +
            ":3:9: the list \"members\" needs \"each\": the text for one node\n"
            "lists: {members: {separator: \",\"}, others: [a], ip: x}\n"
            "        ^\n" +
            path +
            ":3:44: the list \"others\" must be a text for one node, or a map with each and separator, not a list\n"
            "lists: {members: {separator: \",\"}, others: [a], ip: x}\n"
            "                                           ^\n" +
            path +
            ":3:49: a list cannot be named \"ip\": every node has a variable of that name\n"
            "lists: {members: {separator: \",\"}, others: [a], ip: x}\n"
            "                                                ^\n" +
            path +
            ":4:9: files: \"etc/etcd.conf\" must be an absolute path on the node\n"
            "files: {etc/etcd.conf: x}\n"
            "        ^\n" +
            path +
            ":5:8: start must be a text, not a list\n"
            "start: [a, b]\n"
            "       ^\n" +
            path +
            ":6:22: log_findings: \"(open\" is no regular expression: Mismatched '(' and ')' in regular expression\n"
            "log_findings: [fine, \"(open\"]\n"
            "                     ^\n" +
            path +
            ":7:1: unknown key \"helthy\"; did you mean \"healthy\"?\n"
            "helthy: x\n"
            "^");
}

TEST_CASE("a variable that nobody fills in is found in the line that uses it") {
  const Scratch scratch;
  const std::string path = scratch.write("s.yaml",
                                         "name: s\n"
                                         "options: {quota: 1GiB}\n"
                                         "lists: {members: \"{{node}}\"}\n"
                                         "start: |\n"
                                         "  # first\n"
                                         "  run --name {{nodes}} --quota {{option.qouta}} --peers {{members}}\n"
                                         "stop: end {{node\n"
                                         "teardown: fine \\{{ and {{ node }}\n"
                                         "pids: \"{{}}\"\n");
  CHECK(read_system(path).error().message ==
        path +
            ":6:14: there is no variable \"{{nodes}}\"; did you mean \"node\"?\n"
            "  run --name {{nodes}} --quota {{option.qouta}} --peers {{members}}\n"
            "             ^\n" +
            path +
            ":6:32: there is no variable \"{{option.qouta}}\"; did you mean \"option.quota\"?\n"
            "  run --name {{nodes}} --quota {{option.qouta}} --peers {{members}}\n"
            "                               ^\n" +
            path +
            ":7:11: this \"{{\" has no \"}}\"; braces that are meant as such are written \\{{\n"
            "stop: end {{node\n"
            "          ^\n" +
            path +
            ":9:8: there is no variable \"{{}}\"\n"
            "pids: \"{{}}\"\n"
            "       ^");
}

TEST_CASE("systems are found by name, and the first directory wins") {
  const Scratch scratch;
  const std::string mine = scratch.write("systems/etcd.yaml", "name: etcd\n");
  scratch.write("systems/.hidden.yaml", "");
  scratch.write("systems/readme.md", "");
  const std::string data = SHAKETABLE_SOURCE_DIR "/tests/orchestrator/plan/data";
  CHECK(find_systems({scratch.path(), data, scratch.path() + "/absent"}) ==
        std::map<std::string, std::string>{{"etcd", mine}, {"redis", data + "/systems/redis.yaml"}});
}

}  // namespace
}  // namespace shaketable

// What a stranger sees who types something wrong, or gives a file that is none. No node is touched.
#include <catch2/catch.hpp>

#include "tests/orchestrator/program.h"

using namespace shaketable::testing;

namespace {

void write(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("command line: usage errors exit 3, help exits 0") {
  CHECK(run_shaketable({}).exit_code == 3);
  CHECK(run_shaketable({"shake"}).exit_code == 3);
  CHECK(run_shaketable({"run"}).exit_code == 3);
  CHECK(run_shaketable({"run", "--no-such-option", "x.yaml"}).exit_code == 3);
  CHECK(run_shaketable({"check", "x.jsonl", "--checker", "linearizible"}).exit_code == 3);
  const Said help = run_shaketable({"--help"});
  CHECK(help.exit_code == 0);
  CHECK(contains(help.out, "Exit codes: 0 pass, 1 violation found"));
  CHECK(run_shaketable({"run", "--help"}).exit_code == 0);
  CHECK(contains(run_shaketable({"--version"}).out, "shaketable "));
}

TEST_CASE("command line: what plans can name is listed") {
  for (const char* what : {"faults", "workloads", "generators", "values", "checkers", "models", "clients", "systems"}) {
    INFO(what);
    const Said text = run_shaketable({"list", what}), json = run_shaketable({"list", what, "--json"});
    CHECK(text.exit_code == 0);
    CHECK_FALSE(text.out.empty());
    CHECK(json.out.starts_with("["));
  }
  CHECK(contains(run_shaketable({"list", "faults"}).out, "partition"));
  CHECK(contains(run_shaketable({"list", "clients"}).out, "etcd"));
  CHECK(contains(run_shaketable({"list", "systems"}).out, "etcd"));
  CHECK(contains(run_shaketable({"list", "models"}).out, "cas-register"));
  CHECK(contains(run_shaketable({"list", "generators"}).out, "{sleep: [1s, 5s]}"));
  CHECK(contains(run_shaketable({"list", "values"}).out, "{range: 3, from: 6}"));
}

TEST_CASE("command line: a plan with a typo shows the place, the line and a caret") {
  Scratch scratch;
  const std::string plan = scratch / "p.yaml";
  write(plan, "name: p\nsystem: etcd\nworklod: register\ncluster: {lab: {nodes: 3}}\n");
  const Said said = run_shaketable({"validate", plan});
  CHECK(said.exit_code == 3);
  CHECK(contains(said.err, plan + ":3:1: unknown key \"worklod\"; did you mean \"workload\"?\n"));
  CHECK(contains(said.err, "worklod: register\n"));
  CHECK(contains(said.err, "^"));
}

TEST_CASE("command line: workers that the load does not have are told where a fault names them") {
  Scratch scratch;
  const std::string plan = scratch / "p.yaml";
  const auto told = [&](const std::string& target) {
    write(plan,
          "name: p\nsystem: etcd\ncluster: {lab: {nodes: 3}}\nworkload: {name: register, workers: 3}\ntime_limit: 10s\n"
          "faults:\n  schedule: timeline\n  events:\n    - {at: 1s, for: 1s, pause-client: " +
              target + "}\n");
    const Said said = run_shaketable({"validate", plan});
    INFO(said.out << said.err);
    CHECK(said.exit_code == (said.err.empty() ? 0 : 3));
    return said.err;
  };
  CHECK(told("worker 2").empty());
  CHECK(told("[worker 0, worker 1]").empty());
  CHECK(told("all").empty());
  const std::string wrong = told("[worker 1, worker 3]");
  CHECK(contains(wrong, plan +
                            ":9:25: pause-client: there is no worker 3: the load has 3 workers, counted from 0; name "
                            "another, or raise `workers` of the workload\n    - {at: 1s, for: 1s, pause-client: "));
  CHECK(contains(wrong, "\n                        ^"));
}

TEST_CASE("command line: bad plans get one clear error and exit 3") {
  Scratch scratch;
  const std::string plan = scratch / "p.yaml";
  CHECK(run_shaketable({"run", scratch / "absent.yaml"}).exit_code == 3);
  const char* bad[] = {"",
                       "[",
                       "name: 5: 6\n",
                       "name: p\nsystem: no-such-system\n",
                       "\x00\x01\x02",
                       "name: p\nsystem: etcd\ncluster: {lab: {nodes: many}}\nworkload: register\n"};
  for (const char* text : bad) {
    INFO(text);
    write(plan, text);
    const Said said = run_shaketable({"run", plan});
    CHECK(said.exit_code == 3);
    CHECK(contains(said.err, plan));
  }
  std::string bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n";
  for (char c = 'b'; c < 'm'; ++c)
    bomb += std::string(1, c) + ": &" + c + " [*" + char(c - 1) + ", *" + char(c - 1) + ", *" + char(c - 1) + ", *" +
            char(c - 1) + "]\n";
  write(plan, bomb);
  CHECK(run_shaketable({"validate", plan}).exit_code == 3);
}

TEST_CASE("command line: histories that are none get one clear error and exit 3") {
  Scratch scratch;
  const std::string path = scratch / "history.db";
  auto check = [&](const std::string& file) {
    const Said said = run_shaketable({"check", file});
    INFO(said.err);
    CHECK(said.exit_code == 3);
    CHECK(contains(said.err, file));
    CHECK(said.out.empty());
  };
  check(scratch / "absent.db");
  write(path, "this is not SQLite, whatever its name says, and long enough to be read as a header by somebody hasty");
  check(path);
  write(path, std::string("SQLite format 3\0", 16));
  check(path);
  write(path, "");
  check(path);
  const std::string lines = scratch / "h.jsonl";
  write(lines,
        "{\"type\":\"invoke\",\"process\":0,\"f\":\"read\",\"value\":null}\n{\"type\":\"ok\",\"process\":0,\"f\":"
        "\"read\",\"val");
  const Said said = run_shaketable({"check", lines, "--checker", "linearizable"});
  CHECK(said.exit_code == 3);
  CHECK(contains(said.err, lines + ":2:"));
}

TEST_CASE("command line: histories of others are judged, alone and several, the worst verdict exits") {
  Scratch scratch;
  const std::string good = scratch / "good.jsonl", bad = scratch / "bad.jsonl";
  const std::string write5 =
      "{\"type\":\"invoke\",\"process\":0,\"f\":\"write\",\"value\":5}\n{\"type\":\"ok\",\"process\":0,\"f\":\"write\","
      "\"value\":5}\n";
  write(good, write5 +
                  "{\"type\":\"invoke\",\"process\":1,\"f\":\"read\",\"value\":null}\n{\"type\":\"ok\",\"process\":1,"
                  "\"f\":\"read\",\"value\":5}\n");
  write(bad, write5 +
                 "{\"type\":\"invoke\",\"process\":1,\"f\":\"read\",\"value\":null}\n{\"type\":\"ok\",\"process\":1,"
                 "\"f\":\"read\",\"value\":4}\n");
  const std::vector<std::string> by = {"--checker", "linearizable", "--model", "register"};
  auto run = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "check");
    arguments.insert(arguments.end(), by.begin(), by.end());
    return run_shaketable(arguments);
  };
  CHECK(run({good}).exit_code == 0);
  CHECK(run({bad}).exit_code == 1);
  CHECK(run({good, bad}).exit_code == 1);
  CHECK(run({bad, scratch / "absent.jsonl"}).exit_code == 1);
  CHECK(run({good, scratch / "absent.jsonl"}).exit_code == 3);
  const Said json = run({bad, "--json"});
  CHECK(json.exit_code == 1);
  CHECK(contains(json.out, "\"schema\":1"));
  CHECK(contains(json.out, "\"valid\":false"));
  CHECK(contains(json.out, "\"checker\":\"linearizable\""));
  CHECK(contains(json.out, "\"nonlinearizable\""));
  CHECK(run_shaketable({"check", good}).exit_code == 3);  // nobody said how
}

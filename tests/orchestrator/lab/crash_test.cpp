// Processes that die and logs that tell of it, on a real etcd in the lab: with and without a fault that asked for it.
#include <catch2/catch.hpp>

#include "history/run_file.h"
#include "history/text.h"
#include "tests/orchestrator/program.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

namespace {

constexpr const char* kLab = "test-crash";

std::string plan(const std::string& more) {
  return "name: crash\n"
         "cluster:\n"
         "  lab: {nodes: 3}\n"
         "system: etcd\n"
         "client: {name: etcd, timeout: 1s}\n"
         "workload: {name: register, workers: 6, rate: 100}\n" +
         more;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

Value findings_of(const std::string& run) {
  const auto file = open_run(run);
  REQUIRE(file);
  const auto text = file->meta("findings");
  REQUIRE(text);
  auto parsed = parse_json(*text);
  REQUIRE(parsed);
  return std::move(*parsed);
}

struct Down {
  ~Down() { run_shaketable({"lab", "down", "--lab", kLab}, 120s); }
};

}  // namespace

TEST_CASE(
    "a member killed behind the plan's back and a panic in a log are findings and the plan's own kills are none") {
  if (getuid() != 0) {
    WARN("skipped: the lab needs root");
    return;
  }
  const Scratch scratch;
  const Down down;
  std::ofstream(scratch / "quiet.yaml") << plan("time_limit: 25s\n");
  std::ofstream(scratch / "kills.yaml") << plan(
      "time_limit: 14s\n"
      "faults:\n"
      "  schedule: timeline\n"
      "  events:\n"
      "    - {at: 2s, for: 3s, kill: {target: one}}\n"
      "    - {at: 8s, for: 2s, restart: {target: one}}\n");
  REQUIRE(run_shaketable({"lab", "up", "--lab", kLab, "--nodes", "3", "--packages", "etcd-server,etcd-client"}, 180s)
              .exit_code == 0);

  const std::string asked = scratch / "asked";
  const Said kills =
      run_shaketable({"run", scratch / "kills.yaml", "--seed", "3", "--lab", kLab, "--out", asked}, 300s);
  INFO(kills.out << kills.err);
  CHECK(kills.exit_code == 0);
  CHECK_FALSE(contains(kills.out, "crashes:"));
  const Value seen = findings_of(asked);
  CHECK(seen.find("events")->size() >= 2);  // seen they were
  CHECK(seen.find("processes")->integer() >= 5);
  CHECK(seen.find("unwatched")->size() == 0);

  const std::string unasked = scratch / "unasked", junit = scratch / "junit.xml";
  Program program(
      {"run", scratch / "quiet.yaml", "--seed", "3", "--lab", kLab, "--out", unasked, "--json", "--junit", junit});
  REQUIRE(program.says("load for", 200s));
  std::this_thread::sleep_for(3s);
  const Said killed = run_shaketable(
      {"lab", "--lab", kLab, "ssh", "n2", "kill -9 $(cat /run/shaketable/etcd/pid) && echo killed"}, 60s);
  INFO(killed.out << killed.err);
  REQUIRE(contains(killed.out, "killed"));
  const Said logged = run_shaketable({"lab", "--lab", kLab, "ssh", "n3",
                                      "echo 'panic: the test says so' >>/var/log/shaketable/etcd.log && echo logged"},
                                     60s);
  REQUIRE(contains(logged.out, "logged"));
  const Said quiet = program.wait(200s);
  INFO(quiet.out << quiet.err);
  CHECK(quiet.exit_code == 1);
  const auto json = parse_json(quiet.out);
  REQUIRE(json);
  CHECK(json->find("valid")->boolean() == false);
  const Value findings = findings_of(unasked);
  const auto events = findings.find("events")->items();
  REQUIRE(events.size() == 2);
  for (const Value& event : events) {
    const bool death = event.find("node")->text() == "n2";
    CHECK(event.find("kind")->text() == (death ? "process-died" : "log-line"));
    if (!death) CHECK(event.find("node")->text() == "n3");
    CHECK(contains(std::string(event.find("what")->text()), death ? "etcd (process " : "panic: the test says so"));
    CHECK(event.find("earliest_ns")->integer() > 0);
    CHECK(event.find("latest_ns")->integer() > event.find("earliest_ns")->integer());
    CHECK(event.find("lines")->size() > 1);
  }
  const std::string xml = content_of(junit);
  CHECK(contains(xml, "name=\"crashes\" time=\"0.000\">\n      <failure message=\"n2 at "));
  CHECK(contains(xml, "name=\"logs\" time=\"0.000\">\n      <failure message=\"n3 at "));

  // Judged again, the run says the same, and in words.
  const Said again = run_shaketable({"check", unasked}, 120s);
  CHECK(again.exit_code == 1);
  CHECK(contains(again.out, "  crashes: INVALID\n    n2 at "));
  CHECK(contains(again.out, "  logs: INVALID\n    n3 at "));
  CHECK(contains(again.out, "panic: the test says so"));
}

// Two runs on one cluster: the second is refused, and told by whom.
#include <catch2/catch.hpp>

#include "history/text.h"
#include "tests/orchestrator/program.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

TEST_CASE("a cluster in use is refused with its holder named and a dead holder holds nobody off") {
  if (getuid() != 0) {
    WARN("skipped: the lab needs root");
    return;
  }
  const Scratch scratch;
  const std::string lab = "test-lock", plan = scratch / "p.yaml";
  std::ofstream(plan) << "cluster: {lab: {nodes: 1}}\nsystem: etcd\nworkload: {name: register, rate: 50, workers: 2}\n"
                         "time_limit: 8s\n";
  struct Down {
    const std::string lab;
    ~Down() { run_shaketable({"lab", "down", "--lab", lab}, 120s); }
  } const down{lab};
  REQUIRE(run_shaketable({"lab", "--lab", lab, "up", "--nodes", "1", "--packages", "etcd-server,etcd-client"}, 240s)
              .exit_code == 0);
  Program first({"run", plan, "--lab", lab, "--out", scratch / "nightly", "--prometheus", scratch / "figures.prom"});
  REQUIRE(first.says("load for 8s", 120s));
  const Said second = run_shaketable({"run", plan, "--lab", lab, "--out", scratch / "second"}, 120s);
  INFO(second.out << second.err);
  CHECK(second.exit_code == 4);
  CHECK(second.err.find("node n1 is in use: nightly by ") != std::string::npos);
  const Said done = first.wait(120s);
  INFO(done.out << done.err);
  CHECK(done.exit_code == 0);
  CHECK(content_of(scratch / "figures.prom").find("shaketable_run_exit_code{plan=\"p\",system=\"etcd\"} 0\n") !=
        std::string::npos);

  const auto on_node = [&](const std::string& script) {
    return run_shaketable({"lab", "ssh", "--lab", lab, "n1", script}, 60s);
  };
  CHECK(on_node("test -e /run/shaketable.lock").exit_code == 1);
  // Somebody whose lease was over a second ago; then somebody who has ten more seconds, and is waited for.
  const auto hold = [&](const std::string& until) {
    CHECK(on_node("printf '%s\\n' other $(( $(cut -d. -f1 /proc/uptime) " + until +
                  " )) $(cat /proc/sys/kernel/random/boot_id) 'dead by ci@gone (process 1)' >/run/shaketable.lock")
              .exit_code == 0);
  };
  hold("- 1");
  CHECK(run_shaketable({"run", plan, "--lab", lab, "--set", "time_limit=1s", "--out", scratch / "third"}, 120s)
            .exit_code == 0);
  // A run that was killed here a moment ago.
  {
    Program killed({"run", plan, "--lab", lab, "--out", scratch / "killed"});
    REQUIRE(killed.says("load for 8s", 120s));
    killed.signal(SIGKILL);
    killed.wait(20s);
  }
  const Said next =
      run_shaketable({"run", plan, "--lab", lab, "--set", "time_limit=1s", "--out", scratch / "next"}, 120s);
  INFO(next.err);
  CHECK(next.exit_code == 0);
  CHECK(next.err.find("which is no more, is taken over") != std::string::npos);
  hold("+ 10");
  const Said waited = run_shaketable(
      {"run", plan, "--lab", lab, "--set", "time_limit=1s", "--wait-for-lock", "60s", "--out", scratch / "fourth"},
      180s);
  INFO(waited.out << waited.err);
  CHECK(waited.exit_code == 0);
  CHECK(waited.err.find("waiting: node n1 is in use: dead by ci@gone (process 1)") != std::string::npos);
}

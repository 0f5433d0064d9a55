// Campaigns with real runs: killed and begun again, on this machine and by Slurm, with the same verdicts.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <map>

#include "history/text.h"
#include "tests/orchestrator/lab/own_slurm.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

namespace {

// Violations and trials by cell.
std::map<std::string, std::pair<std::int64_t, std::int64_t>> odds_of(const std::string& summary) {
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> out;
  const auto json = parse_json(summary);
  REQUIRE(json);
  for (const Value& cell : json->find("cells")->items())
    out[std::string(cell.find("name")->text())] = {cell.find("violations")->integer(), cell.find("trials")->integer()};
  return out;
}

}  // namespace

TEST_CASE("a campaign that is killed goes on and Slurm comes to the same verdicts") {
  if (getuid() != 0) {
    WARN("skipped: the lab needs root");
    return;
  }
  const Scratch scratch;
  const std::string file = scratch / "c.yaml";
  std::ofstream(file) << "name: c\nplans: [" SHAKETABLE_SOURCE_DIR
                         "/configs/etcd-serializable-reads.yaml]\nseeds: 1\n"
                         "vary: {client.reads: [linearizable, serializable]}\n"
                         "set: [cluster.lab.nodes=3, time_limit=12s, faults.first_after=2s]\nat_once: 2\n";
  const std::map<std::string, std::pair<std::int64_t, std::int64_t>> expected{
      {"etcd-serializable-reads client.reads=linearizable", {0, 1}},
      {"etcd-serializable-reads client.reads=serializable", {1, 1}}};

  const std::string local = scratch / "local";
  {
    Program killed({"campaign", file, "--out", local, "--json"});
    REQUIRE(killed.says("2 at once (local)", 60s));
    const auto begun = [&] {
      return std::filesystem::exists(local + "/jobs/etcd-serializable-reads.linearizable.seed-1.log");
    };
    for (int i = 0; i < 400 && !begun(); ++i) std::this_thread::sleep_for(50ms);
    REQUIRE(begun());
    const Said second = run_shaketable({"campaign", file, "--out", local});
    CHECK(second.exit_code == 4);
    CHECK(second.err.find("is being run by process ") != std::string::npos);
    killed.signal(SIGKILL);
    CHECK(killed.wait(20s).exit_code == 128 + SIGKILL);
  }
  // What was running goes on by itself; nothing is run twice.
  const Said again = run_shaketable({"campaign", file, "--out", local, "--json"}, 280s);
  INFO(again.out << again.err);
  CHECK(again.exit_code == 1);
  CHECK(odds_of(again.out) == expected);
  for (const auto& run : std::filesystem::directory_iterator(local + "/runs"))
    CHECK(run.path().string().find(".broken-") == std::string::npos);
  const Said done = run_shaketable({"campaign", file, "--out", local});
  CHECK(done.err.find("2 of 2 runs were done before") != std::string::npos);
  CHECK(run_shaketable({"campaign", file, "--out", local, "--set", "time_limit=11s"}).exit_code == 3);

  if (!OwnSlurm::installed()) {
    WARN("skipped: Slurm is not installed (scripts/packages test)");
    CHECK_FALSE(std::getenv("CI"));
    return;
  }
  const OwnSlurm slurm;
  INFO(slurm.logs());
  REQUIRE(slurm.ready(60s));
  ::setenv("SLURM_CONF", slurm.conf().c_str(), 1);
  const Said by_slurm =
      run_shaketable({"campaign", file, "--out", scratch / "slurm", "--executor", "slurm", "--json"}, 280s);
  ::unsetenv("SLURM_CONF");
  INFO(by_slurm.out << by_slurm.err);
  CHECK(by_slurm.exit_code == 1);
  CHECK(by_slurm.err.find("2 jobs, 2 at once") != std::string::npos);
  CHECK(odds_of(by_slurm.out) == expected);
}

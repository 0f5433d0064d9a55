// Faults that need a real system: workers that stand still while they hold a lock, and nodes that are restarted one
// after the other when it is healthy. On the embedded lab's etcd; one lab for both.
#include <catch2/catch.hpp>
#include <fstream>

#include "history/run_file.h"
#include "tests/orchestrator/program.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

namespace {

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t out = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++out;
  return out;
}

// States of the processes whose working directory this is: those of the workers, which start in the plan's.
std::string states_in(const std::string& directory) {
  std::string out;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    const auto cwd = std::filesystem::read_symlink(entry.path() / "cwd", ignored);
    if (ignored || cwd != directory) continue;
    const std::string stat = content_of(entry.path() / "stat");
    const std::size_t name_end = stat.rfind(')');
    if (name_end != std::string::npos && name_end + 2 < stat.size()) out += stat[name_end + 2];
  }
  return out;
}

template <class Holds>
bool comes_true(Holds holds) {
  for (const auto end = std::chrono::steady_clock::now() + 60s; std::chrono::steady_clock::now() < end;) {
    if (holds()) return true;
    std::this_thread::sleep_for(50ms);
  }
  return holds();
}

}  // namespace

TEST_CASE("etcd: paused lock holders are kept out by their tokens and a rolling restart goes through all nodes") {
  if (getuid() != 0) {
    WARN("skipped: the lab needs root");
    return;
  }
  const Scratch scratch;
  const std::string out = scratch / "run", lab = "test-etcd-faults";
  struct Down {
    const std::string lab;
    ~Down() { run_shaketable({"lab", "down", "--lab", lab}, 120s); }
  } const down{lab};
  REQUIRE(run_shaketable({"lab", "--lab", lab, "up", "--nodes", "3", "--packages", "etcd-server,etcd-client"}, 240s)
              .exit_code == 0);
  const Said run = run_shaketable({"run", "configs/paused-clients.yaml", "--lab", lab, "--out", out}, 300s);
  INFO(run.out << run.err);
  CHECK(run.exit_code == 0);
  const auto file = open_run(out);
  REQUIRE(file);
  const auto faults = file->faults();
  REQUIRE(faults);
  REQUIRE(faults->size() == 2);
  for (const FaultRecord& fault : *faults) {
    CHECK(fault.undo == UndoState::verified);
    REQUIRE(fault.nodes.size() == 1);
    const Value *bit = fault.nodes[0].proof.find("bit"), *state = fault.nodes[0].proof.find("state");
    CHECK((bit && *bit == Value(true)));
    CHECK((state && *state == Value("T")));
  }
  // Whoever had the lock first was stopped for longer than its lease, and wrote with its old token when it went on.
  const std::string history = run_shaketable({"export", out}).out;
  CHECK(count(history, "the resource has seen a larger token") > 0);
  CHECK(count(history, "start-pause-client") > 0);

  const std::string rolling = scratch / "rolling.yaml", rolled = scratch / "rolled";
  std::ofstream(rolling) << "system: etcd\ncluster: {lab: {nodes: 3}}\n"
                            "workload: {name: register, workers: 3, rate: 30}\n"
                            "faults: {schedule: timeline, events: [{at: 1s, for: 20s, rolling-restart: all}]}\n"
                            "time_limit: 22s\n";
  const Said restarted = run_shaketable({"run", rolling, "--lab", lab, "--out", rolled}, 300s);
  {
    INFO(restarted.out << restarted.err);
    CHECK(restarted.exit_code == 0);
  }
  const auto restarts = open_run(rolled)->faults();
  REQUIRE(restarts);
  REQUIRE(restarts->size() == 1);
  REQUIRE(restarts->front().nodes.size() == 3);
  std::int64_t last = 0;
  for (const FaultNodeRecord& node : restarts->front().nodes) {
    INFO(node.node << ": " << node.notes);
    const Value *bit = node.proof.find("bit"), *healthy = node.proof.find("healthy_before_ns");
    CHECK((bit && *bit == Value(true)));
    CHECK(node.undo == UndoState::verified);
    // Each after the one before, and when the system was healthy again.
    CHECK(node.applied_ns > last);
    REQUIRE((healthy && healthy->is_integer()));
    CHECK(healthy->integer() >= last);
    last = node.applied_ns;
  }

  // The controller is killed while both stand still.
  const std::string plan = scratch / "p.yaml";
  std::ofstream(plan) << "system: etcd\nclient: {name: etcd, timeout: 10s}\ncluster: {lab: {nodes: 3}}\n"
                         "workload: {name: register, workers: 2, rate: 20}\n"
                         "faults: {schedule: timeline, events: [{at: 1s, for: 100s, pause-client: all}]}\n"
                         "time_limit: 101s\n";
  const std::string directory = std::filesystem::canonical(std::filesystem::path(plan).parent_path());
  Program controller({"run", plan, "--lab", lab, "--out", scratch / "killed"});
  const bool stopped = comes_true([&] { return states_in(directory) == "TT"; });
  controller.signal(SIGKILL);
  INFO(controller.err());
  REQUIRE(stopped);
  CHECK(comes_true([&] { return states_in(directory).empty(); }));
}

// Nodes restarted one after the other: in order, only when the system is healthy, and no further than that.

#include <algorithm>
#include <catch2/catch.hpp>
#include <condition_variable>

#include "nemesis/nemesis.h"
#include "tests/nemesis/fake_node_side.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

namespace {

struct Last final : FaultLog {
  void record(const FaultReport& report) override { last = report; }
  FaultReport last;
};

// The fault lasts until the test ends it: this clock stands still.
struct Rolling {
  Rolling() : scripted(scripted_cluster(3)) {
    options.run = "run";
    options.node_side = [this](const NodeSpec& spec, Remote&) { return std::make_unique<FakeNodeSide>(nodes, spec); };
    options.fresh_remote = [this](const NodeSpec&) { return std::make_unique<ScriptedRemote>(scripted.nodes[0]); };
    options.system = [](const std::string& node) -> Result<SystemScripts> {
      return SystemScripts{"pids of " + node, "start " + node, "/var/lib/it"};
    };
    options.wait_healthy = [this](Nanos, std::stop_token) -> Result<Nanos> {
      nodes.note("healthy");
      return Nanos(0);
    };
    fault.id = 4;
    fault.lasts = 1s;
    fault.fault = "rolling-restart";
    fault.options = Parameters(find_fault("rolling-restart")->info().parameters);
  }
  // Runs until `holds`, then ends the fault.
  template <class Holds>
  FaultReport run_until(Holds holds) {
    Nemesis nemesis(scripted.cluster, options);
    REQUIRE(nemesis.prepare({fault}));
    std::stop_source stop;
    Result<void> ended;
    std::jthread thread([&] { ended = nemesis.run({fault}, clock, 0s, log, stop.get_token()); });
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!holds() && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(1ms);
    CHECK(holds());
    stop.request_stop();
    thread.join();
    CHECK(ended.has_value());
    return log.last;
  }
  std::vector<std::string> story() {
    std::vector<std::string> out;
    std::lock_guard lock(nodes.mutex);
    for (const std::string& call : nodes.calls)
      if (call.find("commit") != std::string::npos || call == "healthy") out.push_back(call);
    return out;
  }
  FakeNodes nodes;
  ScriptedCluster scripted;
  NemesisOptions options;
  ScheduledFault fault;
  ManualClock clock{false};
  Last log;
};

}  // namespace

TEST_CASE("rolling-restart: one node after the other and the system healthy before each next one") {
  Rolling rolling;
  rolling.options.max_faulty = 1;  // never two at once, though all three are its targets
  const FaultReport report = rolling.run_until([&] { return rolling.nodes.called("commit").size() == 3; });
  CHECK(rolling.story() == std::vector<std::string>{"n1 commit 4", "healthy", "n2 commit 4", "healthy", "n3 commit 4"});
  CHECK(agent::field(rolling.nodes.asked.at("n3").arguments, "action") == "restart");
  CHECK(agent::field(rolling.nodes.asked.at("n3").arguments, "start") == "start n3");
  CHECK(report.text == "restarted one after the other: n1 n2 n3");
  CHECK(report.bit == true);
  CHECK(report.undone == Undone::verified);
  CHECK(rolling.nodes.called("undo").size() == 3);
}

TEST_CASE("rolling-restart: a system that does not get healthy stops it and the others are left alone") {
  Rolling rolling;
  std::atomic<bool> told = false;
  rolling.options.wait_healthy = [&](Nanos bound, std::stop_token) -> Result<Nanos> {
    told = true;
    return infrastructure("n1 not healthy after " + std::to_string(bound / 1s) + " s");
  };
  const FaultReport report = rolling.run_until([&] { return told.load(); });
  CHECK(rolling.nodes.called("commit") == std::vector<std::string>{"n1 commit 4"});
  CHECK(rolling.nodes.called("arm") == std::vector<std::string>{"n1 arm 4"});
  CHECK(report.notes ==
        "it went no further: after n1: n1 not healthy after 60 s; not restarted: n2, n3: the fault was over before");
  CHECK(report.bit == false);
  CHECK(report.undone == Undone::verified);
  CHECK(rolling.nodes.called("undo") == std::vector<std::string>{"n1 undo 4"});
}

TEST_CASE("rolling-restart: the end of the fault ends the wait for health") {
  Rolling rolling;
  std::atomic<bool> waiting = false;
  rolling.options.wait_healthy = [&](Nanos, std::stop_token stop) -> Result<Nanos> {
    std::mutex mutex;
    std::condition_variable_any wake;
    std::unique_lock lock(mutex);
    waiting = true;
    wake.wait_for(lock, stop, 30s, [] { return false; });
    return infrastructure("stopped");
  };
  const FaultReport report = rolling.run_until([&] { return waiting.load(); });
  CHECK(rolling.nodes.called("commit").size() == 1);
  CHECK(report.notes == "not restarted: n2, n3: the fault was over before");
  CHECK(report.undone == Undone::verified);
}

TEST_CASE("rolling-restart: a restart that fails stops it and what it did is undone") {
  Rolling rolling;
  rolling.nodes.fails["n2 commit"] = "it does not start";
  const FaultReport report = rolling.run_until([&] { return rolling.nodes.called("n2 commit").size() == 1; });
  CHECK(rolling.nodes.called("n3 arm").empty());
  CHECK(report.notes.find("it does not start") != std::string::npos);
  CHECK(report.bit != true);
  CHECK(rolling.nodes.called("undo").size() == 2);
  CHECK(report.undone == Undone::verified);
}

// Clocks measured while a run lasts, by round trips of known length.

#include "nemesis/clock_watch.h"

#include <catch2/catch.hpp>
#include <condition_variable>

#include "tests/nemesis/fake_node_side.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

namespace {

struct Kept {
  std::mutex mutex;
  std::condition_variable more;
  std::vector<ClockReading> readings;
  void take(const ClockReading& reading) {
    std::lock_guard lock(mutex);
    readings.push_back(reading);
    more.notify_all();
  }
  std::size_t of(const std::string& node) const {
    return static_cast<std::size_t>(std::count_if(readings.begin(), readings.end(),
                                                  [&](const ClockReading& reading) { return reading.node == node; }));
  }
  // The last reading of a node once there are so many.
  std::optional<ClockReading> wait_for(const std::string& node, std::size_t count) {
    std::unique_lock lock(mutex);
    if (!more.wait_for(lock, 20s, [&] { return of(node) >= count; })) return std::nullopt;
    for (auto reading = readings.rbegin();; ++reading)
      if (reading->node == node) return *reading;
  }
};

struct Watched {
  Watched()
      : scripted(scripted_cluster(3)), fleet(scripted.cluster, [this](const NodeSpec& spec, Remote&) {
          return std::make_unique<FakeNodeSide>(nodes, spec);
        }) {}
  std::unique_ptr<ClockWatch> watch() {
    return std::make_unique<ClockWatch>(
        fleet, clock, [this](const ClockReading& reading) { kept.take(reading); }, 5ms, 1s);
  }
  FakeNodes nodes;
  ScriptedCluster scripted;
  NodeFleet fleet;
  SteadyClock clock;
  Kept kept;
};

}  // namespace

TEST_CASE("a clock's offset is counted from the middle of the round trip and may be off by half of it") {
  const ClockReading reading = clock_reading("n1", {10ms, 30ms, 1'000'000'020'000'000}, Nanos(1'000'000'000'000'000));
  CHECK(reading.time == 20ms);
  CHECK(reading.offset == 0ns);
  CHECK(reading.uncertainty == 10ms);
  CHECK(clock_reading("n1", {10ms, 30ms, 999'999'000'000'000}, Nanos(1'000'000'000'000'000)).offset == -1020ms);
}

TEST_CASE("every node is measured again and again and one that cannot be asked leaves a gap") {
  Watched watched;
  watched.nodes.ahead = {{"n1", 5s}, {"n2", -1h}};
  watched.nodes.round_trip = 8ms;
  watched.nodes.fails["n3 clock"] = "no agent is at the other end";
  const auto watch = watched.watch();
  const auto first = watched.kept.wait_for("n1", 3), second = watched.kept.wait_for("n2", 3);
  REQUIRE(first);
  REQUIRE(second);
  CHECK(first->uncertainty == 4ms);
  // The fake reads its clock when it is asked, not in the middle.
  CHECK(std::abs((first->offset - 5s).count()) < Nanos(1s).count());
  CHECK(std::abs((second->offset + 1h).count()) < Nanos(1s).count());
  std::lock_guard lock(watched.kept.mutex);
  CHECK(watched.kept.of("n3") == 0);
}

TEST_CASE("nobody is asked while all nodes are about to act") {
  Watched watched;
  const auto watch = watched.watch();
  REQUIRE(watched.kept.wait_for("n1", 1));
  {
    const ClockWatch::Pause alone(watch.get());
    // What had been asked already is answered behind this.
    for (std::size_t i = 0; i < 3; ++i) watched.fleet.post(i, [](NodeSide&) {}).wait();
    std::size_t before = 0;
    {
      std::lock_guard lock(watched.kept.mutex);
      before = watched.kept.readings.size();
    }
    std::this_thread::sleep_for(50ms);
    std::lock_guard lock(watched.kept.mutex);
    CHECK(watched.kept.readings.size() == before);
  }
  std::size_t now = 0;
  {
    std::lock_guard lock(watched.kept.mutex);
    now = watched.kept.of("n1");
  }
  CHECK(watched.kept.wait_for("n1", now + 1));
}

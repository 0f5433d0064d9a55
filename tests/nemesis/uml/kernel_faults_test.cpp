// Clocks and packets on nodes with kernels of their own: seen to bite, seen to be gone.

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <ctime>
#include <functional>
#include <thread>

#include "tests/nemesis/lab/lab_cluster.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

namespace {

struct Shaken : AtWork {
  Shaken(const std::string& name, std::vector<std::string> target, const Changed& changed = {}, Nanos lease = 10s)
      : AtWork(LabCluster::with_own_kernels(), lab_options(lease), {one_fault(name, std::move(target), changed)}) {
    applied();
  }
  FaultReport stop() {
    const FaultReport report = AtWork::stop();
    CHECK(report.bit == true);
    return report;
  }
  // Milliseconds that a node's clock is before ours: of five looks the one that was over fastest.
  double ahead(std::size_t node) const {
    const auto seconds = [] {
      timespec now{};
      clock_gettime(CLOCK_REALTIME, &now);
      return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
    };
    double best = 0, shortest = 1e9;
    for (int i = 0; i < 5; ++i) {
      const double before = seconds(), there = std::stod(lab.run(node, "date +%s.%N")), after = seconds();
      if (after - before >= shortest) continue;
      shortest = after - before;
      best = (there - (before + after) / 2) * 1000;
    }
    return best;
  }
  // Milliseconds of the fastest of five round trips.
  double ping(std::size_t from, const std::string& to, const std::string& family = "-4") const {
    return std::stod(
        lab.run(from, "ping " + family + " -n -c 5 -i 0.2 -q " + to + " | sed -n 's/.* = \\([0-9.]*\\).*/\\1/p'"));
  }
};

constexpr const char* kLabVariable = "SHAKETABLE_TEST_LAB";
constexpr double kHour = 3600e3;
// Looking takes a while on a busy machine; what is asked for is far beyond.
constexpr double kNear = 900;

}  // namespace

TEST_CASE("uml jump: an hour back on its node and on no other and put right to within 20 ms") {
  SKIP_WITHOUT_LAB();
  Shaken shaken("jump", {"n2"}, {{"by", Nanos(1h)}, {"way", std::string("back")}});
  CHECK(std::abs(shaken.ahead(1) + kHour) < kNear);
  CHECK(std::abs(shaken.ahead(0)) < kNear);
  CHECK(std::abs(shaken.ahead(2)) < kNear);
  shaken.stop();
  CHECK(std::abs(shaken.ahead(1)) < kNear);
}

TEST_CASE("uml clock: a second fault on top of one is refused and the clock is right in the end") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::with_own_kernels();
  Cluster cluster = lab.connect();
  Nemesis nemesis(cluster, lab_options());
  std::vector<ScheduledFault> schedule;
  for (int i = 0; i < 2; ++i) {
    ScheduledFault fault;
    fault.id = i + 1;
    fault.at = i * 3s;
    fault.lasts = 6s;  // the first ends before the second would
    fault.fault = "jump";
    fault.options = Parameters(find_fault("jump")->info().parameters);
    fault.options.set("target", std::vector<std::string>{"n1"});
    fault.options.set("by", Nanos(10min));
    fault.options.set("way", std::string("forward"));
    schedule.push_back(fault);
  }
  REQUIRE(nemesis.prepare(schedule));
  SteadyClock clock;
  KeptLog log;
  (void)nemesis.run(schedule, clock, clock.now(), log, {});
  bool refused = false;
  for (const FaultReport& report : log.all())
    refused = refused || report.notes.find("another fault of the clock is in force") != std::string::npos;
  CHECK(refused);
  for (const NodeCleanliness& node : nemesis.heal_all()) CHECK(node.state == Cleanliness::clean);
  CHECK(std::abs(std::stod(lab.run(0, "date +%s")) - static_cast<double>(std::time(nullptr))) < 5);
}

TEST_CASE("uml skew-all: every node has another time") {
  SKIP_WITHOUT_LAB();
  Shaken shaken("skew-all", {"all"}, {{"most", Nanos(60s)}});
  std::vector<double> ahead = {shaken.ahead(0), shaken.ahead(1), shaken.ahead(2)};
  std::sort(ahead.begin(), ahead.end());
  CHECK(std::abs(ahead[0] + 60e3) < kNear);
  CHECK(std::abs(ahead[1]) < 15e3);
  CHECK(std::abs(ahead[2] - 60e3) < kNear);
  shaken.stop();
  for (std::size_t i = 0; i < 3; ++i) CHECK(std::abs(shaken.ahead(i)) < kNear);
}

TEST_CASE("uml drift: the clock runs away and stands where it should afterwards") {
  SKIP_WITHOUT_LAB();
  Shaken shaken("drift", {"n1"}, {{"ppm", std::int64_t{80000}}});
  std::this_thread::sleep_for(20s);
  CHECK(shaken.ahead(0) > 1200);
  CHECK(std::abs(shaken.ahead(1)) < kNear);
  shaken.stop();
  CHECK(std::abs(shaken.ahead(0)) < kNear);
  CHECK(shaken.lab.run(0, "cat /sys/devices/system/clocksource/clocksource0/current_clocksource").size() > 1);
}

TEST_CASE("uml a controller that waits to be killed", "[.]") {
  const char* name = std::getenv(kLabVariable);
  REQUIRE(name != nullptr);
  LabCluster& lab = LabCluster::join(name);
  Cluster cluster = lab.connect();
  Nemesis nemesis(cluster, lab_options(3s));
  ScheduledFault fault;
  fault.id = 1;
  fault.lasts = 60s;
  fault.fault = "jump";
  fault.options = Parameters(find_fault("jump")->info().parameters);
  fault.options.set("target", std::vector<std::string>{"n3"});
  fault.options.set("by", Nanos(10min));
  fault.options.set("way", std::string("forward"));
  const std::vector<ScheduledFault> schedule = {fault};
  REQUIRE(nemesis.prepare(schedule));
  SteadyClock clock;
  KeptLog log;
  (void)nemesis.run(schedule, clock, clock.now(), log, {});
}

TEST_CASE("uml jump: the node puts its clock right by itself when its controller is killed") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::with_own_kernels();
  ::setenv(kLabVariable, lab.name().c_str(), 1);
  char program[] = SHAKETABLE_BIN_DIR "/test_nemesis_uml", test[] = "uml a controller that waits to be killed";
  char* const arguments[] = {program, test, nullptr};
  pid_t child = 0;
  REQUIRE(posix_spawn(&child, program, nullptr, nullptr, arguments, environ) == 0);
  const auto ahead = [&] { return std::stod(lab.run(2, "date +%s")) - static_cast<double>(std::time(nullptr)); };
  const auto wait_until = [&](const std::function<bool()>& holds, Nanos patience) {
    for (const auto end = std::chrono::steady_clock::now() + patience; std::chrono::steady_clock::now() < end;
         std::this_thread::sleep_for(100ms))
      if (holds()) return true;
    return false;
  };
  CHECK(wait_until([&] { return ahead() > 500; }, 30s));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  // Lease of 3 s and 2 s more; and what it takes to look.
  CHECK(wait_until([&] { return std::abs(ahead()) < 2; }, 6s));
  CHECK(wait_until([&] { return lab.traces().empty(); }, 6s));
}

TEST_CASE("uml delay: both families only to the peers that are named and the controller not at all") {
  SKIP_WITHOUT_LAB();
  Shaken shaken("delay", {"n1"}, {{"by", Nanos(200ms)}, {"peers", std::vector<std::string>{"n2"}}});
  CHECK(shaken.ping(0, "n2") >= 200);
  CHECK(shaken.ping(0, "n2", "-6") >= 200);
  CHECK(shaken.ping(0, "n3") < 150);
  CHECK(shaken.ping(1, "n3") < 150);
  CHECK(shaken.ping(0, "10.77.0.254") < 150);
  shaken.stop();
  CHECK(shaken.ping(0, "n2") < 150);
}

TEST_CASE("uml loss: of the packets about as many as were asked") {
  SKIP_WITHOUT_LAB();
  Shaken shaken("loss", {"n1"}, {{"percent", 50.0}});
  const auto lost = [&](const std::string& to) {
    return std::stoi(shaken.lab.run(
        0, "ping -4 -n -c 100 -i 0.02 -q -W 1 " + to + " | sed -n 's/.* \\([0-9]*\\)[0-9.]*% packet loss.*/\\1/p'"));
  };
  const int gone = lost("n2");
  CHECK(gone > 25);
  CHECK(gone < 75);
  shaken.stop();
  CHECK(lost("n2") < 5);
}

TEST_CASE("uml duplicate and reorder and corrupt and rate: each is seen on the wire") {
  SKIP_WITHOUT_LAB();
  {
    Shaken shaken("duplicate", {"n1"}, {{"percent", 50.0}});
    CHECK(shaken.lab.run(0, "ping -4 -n -c 40 -i 0.05 n2 | grep -c DUP") != "0\n");
    shaken.stop();
  }
  {
    Shaken shaken("reorder", {"n1"}, {{"percent", 50.0}, {"by", Nanos(150ms)}});
    // Who overtakes is back at once, who is overtaken is not.
    const std::string times = shaken.lab.run(
        0,
        "ping -4 -n -c 40 -i 0.05 n2 | sed -n 's/.*time=\\([0-9]*\\).*/\\1/p' | awk '{ if ($1 >= 150) slow++; else "
        "fast++ } END { print (slow > 3 && fast > 3) ? \"both\" : \"no\" }'");
    CHECK(times == "both\n");
    shaken.stop();
  }
  {
    Shaken shaken("corrupt", {"n1"}, {{"percent", 60.0}});
    const std::string loss = shaken.lab.run(
        0, "ping -4 -n -c 60 -i 0.05 -q -W 1 n2 | sed -n 's/.* \\([0-9]*\\)[0-9.]*% packet loss.*/\\1/p'");
    CHECK(std::stoi(loss) > 10);
    shaken.stop();
  }
  {
    Shaken shaken("rate", {"n1"}, {{"bytes", std::uint64_t{4096}}});
    // 1000 bytes at 4 KiB a second take a quarter of a second.
    CHECK(std::stod(shaken.lab.run(0, "ping -4 -n -s 1000 -c 2 -i 1 -q n2 | sed -n 's/.* = \\([0-9.]*\\).*/\\1/p'")) >
          200);
    shaken.stop();
  }
}

TEST_CASE("uml traffic: a root qdisc of somebody else is not touched") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::with_own_kernels();
  lab.run(0, "tc qdisc add dev eth0 root handle 7: tbf rate 100mbit burst 100kb latency 50ms");
  Cluster cluster = lab.connect();
  Nemesis nemesis(cluster, lab_options());
  ScheduledFault fault;
  fault.id = 1;
  fault.lasts = 5s;
  fault.fault = "delay";
  fault.options = Parameters(find_fault("delay")->info().parameters);
  fault.options.set("target", std::vector<std::string>{"n1"});
  REQUIRE(nemesis.prepare({fault}));
  SteadyClock clock;
  KeptLog log;
  (void)nemesis.run({fault}, clock, clock.now(), log, {});
  CHECK(log.last().notes.find("somebody else") != std::string::npos);
  CHECK(lab.run(0, "tc qdisc show dev eth0").find("qdisc tbf 7: root") != std::string::npos);
  for (const NodeCleanliness& node : nemesis.heal_all()) CHECK(node.state == Cleanliness::clean);
  lab.run(0, "tc qdisc del dev eth0 root");
}

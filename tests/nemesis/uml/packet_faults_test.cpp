// Packets on nodes with kernels of their own: seen to be hurt, seen to be well again.

#include <catch2/catch.hpp>

#include "tests/nemesis/uml/shaken.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

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

// Packets on nodes with kernels of their own: seen to be hurt, seen to be well again.

#include <catch2/catch.hpp>

#include "cluster/local_process.h"
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

TEST_CASE("uml delay where packets arrive: only those of the peers that are named and back to as it was") {
  SKIP_WITHOUT_LAB();
  const std::string before = LabCluster::with_own_kernels().run(0, "tc qdisc show; ls /sys/class/net");
  Shaken shaken("delay", {"n1"},
                {{"by", Nanos(200ms)},
                 {"direction", std::string("ingress")},
                 {"distribution", std::string("normal")},
                 {"jitter", Nanos(5ms)},
                 {"correlation", 25.0},
                 {"peers", std::vector<std::string>{"n2"}}});
  // Its requests and its answers are late alike, since what comes back arrives here.
  CHECK(shaken.ping(1, "n1") >= 150);
  CHECK(shaken.ping(0, "n2", "-6") >= 150);
  CHECK(shaken.ping(2, "n1") < 150);
  CHECK(shaken.lab.run(0, "tc -s qdisc show dev eth0").find("prio 5ba1:") == std::string::npos);
  const FaultReport report = shaken.stop();
  CHECK(number(report.nodes.front(), "packets_in") > 0);
  CHECK(shaken.lab.run(0, "tc qdisc show; ls /sys/class/net") == before);
}

TEST_CASE("uml loss both ways in bursts of UDP alone: pings are not lost") {
  SKIP_WITHOUT_LAB();
  Shaken shaken("loss", {"n1"},
                {{"percent", 60.0},
                 {"burst", 40.0},
                 {"direction", std::string("both")},
                 {"protocol", std::string("udp")},
                 {"port", std::int64_t{7777}}});
  CHECK(shaken.lab.run(0, "ping -4 -n -c 20 -i 0.02 -q -W 1 n2").find(" 0% packet loss") != std::string::npos);
  const std::string send =
      "perl -e 'use Socket; socket(S, PF_INET, SOCK_DGRAM, 0); for (1..60) { send(S, \"x\", 0, "
      "pack_sockaddr_in(7777, inet_aton($ARGV[0]))); select(undef, undef, undef, 0.01) }' ";
  shaken.lab.run(0, send + shaken.lab.specs()[1].address);
  shaken.lab.run(1, send + shaken.lab.specs()[0].address);
  const FaultReport report = shaken.stop();
  CHECK(number(report.nodes.front(), "dropped") > 0);
  CHECK(number(report.nodes.front(), "dropped_in") > 0);
}

TEST_CASE("uml delay for clients: what goes to their port is late and nothing else") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::with_own_kernels();
  lab.run(0,
          "setsid perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(LocalPort => 7070, Listen => 50, ReuseAddr "
          "=> 1) or die; while (my $c = $s->accept) { close $c }' </dev/null >/dev/null 2>&1 & echo $! >/tmp/server");
  const std::string connect =
      "perl -MIO::Socket::INET -MTime::HiRes=time -e 'my $best = 1e9; for (1 .. 3) { my $t = time; "
      "IO::Socket::INET->new(PeerAddr => \"10.77.0.1\", PeerPort => 7070, Timeout => 20) or die $!; my $d = time - $t; "
      "$best = $d if $d < $best } print $best * 1000'";
  // From here: this process is in the lab's network, beside the nodes.
  const auto from_here = [&] {
    LocalProcessSpec spec;
    spec.arguments = {"sh", "-c", connect};
    auto process = LocalProcess::start(spec);
    REQUIRE(process);
    const auto line = (*process)->read_line(60s);
    REQUIRE(line);
    return std::stod(*line);
  };
  REQUIRE(eventually([&] { return lab.try_run(1, connect).succeeded(); }, 30s));
  CHECK(from_here() < 400);
  Shaken shaken("delay", {"n1"},
                {{"by", Nanos(600ms)},
                 {"peers", std::vector<std::string>{"clients"}},
                 {"protocol", std::string("tcp")},
                 {"port", std::int64_t{7070}}});
  CHECK(from_here() >= 600);
  CHECK(std::stod(lab.run(1, connect)) < 400);
  CHECK(shaken.ping(0, "10.77.0.254") < 400);
  shaken.stop();
  CHECK(from_here() < 400);
  lab.run(0, "kill $(cat /tmp/server)");
}

TEST_CASE("uml heal without any journal: qdiscs and devices of ours are found and removed") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::with_own_kernels();
  const std::string before = lab.run(0, "tc qdisc show; ls /sys/class/net");
  {
    AtWork work(lab, lab_options(60s), {one_fault("delay", {"n1"}, {{"direction", std::string("both")}})});
    work.applied();
    lab.run(0,
            "pkill -KILL -f '^shaketable-agent guard|^/var/lib/shaketable/shaketable-agent serve'; rm -r "
            "/var/lib/shaketable/node /run/shaketable-nemesis");
    CHECK(lab.run(0, "tc qdisc show").find("netem 5ba2:") != std::string::npos);
    const CommandOutcome healed = lab.try_run(0, "/var/lib/shaketable/shaketable-agent heal");
    INFO(healed.out);
    CHECK(healed.succeeded());
    CHECK(healed.out.find("undone: a qdisc of shaketable on eth0") != std::string::npos);
    CHECK(healed.out.find("undone: the device stifb1") != std::string::npos);
    CHECK(lab.run(0, "tc qdisc show; ls /sys/class/net") == before);
  }
  Cluster cluster = lab.connect();
  CHECK(all_clean(heal(cluster)));
  CHECK(lab.traces() == "");
}

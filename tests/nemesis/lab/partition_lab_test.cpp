// Partitions on real nodes: seen to bite, seen to be gone, and nobody else's rules touched.

#include <catch2/catch.hpp>
#include <thread>

#include "nemesis/grudge.h"
#include "tests/nemesis/lab/lab_cluster.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

namespace {

// A nemesis at work in the background; its destructor stops it and waits.
struct Working {
  Working(LabCluster& lab, std::vector<ScheduledFault> schedule_, NemesisOptions options = lab_options())
      : cluster(lab.connect()), nemesis(cluster, std::move(options)), schedule(std::move(schedule_)) {
    prepared = nemesis.prepare(schedule);
    if (prepared)
      thread =
          std::jthread([this](std::stop_token stop) { ended = nemesis.run(schedule, clock, clock.now(), log, stop); });
  }
  void stop() {
    thread.request_stop();
    if (thread.joinable()) thread.join();
  }
  Cluster cluster;
  Nemesis nemesis;
  std::vector<ScheduledFault> schedule;
  SteadyClock clock;
  KeptLog log;
  Result<PrepareReport> prepared;
  Result<void> ended;
  std::jthread thread;
};

void require_clean(const std::vector<NodeCleanliness>& nodes) {
  for (const NodeCleanliness& node : nodes) {
    INFO(node.node << ": " << node.reason);
    CHECK(node.state == Cleanliness::clean);
  }
}

void see_it_bite_and_gone(LabCluster& lab, const std::string& shape, std::vector<std::string> target = {"random"}) {
  INFO("shape " << shape);
  std::vector<std::string> before;
  for (std::size_t i = 0; i < lab.specs().size(); ++i) before.push_back(lab.rules(i));
  REQUIRE(lab.listen() == lab.expected(""));

  Working work(lab, one_partition(shape, 60s, 3, std::move(target)));
  if (!work.prepared) FAIL(work.prepared.error().message);
  REQUIRE(work.log.wait_until_applied(20s));
  CHECK(work.nemesis.active() == "partition " + shape);
  const FaultReport applied = work.log.last();
  INFO(applied.text);
  CHECK(lab.listen() == lab.expected(applied.text));
  work.stop();

  const FaultReport report = work.log.last();
  INFO(report.notes);
  CHECK(work.ended.has_value());
  CHECK(work.nemesis.active().empty());
  CHECK(report.undone == Undone::verified);
  CHECK(report.bit == true);
  for (const NodeReport& node : report.nodes) {
    INFO(node.node << ": " << node.notes);
    CHECK(number(node, "ipv4_packets_dropped") > 0);
    CHECK(number(node, "ipv6_packets_dropped") > 0);
    CHECK(number(node, "probes_failed") > 0);
    CHECK(node.applied_at.has_value());
    CHECK(node.undone == Undone::verified);
  }
  CHECK(lab.listen() == lab.expected(""));
  require_clean(work.nemesis.heal_all());
  CHECK(lab.traces() == "");
  for (std::size_t i = 0; i < lab.specs().size(); ++i) CHECK(lab.rules(i) == before[i]);
}

}  // namespace

TEST_CASE("every shape bites on IPv4 and IPv6 and is gone afterwards") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::get();
  for (const std::string& shape : shape_names()) see_it_bite_and_gone(lab, shape);
}

TEST_CASE("a cut that rejects bites as well and tells the sender at once") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::get();
  auto schedule = one_partition("isolate", 60s, 3, {"n2"});
  schedule[0].options.set("manner", std::string("reject"));
  Working work(lab, schedule);
  if (!work.prepared) FAIL(work.prepared.error().message);
  REQUIRE(work.log.wait_until_applied(20s));
  CHECK(lab.listen() == lab.expected(work.log.last().text));
  const std::string to = lab.specs()[1].address;
  const CommandOutcome called = lab.try_run(0, "timeout 5 bash -c 'exec 3<>/dev/tcp/" + to + "/22' 2>&1");
  CHECK(called.out.find("refused") != std::string::npos);
  work.stop();
  CHECK(work.log.last().bit == true);
  CHECK(work.log.last().undone == Undone::verified);
  require_clean(work.nemesis.heal_all());
  CHECK(lab.traces() == "");
}

TEST_CASE("a cut of one port leaves the others alone") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::get();
  auto schedule = one_partition("halves", 60s, 3);
  schedule[0].options.set("port", std::int64_t{7777});
  Working work(lab, schedule);
  if (!work.prepared) FAIL(work.prepared.error().message);
  REQUIRE(work.log.wait_until_applied(20s));
  Hearing wanted = lab.expected(work.log.last().text);
  const Hearing all = lab.expected("");
  wanted.tcp4 = all.tcp4;  // port 22
  wanted.tcp6 = all.tcp6;
  CHECK(lab.listen() == wanted);
  work.stop();
  CHECK(work.log.last().bit == true);
  require_clean(work.nemesis.heal_all());
  CHECK(lab.listen() == all);
  CHECK(lab.traces() == "");
}

TEST_CASE("every node isolated from every other: the controller still reaches all") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::get();
  see_it_bite_and_gone(lab, "isolate", lab.names());
}

TEST_CASE("rules and chains of others stay as they are even those that look alike") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::get();
  for (const char* tables : {"iptables", "ip6tables"}) {
    const std::string t = tables;
    lab.run(0, t + " -N THEIRS && " + t +
                   " -A THEIRS -p tcp --dport 9999 -m comment --comment \"it's \\\"theirs\\\"\" -j REJECT && " + t +
                   " -I INPUT 1 -j THEIRS && " + t + " -A INPUT -p udp --dport 9998 -j DROP && " + t +
                   " -P FORWARD DROP");
  }
  see_it_bite_and_gone(lab, "halves");
  CHECK(lab.rules(0).find("THEIRS") != std::string::npos);
  for (const char* tables : {"iptables", "ip6tables"}) {
    const std::string t = tables;
    lab.run(0, t + " -F && " + t + " -X && " + t + " -P FORWARD ACCEPT");
  }
}

TEST_CASE("a node whose iptables is the legacy one") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::get();
  if (!lab.try_run(1, "iptables-legacy -S").succeeded()) {
    WARN("skipped: no iptables-legacy here");
    return;
  }
  const auto switch_to = [&](const std::string& backend) {
    lab.run(1, "for t in iptables ip6tables; do for v in '' -restore -save; do ln -sf /usr/sbin/$t-" + backend +
                   "$v /etc/alternatives/$t$v; done; done; iptables -V");
  };
  switch_to("legacy");
  CHECK(lab.run(1, "iptables -V").find("legacy") != std::string::npos);
  see_it_bite_and_gone(lab, "bridge");
  switch_to("nft");
}

TEST_CASE("a foreign rule that is taken away meanwhile is told not covered up") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::get();
  lab.run(2, "iptables -A INPUT -p udp --dport 9997 -j DROP");
  Working work(lab, one_partition("isolate", 60s, 1, {"n3"}));
  if (!work.prepared) FAIL(work.prepared.error().message);
  REQUIRE(work.log.wait_until_applied(20s));
  lab.run(2, "iptables -D INPUT -p udp --dport 9997 -j DROP");
  work.stop();
  CHECK_FALSE(work.ended.has_value());
  CHECK(work.log.last().undone == Undone::failed);
  const auto healed = work.nemesis.heal_all();
  CHECK(healed[2].state == Cleanliness::unclean);
  CHECK(healed[2].reason.find("--dport 9997") != std::string::npos);
  // Put back, it is clean again.
  lab.run(2, "iptables -A INPUT -p udp --dport 9997 -j DROP");
  require_clean(work.nemesis.heal_all());
  lab.run(2, "iptables -F");
  CHECK(lab.traces().empty());
}

TEST_CASE("a node whose disk is full: the fault is refused and nothing is changed") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::get();
  const std::string before = lab.rules(0);
  Cluster cluster = lab.connect();
  Nemesis nemesis(cluster, lab_options());
  const auto schedule = one_partition("isolate", 1s, 1, {"n1"});
  const auto prepared = nemesis.prepare(schedule);
  if (!prepared) FAIL(prepared.error().message);
  lab.try_run(
      0, "dd if=/dev/zero of=/var/lib/filler bs=1M 2>/dev/null; dd if=/dev/zero of=/var/lib/filler2 bs=1k 2>/dev/null");
  KeptLog log;
  SteadyClock clock;
  const auto ran = nemesis.run(schedule, clock, clock.now(), log, {});
  const FaultReport report = log.last();
  INFO(report.notes);
  CHECK(report.notes.find("n1") != std::string::npos);
  REQUIRE_FALSE(report.nodes.empty());
  CHECK(report.nodes.front().applied == Applied::failed);
  CHECK(lab.rules(0) == before);
  lab.run(0, "rm -f /var/lib/filler /var/lib/filler2");
  require_clean(nemesis.heal_all());
  CHECK(lab.traces().empty());
}

TEST_CASE("a partition longer than the hard maximum is refused and the node itself ends one that is not ended") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::get();
  NemesisOptions options = lab_options(5s);
  options.longest_fault = 3s;
  {
    Cluster cluster = lab.connect();
    Nemesis nemesis(cluster, options);
    const auto refused = nemesis.prepare(one_partition("halves", 4s));
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().kind == ErrorKind::bad_input);
  }
  // A clock that stands still never ends the fault, while its lease is renewed all the time.
  Cluster cluster = lab.connect();
  Nemesis nemesis(cluster, options);
  const auto schedule = one_partition("halves", 3s);
  REQUIRE(nemesis.prepare(schedule).has_value());
  KeptLog log;
  ManualClock clock(false);
  std::jthread thread([&](std::stop_token stop) { (void)nemesis.run(schedule, clock, 0s, log, stop); });
  REQUIRE(log.wait_until_applied(20s));
  bool gone = false;
  for (int i = 0; i < 50 && !gone; ++i) {
    std::this_thread::sleep_for(200ms);
    gone = lab.run(0, "iptables -S").find("SHAKETABLE") == std::string::npos;
  }
  CHECK(gone);
  thread.request_stop();
  thread.join();
  CHECK(log.last().nodes.front().notes.find("by itself") != std::string::npos);
  require_clean(nemesis.heal_all());
}

TEST_CASE("the way to a node is cut for longer than the lease: the node undoes the fault by itself") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::get();
  Working work(lab, one_partition("isolate", 60s, 1, {"n1"}), lab_options(3s));
  if (!work.prepared) FAIL(work.prepared.error().message);
  REQUIRE(work.log.wait_until_applied(20s));
  const std::string controller(kLabControllerAddress);
  lab.run(0, "setsid sh -c 'iptables -I INPUT 1 -s " + controller +
                 " -j DROP; sleep 7; iptables -S >/tmp/seen; iptables -D INPUT -s " + controller +
                 " -j DROP' </dev/null >/dev/null 2>&1 &");
  std::this_thread::sleep_for(9s);
  CHECK(lab.run(0, "cat /tmp/seen").find("SHAKETABLE") == std::string::npos);
  // The others heard their leases renewed all the time.
  CHECK(lab.run(1, "iptables -S").find("SHAKETABLE") != std::string::npos);
  work.stop();
  INFO(work.log.last().notes);
  CHECK(work.log.last().undone == Undone::verified);
  CHECK(work.log.last().nodes.front().node == "n1");
  CHECK(work.log.last().nodes.front().notes.find("by itself") != std::string::npos);
  require_clean(work.nemesis.heal_all());
  CHECK(lab.traces().empty());
}

// Name servers, lines that come and go, clients, and what others have on a node: on real nodes.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <set>
#include <thread>

#include "tests/nemesis/lab/lab_cluster.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

namespace {

bool is_cut(LabCluster& lab, std::size_t node) {
  return lab.run(node, "iptables -S INPUT").find("SHAKETABLE") != std::string::npos;
}

// From this process, which is where the clients are.
bool can_connect(const std::string& address, int port) {
  const int call = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  inet_pton(AF_INET, address.c_str(), &to.sin_addr);
  (void)connect(call, reinterpret_cast<const sockaddr*>(&to), sizeof to);
  pollfd waiting{call, POLLOUT, 0};
  int problem = ETIMEDOUT;
  socklen_t size = sizeof problem;
  if (poll(&waiting, 1, 2000) == 1) getsockopt(call, SOL_SOCKET, SO_ERROR, &problem, &size);
  close(call);
  return problem == 0;
}

}  // namespace

TEST_CASE("dns: questions to name servers do not leave the node and others do") {
  SKIP_WITHOUT_LAB();
  const std::string ask =
      "perl -e 'use Socket; socket(S, PF_INET, SOCK_DGRAM, 0); print send(S, \"x\", 0, pack_sockaddr_in($ARGV[0], "
      "inet_aton(\"10.77.0.254\"))) ? \"sent\" : \"cut\"' ";
  AtWork work(LabCluster::get(), lab_options(), {one_fault("dns", {"n2"})});
  work.applied();
  CHECK(work.lab.run(1, ask + "53") == "cut");
  CHECK(work.lab.run(1, ask + "54") == "sent");
  CHECK(work.lab.run(0, ask + "53") == "sent");
  const FaultReport report = work.stop();
  CHECK(report.bit == true);
  CHECK(number(report.nodes.front(), "dropped6") > 0);
  CHECK(work.lab.run(1, ask + "53") == "sent");
}

TEST_CASE("flaky: cut and open by turns and undone with its process when the agent is killed") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::get();
  {
    AtWork work(lab, lab_options(), {one_fault("flaky", {"n2"}, {{"period", Nanos(2s)}})});
    work.applied();
    for (int turn = 0; turn < 2; ++turn) {
      CHECK(eventually([&] { return is_cut(lab, 1); }, 20s));
      CHECK(eventually([&] { return !is_cut(lab, 1); }, 20s));
    }
    CHECK_FALSE(is_cut(lab, 0));
    const FaultReport report = work.stop();
    CHECK(report.bit == true);
    CHECK(number(report.nodes.front(), "cuts") >= 2);
    CHECK(number(report.nodes.front(), "dropped4") > 0);
    CHECK(number(report.nodes.front(), "dropped6") > 0);
  }
  AtWork work(lab, lab_options(60s), {one_fault("flaky", {"n2"}, {{"period", Nanos(1s)}})});
  work.applied();
  CHECK(lab.run(1, "pgrep -x shaketable-gate") != "");
  lab.run(1, "pkill -KILL -f '^/var/lib/shaketable/shaketable-agent serve'");
  CHECK(eventually([&] { return !lab.try_run(1, "pgrep -x shaketable-gate").succeeded(); }, 20s));
  CHECK(eventually([&] { return lab.rules(1).find("SHAKETABLE") == std::string::npos; }, 20s));
  work.stop();
}

TEST_CASE("swizzle: one more and one more and back again by themselves") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::get();
  AtWork work(lab, lab_options(), {one_fault("swizzle", {"n1", "n2", "n3"}, {{"step", Nanos(2s)}}, 14s)});
  std::set<int> counts;
  CHECK(eventually(
      [&] {
        int count = 0;
        for (std::size_t i = 0; i < 3; ++i) count += is_cut(lab, i) ? 1 : 0;
        counts.insert(count);
        return work.log.last().undone != Undone::pending;
      },
      60s));
  CHECK(counts.count(3) == 1);
  CHECK(counts.count(1) + counts.count(2) > 0);
  const FaultReport report = work.stop();
  CHECK(report.bit == true);
  for (const NodeReport& node : report.nodes) CHECK(number(node, "cuts") == 1);
}

TEST_CASE("clients do not reach the port of the system and SSH and peers do") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::get();
  lab.run(1,
          "setsid perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(Listen => 9, LocalPort => 7070, ReuseAddr => "
          "1) or die; while ($c = $s->accept) { close $c }' </dev/null >/dev/null 2>&1 & echo $! >/tmp/listener");
  const std::string address = lab.specs()[1].address;
  CHECK(eventually([&] { return can_connect(address, 7070); }, 20s));
  {
    auto fault =
        one_fault("partition", {"n2"}, {{"shape", std::vector<std::string>{"clients"}}, {"port", std::int64_t{7070}}});
    AtWork work(lab, lab_options(), {fault});
    work.applied();
    CHECK_FALSE(can_connect(address, 7070));
    CHECK(can_connect(address, 22));
    CHECK(lab.try_run(0, "timeout 5 bash -c 'exec 3<>/dev/tcp/" + address + "/7070'").succeeded());
    CHECK(work.stop().bit == true);
  }
  CHECK(can_connect(address, 7070));
  lab.run(1, "kill -KILL $(cat /tmp/listener); rm /tmp/listener");
}

TEST_CASE("rules and qdiscs of others are there after a run and what is gone is said") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::get();
  lab.run(0, "iptables -A INPUT -p udp --dport 9998 -j DROP; tc qdisc add dev eth0 root handle 7: pfifo limit 500");
  {
    AtWork work(lab, lab_options(), one_partition("halves", 60s));
    work.applied();
    work.stop();
  }
  CHECK(lab.rules(0).find("--dport 9998") != std::string::npos);
  CHECK(lab.run(0, "tc qdisc show dev eth0").find("qdisc pfifo 7: root") != std::string::npos);
  Cluster cluster = lab.connect();
  Nemesis nemesis(cluster, lab_options());
  REQUIRE(nemesis.prepare(one_partition("halves", 1s)).has_value());
  lab.run(0, "iptables -D INPUT -p udp --dport 9998 -j DROP; tc qdisc del dev eth0 root");
  const auto nodes = nemesis.heal_all();
  CHECK(nodes[0].state == Cleanliness::unclean);
  CHECK(nodes[0].reason.find("--dport 9998") != std::string::npos);
  CHECK(nodes[0].reason.find("qdisc pfifo 7:") != std::string::npos);
  CHECK(nodes[1].state == Cleanliness::clean);
  CHECK(lab.traces() == "");
}

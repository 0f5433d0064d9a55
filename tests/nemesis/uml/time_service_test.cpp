// Real time services, chronyd and systemd-timesyncd of Debian: n3 follows n2, and nobody else's clock.

#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <thread>

#include "tests/nemesis/uml/shaken.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kServer = 1, kClient = 2;

// Its rate as a kernel has it that nobody has told the time: adjtimex(2) with ADJ_TICK and ADJ_FREQUENCY.
constexpr const char* kUsualRate =
    "perl -e 'my $b = pack(\"L x4 q q q q l x4 q q q q q q\", 0x4002, (0) x 10, 10000); $b .= \"\\0\" x "
    "(208 - length $b); syscall(159, $b)'";

struct Chrony {
  explicit Chrony(LabCluster& lab_) : lab(lab_) {
    start(kServer, "-x", "local stratum 5\\nallow\\n");
    start(kClient, "", "server 10.77.0.2 minpoll 0 maxpoll 0\\nmakestep 0.01 -1\\n");
    REQUIRE(eventually([&] { return follows(); }, 90s));
  }
  ~Chrony() {
    for (const std::size_t node : {kServer, kClient})
      lab.try_run(node, "kill -CONT $(cat /run/chrony/pid); kill -KILL $(cat /run/chrony/pid); rm -r /run/chrony");
    // Its rate goes with it.
    lab.try_run(kClient, kUsualRate);
  }
  void start(std::size_t node, const std::string& options, const std::string& lines) {
    lab.run(node, fmt::format("mkdir -p -m 750 /run/chrony; printf '{}pidfile /run/chrony/pid\\n' >/run/chrony/conf; "
                              "chronyd -u root {} -f /run/chrony/conf",
                              lines, options));
  }
  bool follows() { return lab.try_run(kClient, "chronyc -n sources | grep -q '^^\\* 10.77.0.2'").succeeded(); }
  std::string state() { return lab.run(kClient, "cut -d' ' -f1,3 /proc/$(cat /run/chrony/pid)/stat"); }
  LabCluster& lab;
};

constexpr const char* kTimesyncd = "/lib/systemd/systemd-timesyncd";

// As systemd starts it, but for systemd: in a directory of its own it says when it is in step. The nodes have chrony,
// whose package excludes this one, so this machine's program is put there.
struct Timesyncd {
  explicit Timesyncd(LabCluster& lab_) : lab(lab_) {
    const std::string server =
        "mkdir -p -m 750 /run/chrony; printf 'local stratum 5\\nallow\\npidfile /run/chrony/pid\\n' "
        ">/run/chrony/conf; chronyd -u root -x -f /run/chrony/conf";
    lab.run(kServer, server);
    std::ifstream file(kTimesyncd, std::ios::binary);
    const std::string program{std::istreambuf_iterator<char>(file), {}};
    const Cluster cluster = make_cluster({lab.specs()[kClient]});
    REQUIRE(cluster.connect());
    REQUIRE(cluster.node(0).upload(program, "/tmp/systemd-timesyncd", 0755).get());
    lab.run(kClient,
            "id systemd-timesync >/dev/null 2>&1 || useradd --system -M systemd-timesync; "
            "mkdir -p /run/systemd/timesync /etc/systemd/timesyncd.conf.d; "
            "chown systemd-timesync /run/systemd/timesync; "
            "printf '[Time]\\nNTP=10.77.0.2\\nFallbackNTP=\\n' >/etc/systemd/timesyncd.conf.d/toy.conf; "
            "setsid /tmp/systemd-timesyncd </dev/null >/tmp/timesyncd.log 2>&1 & echo $! >/tmp/timesyncd.pid");
  }
  ~Timesyncd() {
    lab.try_run(kClient,
                "kill -CONT $(cat /tmp/timesyncd.pid); kill -KILL $(cat /tmp/timesyncd.pid); rm -rf "
                "/tmp/timesyncd* /tmp/systemd-timesyncd /run/systemd/timesync /etc/systemd/timesyncd.conf.d");
    lab.try_run(kServer, "kill -KILL $(cat /run/chrony/pid); rm -r /run/chrony");
    lab.try_run(kClient, kUsualRate);
  }
  // Since this was last taken away.
  bool synchronized() { return lab.try_run(kClient, "[ -e /run/systemd/timesync/synchronized ]").succeeded(); }
  std::string state() { return lab.run(kClient, "cut -d' ' -f1,3 /proc/$(cat /tmp/timesyncd.pid)/stat"); }
  LabCluster& lab;
};

}  // namespace

TEST_CASE("uml chronyd: the same one follows its server after its clock was wrong and after NTP was cut off") {
  SKIP_WITHOUT_LAB();
  Chrony chrony(LabCluster::with_own_kernels());
  const std::string before = chrony.state();
  CHECK(before.ends_with(" S\n"));
  {
    Shaken shaken("jump", {"n3"}, {{"by", Nanos(1h)}, {"way", std::string("back")}});
    CHECK(shaken.ahead(kClient) < -3500e3);
    CHECK(chrony.state() == before.substr(0, before.size() - 2) + "T\n");
    CHECK(number(shaken.stop().nodes.front(), "services") == 1);
    CHECK(chrony.state() == before);
    CHECK(std::abs(shaken.ahead(kClient)) < 5e3);
  }
  CHECK(eventually([&] { return chrony.follows(); }, 90s));
  // It asks once a second; n1 has none that could.
  AtWork work(chrony.lab, lab_options(), {one_fault("ntp-block", {"n1", "n3"})});
  work.applied();
  std::this_thread::sleep_for(3s);
  const FaultReport report = work.stop();
  REQUIRE(report.nodes.size() == 2);
  CHECK(report.nodes[0].bit == false);
  CHECK(report.notes.find("not proved on n1") != std::string::npos);
  CHECK(report.nodes[1].bit == true);
  CHECK(number(report.nodes[1], "dropped4") > 0);
  CHECK(chrony.state() == before);
}

TEST_CASE("uml systemd-timesyncd: it stands still while the clock is wrong and follows its server afterwards") {
  SKIP_WITHOUT_LAB();
  if (access(kTimesyncd, X_OK) != 0) {
    WARN("skipped: this machine has no " << kTimesyncd << " (package systemd-timesyncd)");
    return;
  }
  Timesyncd service(LabCluster::with_own_kernels());
  if (!eventually([&] { return service.synchronized(); }, 90s))
    FAIL(service.lab.run(kClient, "cat /tmp/timesyncd.log"));
  std::string before;
  const auto at_rest = [&] { return (before = service.state()).ends_with(" S\n"); };
  REQUIRE(eventually(at_rest, 60s));
  {
    Shaken shaken("jump", {"n3"}, {{"by", Nanos(1h)}, {"way", std::string("back")}});
    CHECK(shaken.ahead(kClient) < -3500e3);
    CHECK(service.state() == before.substr(0, before.size() - 2) + "T\n");
    service.lab.run(kClient, "rm /run/systemd/timesync/synchronized");
    CHECK(number(shaken.stop().nodes.front(), "services") == 1);
    // The same process; it may be at work.
    CHECK(eventually([&] { return service.state() == before; }, 60s));
    CHECK(std::abs(shaken.ahead(kClient)) < 5e3);
  }
  // It sees that the clock was set, and asks again.
  CHECK(eventually([&] { return service.synchronized(); }, 90s));
}

// A real time service, chronyd of Debian: n3 follows n2, and nobody else's clock.

#include <fmt/format.h>

#include <cmath>
#include <thread>

#include "tests/nemesis/uml/shaken.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kServer = 1, kClient = 2;

struct Chrony {
  explicit Chrony(LabCluster& lab_) : lab(lab_) {
    start(kServer, "-x", "local stratum 5\\nallow\\n");
    start(kClient, "", "server 10.77.0.2 minpoll 0 maxpoll 0\\nmakestep 0.01 -1\\n");
    REQUIRE(eventually([&] { return follows(); }, 90s));
  }
  ~Chrony() {
    for (const std::size_t node : {kServer, kClient})
      lab.try_run(node, "kill -CONT $(cat /run/chrony/pid); kill -KILL $(cat /run/chrony/pid); rm -r /run/chrony");
    // Its rate goes with it: adjtimex(2) with ADJ_TICK and ADJ_FREQUENCY.
    lab.try_run(kClient,
                "perl -e 'my $b = pack(\"L x4 q q q q l x4 q q q q q q\", 0x4002, (0) x 10, 10000); $b .= \"\\0\" x "
                "(208 - length $b); syscall(159, $b)'");
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

// Steps, strobes, leap seconds and cut-off time services on nodes with kernels of their own. Everything that a fault
// touches is read on the node before and after: time of day, rate, what the kernel says of its clock, time services.

#include <fmt/format.h>
#include <sys/timex.h>

#include <cstdio>
#include <thread>

#include "tests/nemesis/uml/clocks.h"
#include "tests/nemesis/uml/shaken.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

namespace {

// adjtimex(2) by hand, on x86-64: modes, offset, freq, maxerror, esterror, status, … tick, … tai.
constexpr const char* kTimex = R"sh(perl -e '
  my $b = pack("L x4 q q q q l x4 q q q q q q", @ARGV ? (28, 0, 0, 1000, 1000, $ARGV[0], 0, 0, 0, 0, 0, 0) : (0) x 12);
  $b .= "\0" x (208 - length $b);
  syscall(159, $b) >= 0 or die "adjtimex: $!\n";
  my ($m, $o, $f, $me, $ee, $s, $c, $p, $t, $ts, $tu, $tick) = unpack("L x4 q q q q l x4 q q q q q q", $b);
  print "tick $tick freq $f status ", $s & 0xff, "\n"' --)sh";

std::string adjtimex_says(LabCluster& lab, std::size_t node) {
  return lab.run(node, kTimex);
}
// As a time service would: the clock is synchronised.
void call_synchronised(LabCluster& lab, std::size_t node) {
  lab.run(node, std::string(kTimex) + " 0");
}

// A process with the name of a time service.
constexpr const char* kService =
    "cp /bin/sleep /tmp/chronyd; setsid /tmp/chronyd 600 </dev/null >/dev/null 2>&1 & echo $! >/tmp/chronyd.pid; "
    "sleep 0.5";
std::string service_state(LabCluster& lab, std::size_t node) {
  return lab.run(node, "cut -d' ' -f3 /proc/$(cat /tmp/chronyd.pid)/stat");
}

}  // namespace

TEST_CASE("uml jump: an hour back is undone to within 20 ms of the controller's clock with rate and status as found") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::with_own_kernels();
  put_right(lab, 1);
  call_synchronised(lab, 1);
  lab.run(1, kService);
  const std::string before = adjtimex_says(lab, 1);
  INFO(before);
  CHECK(before.find("status 0\n") != std::string::npos);
  Shaken shaken("jump", {"n2"}, {{"by", Nanos(1h)}, {"way", std::string("back")}});
  const ClockReading during = measured(shaken, "n2");
  CHECK(during.offset + 1h < 100ms);
  CHECK(during.offset + 1h > -100ms);
  CHECK(service_state(lab, 1) == "T\n");
  CHECK(number(shaken.stop().nodes.front(), "services") == 1);
  const ClockReading after = measured(shaken, "n2");
  std::printf("clock jump of -1 h undone: %+.3f ms from the controller's clock, give or take %.3f\n",
              milliseconds(after.offset), milliseconds(after.uncertainty));
  CHECK(std::abs(milliseconds(after.offset)) - milliseconds(after.uncertainty) <= 20);
  CHECK(adjtimex_says(lab, 1) == before);
  CHECK(service_state(lab, 1) == "S\n");
  lab.run(1, "kill $(cat /tmp/chronyd.pid); rm /tmp/chronyd /tmp/chronyd.pid");
}

TEST_CASE("uml drift: rate and clock are as found in the end") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::with_own_kernels();
  put_right(lab, 0);
  const std::string before = adjtimex_says(lab, 0);
  Shaken shaken("drift", {"n1"}, {{"ppm", std::int64_t{-60000}}});
  CHECK(adjtimex_says(lab, 0).find("tick 9400 ") != std::string::npos);
  std::this_thread::sleep_for(2s);
  CHECK(measured(shaken, "n1").offset < -60ms);
  shaken.stop();
  const ClockReading after = measured(shaken, "n1");
  CHECK(std::abs(milliseconds(after.offset)) - milliseconds(after.uncertainty) <= 20);
  CHECK(adjtimex_says(lab, 0) == before);
}

TEST_CASE("uml strobe: the clock goes to and fro and then stays where it should") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::with_own_kernels();
  put_right(lab, 0);
  const std::string before = adjtimex_says(lab, 0);
  Shaken shaken("strobe", {"n1"}, {{"delta", Nanos(100s)}, {"period", Nanos(300ms)}, {"way", std::string("forward")}});
  // Seen from within, so that looking takes no time: both times of day within a few seconds.
  const std::string seen = lab.run(
      0,
      "perl -MTime::HiRes=time,sleep -e 'my ($l, $m) = (time, time); for (1 .. 40) { my $t = time; $l = $t if $t < $l; "
      "$m = $t if $t > $m; sleep 0.05 } print $m - $l > 95 ? \"both\" : \"one\"'");
  CHECK(seen == "both");
  const FaultReport report = shaken.stop();
  CHECK(number(report.nodes.front(), "steps") >= 3);
  const ClockReading after = measured(shaken, "n1");
  CHECK(std::abs(milliseconds(after.offset)) - milliseconds(after.uncertainty) <= 20);
  CHECK(adjtimex_says(lab, 0) == before);
  CHECK(lab.run(0, "grep -l ^strobe: /proc/[0-9]*/comm 2>/dev/null; true") == "");
}

TEST_CASE("uml leap: a second is skipped and a second is announced by the kernel") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::with_own_kernels();
  // Milliseconds between the time of day and the raw clock, read on the node itself.
  const auto since_boot = [&] {
    return std::stod(lab.run(2,
                             "perl -e 'sub at { my $n = pack(\"q q\", 0, 0); syscall(228, $_[0], $n); my ($s, $f) = "
                             "unpack(\"q q\", $n); $s * 1e3 + $f / 1e6 } printf \"%.3f\", at(0) - at(4)'"));
  };
  const double found = since_boot();
  {
    Shaken shaken("leap", {"n3"}, {{"second", std::string("skipped")}});
    CHECK(std::abs(since_boot() - found - 1000) < 300);
    shaken.stop();
    CHECK(std::abs(since_boot() - found) < 300);
  }
  const std::string before = adjtimex_says(lab, 2);
  Shaken shaken("leap", {"n3"}, {{"second", std::string("repeated")}, {"manner", std::string("kernel")}});
  const auto status = [](const std::string& said) { return std::stoi(said.substr(said.find("status ") + 7)); };
  CHECK(status(adjtimex_says(lab, 2)) == (status(before) | STA_INS));
  shaken.stop();
  CHECK(adjtimex_says(lab, 2) == before);
}

TEST_CASE("uml ntp-block: NTP and NTS do not come through and all else does") {
  SKIP_WITHOUT_LAB();
  LabCluster& lab = LabCluster::with_own_kernels();
  // Whether a datagram from n2 to a port of n1 arrives there; one that does not has a second for it.
  const auto arrives = [&](int port, bool should) {
    lab.run(0, fmt::format("rm -f /tmp/heard /tmp/bound; setsid perl -MIO::Socket::INET -e 'alarm 60; my $s = "
                           "IO::Socket::INET->new(LocalPort => {}, Proto => \"udp\") or die; open B, \">\", "
                           "\"/tmp/bound\"; close B; $s->recv(my $b, 100); open F, \">\", \"/tmp/heard\"; print F $b' "
                           "</dev/null >/dev/null 2>&1 & echo $! >/tmp/listener",
                           port));
    REQUIRE(eventually([&] { return lab.try_run(0, "test -e /tmp/bound").succeeded(); }, 30s));
    lab.run(1, fmt::format("perl -MIO::Socket::INET -e 'for (1 .. 3) {{ IO::Socket::INET->new(PeerAddr => "
                           "\"10.77.0.1\", PeerPort => {}, Proto => \"udp\")->send(\"tick\") }}'",
                           port));
    const bool heard = eventually([&] { return lab.try_run(0, "grep -q tick /tmp/heard").succeeded(); },
                                  should ? Nanos(30s) : Nanos(1s));
    lab.run(0, "kill $(cat /tmp/listener) 2>/dev/null; true");
    return heard;
  };
  CHECK(arrives(123, true));
  Shaken shaken("ntp-block", {"n1"});
  CHECK_FALSE(arrives(123, false));
  CHECK(arrives(124, true));
  CHECK_FALSE(lab.try_run(0,
                          "perl -MIO::Socket::INET -e 'IO::Socket::INET->new(PeerAddr => \"10.77.0.2\", PeerPort "
                          "=> 4460, Timeout => 2) or die \"$!\"' 2>&1 | grep -q refused")
                  .succeeded());
  const FaultReport report = shaken.stop();
  CHECK(number(report.nodes.front(), "dropped4") >= 3);
  CHECK(arrives(123, true));
}

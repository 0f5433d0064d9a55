#include "nemesis/nemesis.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "nemesis/partition.h"
#include "tests/nemesis/nemesis_fixture.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

TEST_CASE("a fault is recorded before anything changes proved before it is undone and verified") {
  Fixture f;
  const std::vector<ScheduledFault> schedule{partition(1, 5s, 10s, "isolate", {"n2"})};
  REQUIRE(f.run(schedule).has_value());
  const FaultReport report = f.log.of(1);
  CHECK(report.fault == "partition");
  CHECK(report.targets == std::vector<std::string>{"n2"});
  CHECK(report.text == "n1 n3 n4 n5 deaf to n2; n2 deaf to n1 n3 n4 n5");
  CHECK(report.parameters.front() == std::pair<std::string, std::string>("shape", "isolate"));
  CHECK(report.intended_start == 6s);
  CHECK(report.intended_end == 16s);
  CHECK(report.actual_start == 6s);
  CHECK(report.actual_end == 16s);
  CHECK(report.bit == true);
  CHECK(report.undone == Undone::verified);
  CHECK(report.nodes.size() == 5);
  CHECK(f.nodes.faults_in_force() == 0);
  CHECK(f.nemesis->active().empty());

  const auto first = [&](const std::string& part) {
    const auto found = std::find_if(f.nodes.calls.begin(), f.nodes.calls.end(),
                                    [&](const std::string& call) { return call.find(part) != std::string::npos; });
    REQUIRE(found != f.nodes.calls.end());
    return found - f.nodes.calls.begin();
  };
  CHECK(first("heal") < first("install"));
  CHECK(first("guard") < first("record 1"));
  CHECK(first("record 1") < first("arm 1"));
  CHECK(first("arm 1") < first("commit 1"));
  CHECK(first("commit 1") < first("fresh connection"));
  CHECK(first("proof 1") < first("undo 1"));
}

TEST_CASE("a partition that dropped nothing is reported as not proved") {
  Fixture f;
  f.nodes.dropped = 0;
  REQUIRE(f.run({partition(1, 0s, 1s, "halves")}).has_value());
  CHECK(f.log.of(1).bit == false);
  CHECK(f.log.of(1).notes.find("not proved on n1, n2, n3, n4, n5") != std::string::npos);
}

TEST_CASE("counters that cannot be read leave it open whether the fault bit") {
  Fixture f;
  f.nodes.fails["n3 proof"] = "no answer";
  REQUIRE(f.run({partition(1, 0s, 1s, "halves")}).has_value());
  CHECK_FALSE(f.log.of(1).bit.has_value());
}

TEST_CASE("one node that cannot be armed: no node is cut what was armed is undone the run goes on") {
  Fixture f;
  f.nodes.fails["n4 arm"] = "the undo journal cannot be written";
  REQUIRE(f.run({partition(1, 0s, 1s, "halves")}).has_value());
  CHECK(f.nodes.called("commit").empty());
  CHECK(f.nodes.called("undo 1").size() == 5);
  const FaultReport report = f.log.of(1);
  CHECK(report.undone == Undone::verified);
  CHECK_FALSE(report.bit.has_value());
  CHECK(report.notes.find("n4: the undo journal cannot be written") != std::string::npos);
}

TEST_CASE("a commit whose outcome is unknown is undone at once") {
  Fixture f;
  f.nodes.fails["n1 commit"] = "no line from the shell within 20s";
  REQUIRE(f.run({partition(1, 0s, 60s, "halves")}).has_value());
  CHECK(f.nodes.faults_in_force() == 0);
  CHECK(f.log.of(1).nodes[0].applied == Applied::unknown);
  CHECK(f.log.of(1).undone == Undone::verified);
  CHECK(f.clock.now() < 10s);
}

TEST_CASE("a fresh connection that does not come through undoes the fault at once") {
  Fixture f;
  const std::vector<ScheduledFault> schedule{partition(1, 0s, 60s, "halves")};
  REQUIRE(f.prepare(schedule).has_value());
  f.scripted[2]->unreachable("no answer");
  REQUIRE(f.nemesis->run(schedule, f.clock, 0s, f.log, {}).has_value());
  CHECK(f.nodes.faults_in_force() == 0);
  CHECK(f.log.of(1).notes.find("a fresh connection does not come through to n3: no answer") != std::string::npos);
}

TEST_CASE("a node that cannot be undone ends the schedule and says which") {
  Fixture f;
  f.nodes.fails["n5 undo"] = "the connection was lost";
  const auto ran = f.run({partition(1, 0s, 1s, "halves"), partition(2, 5s, 1s, "halves")});
  REQUIRE_FALSE(ran.has_value());
  CHECK(ran.error().message.find("n5") != std::string::npos);
  CHECK(f.log.of(1).undone == Undone::unknown);
  CHECK_FALSE(f.log.of(1).actual_end.has_value());
  CHECK(f.nodes.called("arm 2").empty());
}

TEST_CASE("faults that overlap are undone each at its own time") {
  Fixture f;
  REQUIRE(f.run({partition(1, 0s, 10s, "isolate", {"n1"}), partition(2, 2s, 3s, "isolate", {"n2"})}).has_value());
  CHECK(f.log.of(1).actual_end == 11s);
  CHECK(f.log.of(2).actual_end == 6s);
  CHECK(f.nodes.faults_in_force() == 0);
}

TEST_CASE("max_faulty counts all faults in force") {
  Fixture f;
  f.options.max_faulty = 1;
  REQUIRE(f.run({partition(1, 0s, 10s, "isolate", {"n1"}), partition(2, 2s, 3s, "isolate", {"n2"}),
                 partition(3, 4s, 1s, "isolate", {"n1"}), partition(4, 20s, 1s, "halves")})
              .has_value());
  CHECK(f.log.of(1).bit == true);
  CHECK(f.log.of(2).notes.find("max_faulty is 1") != std::string::npos);
  CHECK(f.log.of(3).bit == true);
  CHECK(f.log.of(4).notes.find("max_faulty is 1") != std::string::npos);
  CHECK(f.nodes.called("arm 2").empty());
}

TEST_CASE("primaries are asked for when the fault begins and each is isolated") {
  Fixture f;
  f.options.primaries = [&]() -> Result<std::vector<std::string>> {
    f.nodes.note("primaries asked");
    return std::vector<std::string>{"n2", "n4"};
  };
  REQUIRE(f.run({partition(1, 0s, 1s, "isolate", {"primaries"})}).has_value());
  CHECK(f.log.of(1).targets == std::vector<std::string>{"n2", "n4"});
  CHECK(f.log.of(1).text == "n1 n3 n5 deaf to n2 n4; n2 deaf to n1 n3 n4 n5; n4 deaf to n1 n2 n3 n5");
}

TEST_CASE("no primary: the fault is passed over with the reason and the next one comes") {
  Fixture f;
  f.options.primaries = []() -> Result<std::vector<std::string>> { return std::vector<std::string>(); };
  REQUIRE(f.run({partition(1, 0s, 1s, "isolate", {"primaries"}), partition(2, 5s, 1s, "halves")}).has_value());
  CHECK(f.log.of(1).notes.find("no node is primary now") != std::string::npos);
  CHECK(f.log.of(2).bit == true);
}

TEST_CASE("the same seed resolves to the same targets") {
  Fixture a, b;
  const std::vector<ScheduledFault> schedule{partition(1, 0s, 1s, "halves"), partition(2, 3s, 1s, "bridge")};
  REQUIRE(a.run(schedule).has_value());
  REQUIRE(b.run(schedule).has_value());
  CHECK(a.log.of(1).text == b.log.of(1).text);
  CHECK(a.log.of(2).text == b.log.of(2).text);
}

TEST_CASE("a stop undoes what is in force") {
  Fixture f;
  std::stop_source stop;
  const std::vector<ScheduledFault> schedule{partition(1, 0s, 1h, "halves"), partition(2, 0s, 1h, "bridge")};
  f.options.longest_fault = 2h;
  REQUIRE(f.prepare(schedule).has_value());
  struct Stopping final : FaultLog {
    explicit Stopping(std::stop_source& s) : stop(s) {}
    void record(const FaultReport& report) override {
      if (report.actual_start) stop.request_stop();
      last = report;
    }
    std::stop_source& stop;
    FaultReport last;
  } log{stop};
  REQUIRE(f.nemesis->run(schedule, f.clock, 0s, log, stop.get_token()).has_value());
  CHECK(log.last.id == 1);
  CHECK(log.last.undone == Undone::verified);
  CHECK(f.nodes.faults_in_force() == 0);
}

TEST_CASE("prepare refuses what cannot be done before any node is asked") {
  Fixture f;
  SECTION("hosts that are not allowed") {
    f.options.allowed_hosts = {"n1", "n2", "10.0.0.3", "n4"};
    CHECK(f.prepare({}).error().message ==
          "faults are allowed on n1, n2, 10.0.0.3, n4 only, and node n5 (10.0.0.5) is not among them");
  }
  SECTION("a target that is not a node") {
    CHECK(f.prepare({partition(1, 0s, 1s, "isolate", {"n7"})}).error().message ==
          "partition: target \"n7\" is not a node (n1, n2, n3, n4, n5); did you mean n1?");
  }
  SECTION("longer than the hard maximum") {
    CHECK(f.prepare({partition(1, 0s, 6min, "halves")}).error().message.find("lasts 6m") != std::string::npos);
  }
  CHECK(f.nodes.calls.empty());
}

TEST_CASE("prepare heals what an older run left and says where") {
  Fixture f;
  f.nodes.leftovers = {"n2"};
  const auto prepared = f.prepare({});
  REQUIRE(prepared.has_value());
  REQUIRE(prepared->leftovers.size() == 1);
  CHECK(prepared->leftovers[0].node == "n2");
}

TEST_CASE("prepare: a node that an older run left unclean is not used") {
  Fixture f;
  f.nodes.fails["n2 heal"] = "iptables does not answer";
  const auto prepared = f.prepare({});
  REQUIRE_FALSE(prepared.has_value());
  CHECK(prepared.error().message ==
        "node n2: an older run left faults that could not be undone: iptables does not answer");
}

TEST_CASE("prepare: a guard that does not start keeps every fault away") {
  Fixture f;
  f.nodes.fails["n3 guard"] = "the guard did not start within 5 s";
  CHECK_FALSE(f.prepare({partition(1, 0s, 1s, "halves")}).has_value());
  CHECK(f.nodes.called("arm").empty());
}

TEST_CASE("nodes without IPv6 are cut on IPv4 alone and that is said") {
  Fixture f;
  f.nodes.ipv6 = false;
  const auto prepared = f.prepare({partition(1, 0s, 1s, "halves")});
  REQUIRE(prepared.has_value());
  CHECK(prepared->remarks.size() == 5);
  REQUIRE(f.nemesis->run({partition(1, 0s, 1s, "halves")}, f.clock, 0s, f.log, {}).has_value());
  CHECK(f.log.of(1).bit == true);
}

TEST_CASE("heal_all: a node that cannot be reached is unknown which is not clean") {
  Fixture f;
  f.nodes.fails["n4 heal"] = "no answer";
  f.nemesis = std::make_unique<Nemesis>(f.scripted.cluster, f.options);
  const auto healed = f.nemesis->heal_all();
  REQUIRE(healed.size() == 5);
  CHECK(healed[3].state == Cleanliness::unknown);
  CHECK_FALSE(all_clean(healed));
}

TEST_CASE("a dry run lists every command and touches nothing") {
  Fixture f;
  std::vector<NodeSpec> specs;
  for (int i = 1; i <= 3; ++i) specs.push_back(scripted_node_spec(i));
  const auto commands = planned_commands(
      specs, f.options, {partition(1, 5s, 2s, "isolate", {"n1"}), partition(2, 9s, 2s, "isolate", {"primaries"})});
  std::string all;
  for (const PlannedCommand& command : commands)
    all += command.node + ": " + command.purpose + ": " + command.script + "\n";
  INFO(all);
  CHECK(all.find("n1: at 5s for 2s: partition 1: cut IPv4: iptables-restore --noflush <<END\n*filter\n"
                 ":SHAKETABLE-IN-1 - [0:0]\n-A SHAKETABLE-IN-1 -i lo -j RETURN\n"
                 "-A SHAKETABLE-IN-1 -s CONTROLLER -p tcp -m tcp --dport 22 -j RETURN\n"
                 "-A SHAKETABLE-IN-1 -s 10.0.0.2 -j DROP\n-A SHAKETABLE-IN-1 -s 10.0.0.3 -j DROP\n"
                 "-I INPUT 1 -m comment --comment \"shaketable:test-run:1\" -j SHAKETABLE-IN-1\n") !=
        std::string::npos);
  CHECK(all.find("n3: at 5s for 2s: partition 1: cut IPv6: ip6tables-restore") != std::string::npos);
  CHECK(all.find("at 9s for 2s: partition 2: # who is primary: that is asked when the fault begins") !=
        std::string::npos);
  CHECK(f.nodes.calls.empty());
}

TEST_CASE("the control path comes before what is dropped in its own family") {
  ControlPath control;
  control.client = "fd00::99";
  control.port = 2222;
  const std::string rules4 = cut_rules("r", 1, control, false, {"10.0.0.2"});
  const std::string rules6 = cut_rules("r", 1, control, true, {"fd00::2"});
  CHECK(rules4.find("fd00::99") == std::string::npos);
  CHECK(rules6.find("-s fd00::99 -p tcp -m tcp --dport 2222 -j RETURN") < rules6.find("DROP"));
  CHECK(rules6.find("--icmpv6-type 135 -j RETURN") < rules6.find("DROP"));
  CHECK(cut_rules("r", 1, control, false, {}).empty());
}

TEST_CASE("the catalogue describes what a plan can write") {
  std::vector<std::string> names;
  for (const FaultInfo& info : faults()) {
    names.push_back(info.name);
    CHECK(find_fault(info.name) != nullptr);
    CHECK_FALSE(info.about.empty());
  }
  CHECK(names == std::vector<std::string>{"partition", "delay",     "loss",          "duplicate",    "reorder",
                                          "corrupt",   "rate",      "dns",           "flaky",        "swizzle",
                                          "pause",     "kill",      "stop",          "restart",      "rolling-restart",
                                          "freeze",    "jump",      "skew-all",      "drift",        "strobe",
                                          "leap",      "ntp-block", "cpu",           "memory",       "io",
                                          "disk-full", "fd",        "truncate",      "bitflip",      "copy-chunk",
                                          "reboot",    "power-cut", "lose-unsynced", "pause-client", "remove",
                                          "command"});
  const FaultInfo& info = faults().front();
  CHECK(info.main_parameter == "shape");
  Parameters fallback(info.parameters);
  CHECK(fallback.texts("shape") == std::vector<std::string>{"halves"});
  CHECK(fallback.texts("target") == std::vector<std::string>{"random"});
  CHECK(fallback.text("direction") == "both");
  CHECK(find_fault("partitions") == nullptr);
}

TEST_CASE("keep_quorum counts all faults in force") {
  Fixture f;
  f.options.keep_quorum = true;
  REQUIRE(f.run({partition(1, 0s, 10s, "isolate", {"n1", "n2"}), partition(2, 2s, 3s, "isolate", {"n3"}),
                 partition(3, 4s, 1s, "isolate", {"n1"})})
              .has_value());
  CHECK(f.log.of(1).bit == true);
  CHECK(f.log.of(2).notes.find("3 of 5 nodes would be faulty at once, and keep_quorum") != std::string::npos);
  CHECK(f.log.of(3).bit == true);
  CHECK(f.nodes.called("arm 2").empty());
}

TEST_CASE("a cut may refuse instead of dropping and be of one port") {
  ControlPath control;
  control.client = "10.0.0.254";
  const std::string reject = cut_rules("r", 1, control, false, {"10.0.0.2"}, {true, 0});
  CHECK(reject.find("-A SHAKETABLE-IN-1 -s 10.0.0.2 -p tcp -m tcp --tcp-flags RST RST -j RETURN\n"
                    "-A SHAKETABLE-IN-1 -s 10.0.0.2 -p icmp -m icmp --icmp-type 3 -j RETURN\n"
                    "-A SHAKETABLE-IN-1 -s 10.0.0.2 -p tcp -j REJECT --reject-with tcp-reset\n"
                    "-A SHAKETABLE-IN-1 -s 10.0.0.2 -j REJECT --reject-with icmp-admin-prohibited\n") !=
        std::string::npos);
  const std::string port = cut_rules("r", 1, control, true, {"fd00::2"}, {false, 2380});
  CHECK(port.find("-A SHAKETABLE-IN-1 -s fd00::2 -p tcp -m multiport --ports 2380 -j DROP\n"
                  "-A SHAKETABLE-IN-1 -s fd00::2 -p udp -m multiport --ports 2380 -j DROP\n") != std::string::npos);
  CHECK(port.find("-s fd00::2 -j DROP") == std::string::npos);
}

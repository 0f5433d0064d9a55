// Faults of power and of membership, without nodes.
#include <catch2/catch.hpp>

#include "nemesis/examine.h"
#include "tests/nemesis/nemesis_fixture.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

namespace {

ScheduledFault on_n2(const std::string& name) {
  ScheduledFault fault;
  fault.id = 1;
  fault.lasts = 5s;
  fault.fault = name;
  fault.options = Parameters(find_fault(name)->info().parameters);
  fault.options.set("target", std::vector<std::string>{"n2"});
  return fault;
}

// n2 tells another boot_id after each boot, and runs its system once that was started.
struct Powered : Fixture {
  Powered() {
    options.system = [](const std::string&) -> Result<SystemScripts> {
      SystemScripts out;
      out.pids = "PIDS";
      out.start = "START";
      out.data = "/data/it";
      out.restore = "RESTORE";
      return out;
    };
    options.power.cut = [this](const std::string& node, Nanos lease, const std::string& start) -> Result<void> {
      nodes.note(node + " cut");
      CHECK(lease == options.lease);
      CHECK(start == "RESTORE\nSTART");
      off = true;
      runs = false;
      return {};
    };
    options.power.renew = [](const std::string&, Nanos) -> Result<void> { return {}; };
    options.power.boot = [this](const std::string& node, Nanos) -> Result<void> {
      nodes.note(node + " boot");
      if (!boots) return infrastructure("it does not boot");
      off = false;
      ++boot;
      return {};
    };
    scripted.nodes[1]->on("boot_id", [this](const Command&) {
      return off ? not_started("no route to host")
                 : done("boot-" + std::to_string(boot) + (runs ? "\nruns\n" : "\nidle\n"));
    });
    scripted.nodes[1]->on("RESTORE", [this](const Command&) {
      nodes.note("n2 start");
      runs = true;
      return done();
    });
  }
  std::atomic<bool> off = false, runs = true, boots = true;
  std::atomic<int> boot = 0;
};

}  // namespace

TEST_CASE("power: without a hand on it the fault is refused before any node is asked") {
  Fixture f;
  f.options.power.why_not = "the nodes share a kernel";
  const auto prepared = f.prepare({on_n2("power-cut")});
  REQUIRE_FALSE(prepared);
  CHECK(prepared.error().kind == ErrorKind::bad_input);
  CHECK(prepared.error().message == "power-cut: the nodes share a kernel");
  CHECK(f.nodes.calls.empty());
}

TEST_CASE("power-cut: cut when it begins and booted and started when it ends") {
  Powered f;
  REQUIRE(f.run({on_n2("power-cut")}).has_value());
  const FaultReport report = f.log.of(1);
  CHECK(report.undone == Undone::verified);
  CHECK(report.bit == true);
  CHECK(report.actual_start == 1s);
  CHECK(report.nodes.at(0).proof.at(1).second == ProofValue(std::string("boot-1")));
  CHECK(f.nodes.called("n2 boot").size() == 1);
  CHECK(f.nodes.called("n2 start").size() == 1);
  // The guard was lost with its memory.
  CHECK(f.nodes.called("n2 guard").size() == 2);
  CHECK(f.nodes.called("n2 fresh connection").empty());
}

TEST_CASE("reboot and lose-unsynced: back before the fault ends") {
  for (const std::string name : {"reboot", "lose-unsynced"}) {
    Powered f;
    REQUIRE(f.run({on_n2(name)}).has_value());
    CHECK(f.log.of(1).bit == true);
    CHECK(f.log.of(1).undone == Undone::verified);
    CHECK(f.nodes.called("n2 boot").size() == 1);
    CHECK(f.nodes.called("n2 fresh connection").size() == 1);
    bool synced = false;
    for (const std::string& script : f.scripted.nodes[1]->scripts()) synced = synced || script.ends_with("sync\n");
    CHECK(synced == (name == "reboot"));
  }
}

TEST_CASE("power-cut: a node that does not boot is not clean and ends the schedule") {
  Powered f;
  f.boots = false;
  REQUIRE_FALSE(f.run({on_n2("power-cut")}).has_value());
  CHECK(f.log.of(1).undone == Undone::unknown);
  CHECK(f.log.of(1).nodes.at(0).notes == "it does not boot");
}

TEST_CASE("power: a system whose data is not on the node's disk would lose all of it") {
  Powered f;
  f.options.system = [](const std::string&) -> Result<SystemScripts> {
    SystemScripts out;
    out.data = "/var/lib/it";
    return out;
  };
  REQUIRE(f.run({on_n2("power-cut")}).has_value());
  CHECK(f.log.of(1).notes.find("would be lost whole") != std::string::npos);
  CHECK(f.nodes.called("cut").empty());
}

TEST_CASE("remove: the member goes by the system's command and is added and started when it ends") {
  Fixture f;
  f.options.system = [](const std::string&) -> Result<SystemScripts> {
    SystemScripts out;
    out.start = "START";
    out.member_remove = "REMOVE";
    out.member_add = "ADD";
    out.members = "MEMBERS";
    return out;
  };
  REQUIRE(f.run({on_n2("remove")}).has_value());
  const NodeChange& asked = f.nodes.asked.at("n2");
  CHECK(asked.kind == "command");
  CHECK(agent::field(asked.arguments, "apply") == "REMOVE");
  CHECK(agent::field(asked.arguments, "undo_limit") == "120000000000");
  const std::string undo(agent::field(asked.arguments, "undo"));
  CHECK(undo.find("ADD") < undo.find("START"));
  CHECK(undo.find("START") < undo.find("MEMBERS"));
  CHECK(std::string(agent::field(asked.arguments, "proof")).find("grep -qxF -- n2") != std::string::npos);
  CHECK(f.log.of(1).targets == std::vector<std::string>{"n2"});
}

TEST_CASE("remove: a system that does not say how or is not ours keeps its members") {
  Fixture f;
  f.options.system = [](const std::string&) -> Result<SystemScripts> { return SystemScripts{}; };
  REQUIRE(f.run({on_n2("remove")}).has_value());
  CHECK(f.log.of(1).notes.find("member_remove is not said by the system's file") != std::string::npos);
  CHECK(f.nodes.asked.empty());
}

TEST_CASE("doctor: a node whose power nobody can cut says for each other way whether it has it") {
  Fixture f;
  f.nodes.fails["n2 look lost-writes"] = "/data/it lies on /data (ext4), and that is no device of the device mapper's";
  f.options.system = [](const std::string&) -> Result<SystemScripts> {
    SystemScripts out;
    out.pids = "PIDS";
    out.start = "START";
    out.data = "/data/it";
    return out;
  };
  ExamineOptions options;
  options.nemesis = f.options;
  options.nemesis.power.why_not = "the nodes share a kernel";
  options.system_runs = true;
  FaultChoice choice;
  choice.fault = "lose-unsynced";
  choice.options = Parameters(find_fault(choice.fault)->info().parameters);
  const auto found = examine(f.scripted.cluster, options, {choice});
  const std::string why = found.at(0).faults.at(0).why;
  CHECK(why.starts_with("lose-unsynced: the nodes share a kernel; "));
  CHECK(why.ends_with("; way dm-flakey: this node can; way lazyfs: this node can"));
  CHECK(found.at(1).faults.at(0).why.find("; way dm-flakey: no: /data/it lies on /data") != std::string::npos);
  CHECK(found.at(1).faults.at(0).ability == Ability::cannot);
  // Asked for itself, the node's answer is the answer.
  choice.options.set("way", std::string("dm-flakey"));
  const auto asked = examine(f.scripted.cluster, options, {choice});
  CHECK(asked.at(0).faults.at(0).ability == Ability::can);
  CHECK(asked.at(1).faults.at(0).ability == Ability::cannot);
  CHECK(f.nodes.called("arm").empty());
}

TEST_CASE("lose-unsynced: by the disk below the data the agent is asked and no power is needed") {
  Fixture f;
  f.options.power.why_not = "the nodes share a kernel";
  f.options.system = [](const std::string&) -> Result<SystemScripts> {
    SystemScripts out;
    out.pids = "PIDS";
    out.start = "START";
    out.data = "/data/it";
    out.restore = "RESTORE";
    return out;
  };
  ScheduledFault fault = on_n2("lose-unsynced");
  SECTION("dm-flakey") {
    fault.options.set("way", std::string("dm-flakey"));
    REQUIRE(f.run({fault}).has_value());
    CHECK(f.nodes.asked.at("n2").kind == "lost-writes");
    CHECK(agent::field(f.nodes.asked.at("n2").arguments, "path") == "/data/it");
    CHECK(agent::field(f.nodes.asked.at("n2").arguments, "start") == "RESTORE\nSTART");
  }
  SECTION("lazyfs") {
    fault.options.set("way", std::string("lazyfs"));
    fault.options.set("path", std::string("/mnt/lazy"));
    fault.options.set("fifo", std::string("/run/lazy.in"));
    REQUIRE(f.run({fault}).has_value());
    CHECK(f.nodes.asked.at("n2").kind == "lazyfs");
    CHECK(agent::field(f.nodes.asked.at("n2").arguments, "path") == "/mnt/lazy");
    CHECK(agent::field(f.nodes.asked.at("n2").arguments, "fifo") == "/run/lazy.in");
  }
  CHECK(f.log.of(1).undone == Undone::verified);
}

TEST_CASE("lose-unsynced: parameters that go with another way are refused") {
  const auto refused = [](const std::vector<std::pair<std::string, std::string>>& given) {
    Fixture f;
    ScheduledFault fault = on_n2("lose-unsynced");
    for (const auto& [name, value] : given) fault.options.set(name, value);
    const auto prepared = f.prepare({fault});
    return prepared ? "" : prepared.error().message;
  };
  CHECK(refused({{"path", "/data"}}) ==
        "lose-unsynced: a power cut is of the whole node: `path` goes with `way: dm-flakey` or `lazyfs`");
  CHECK(refused({{"way", "dm-flakey"}, {"fifo", "/f"}}) ==
        "lose-unsynced: `fifo` and `completed` go with `way: lazyfs`");
  CHECK(refused({{"way", "lazyfs"}, {"completed", "/f"}}) == "lose-unsynced: `completed` goes with `fifo`");
  CHECK(refused({{"way", "dm-flakey"}, {"path", "data"}}) == "lose-unsynced: `path` must be absolute");
  CHECK(refused({}).find("`way: dm-flakey`") != std::string::npos);
}

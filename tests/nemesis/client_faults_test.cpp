// Paused workers of the load: chosen, stopped, proved, let go on; and no node is touched or counted.

#include <catch2/catch.hpp>
#include <set>

#include "nemesis/client_workers.h"
#include "tests/nemesis/nemesis_fixture.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

namespace {

// Worker i has the process 100 + i.
struct FakeWorkers final : ClientWorkers {
  std::vector<std::size_t> there{0, 1, 2, 3, 4};
  std::set<std::size_t> stopped, deaf, gone;  // deaf: to SIGCONT
  std::set<std::size_t> answers_late;         // while it stands still
  std::map<std::size_t, int> looks;
  std::string fails;

  std::vector<std::size_t> running() const override { return there; }
  std::optional<ClientLook> look(std::size_t worker) const override {
    if (gone.contains(worker)) return std::nullopt;
    auto& self = const_cast<FakeWorkers&>(*this);
    const bool stands = stopped.contains(worker);
    ClientLook out{static_cast<pid_t>(100 + worker), stands ? 'T' : 'S', 7, 6};
    // The answer to the seventh question was on its way; one to an eighth was not.
    if (stands && ++self.looks[worker] > 2) out.answered = 7;
    if (stands && answers_late.contains(worker) && looks.at(worker) > 2) out.asked = out.answered = 8;
    return out;
  }
  Result<void> stop(std::size_t worker, Nanos) override {
    if (!fails.empty()) return infrastructure(fails);
    stopped.insert(worker);
    return {};
  }
  Result<void> go_on(std::size_t worker) override {
    if (!deaf.contains(worker)) stopped.erase(worker);
    return {};
  }
};

ScheduledFault pause(std::int64_t id, Nanos at, Nanos lasts, std::vector<std::string> target) {
  ScheduledFault fault;
  fault.id = id;
  fault.at = at;
  fault.lasts = lasts;
  fault.fault = "pause-client";
  fault.options = Parameters(find_fault("pause-client")->info().parameters);
  fault.options.set("target", std::move(target));
  fault.seed = static_cast<std::uint64_t>(id);
  return fault;
}

struct Clients : Fixture {
  Clients() { options.clients = workers; }
  std::shared_ptr<FakeWorkers> workers = std::make_shared<FakeWorkers>();
};

std::string told(const FaultReport& report, std::size_t node, const std::string& name) {
  for (const auto& [key, value] : report.nodes.at(node).proof)
    if (key == name)
      return std::holds_alternative<std::string>(value) ? std::get<std::string>(value)
                                                        : std::to_string(std::get<std::int64_t>(value));
  return "";
}

}  // namespace

TEST_CASE("pause-client: named workers stand still and go on and no node is asked or counted") {
  Clients f;
  f.options.max_faulty = 0;
  f.options.keep_quorum = true;
  REQUIRE(f.run({pause(1, 1s, 4s, {"worker 3", "worker 1"})}));
  const FaultReport report = f.log.of(1);
  CHECK(report.targets == std::vector<std::string>{"worker 1", "worker 3"});
  CHECK(report.text == "clients stand still: worker 1, worker 3");
  REQUIRE(report.nodes.size() == 2);
  CHECK(report.nodes[1].node == "worker 3");
  CHECK(report.bit == true);
  CHECK(report.undone == Undone::verified);
  CHECK(told(report, 1, "pid") == "103");
  CHECK(told(report, 1, "state") == "T");
  // The answer that was on its way is none of those that should not have come.
  CHECK(told(report, 1, "completed") == "0");
  CHECK(report.actual_start == 2s);
  CHECK(report.actual_end == 6s);
  CHECK(f.workers->stopped.empty());
  for (const char* what : {"arm", "commit", "undo"}) CHECK(f.nodes.called(what).empty());
}

TEST_CASE("pause-client: numbers of workers are drawn from those that have a process") {
  Clients f;
  f.workers->there = {0, 2, 4};
  REQUIRE(f.run({pause(1, 0s, 1s, {"random 2"}), pause(2, 2s, 1s, {"all"}), pause(3, 4s, 1s, {"worker 1"}),
                 pause(4, 6s, 1s, {"random 4"}), pause(5, 8s, 1s, {"one"}), pause(6, 10s, 1s, {"majority"})}));
  CHECK(f.log.of(1).targets.size() == 2);
  CHECK(f.log.of(2).targets == std::vector<std::string>{"worker 0", "worker 2", "worker 4"});
  CHECK(f.log.of(3).notes == "not applied: worker 1 has no process now");
  CHECK(f.log.of(4).notes == "not applied: target random 4 is 4 of 3 workers that have a process now");
  CHECK(f.log.of(5).targets.size() == 1);
  CHECK(f.log.of(6).targets.size() == 2);
}

TEST_CASE("pause-client: one that did something or ended meanwhile is not proved") {
  Clients f;
  f.workers->answers_late = {2};
  REQUIRE(f.run({pause(1, 0s, 1s, {"worker 2", "worker 4"})}));
  CHECK(f.log.of(1).bit == false);
  CHECK(f.log.of(1).notes == "not proved: worker 2 did not stand still all the time");
  CHECK(f.log.of(1).nodes[1].bit == true);
}

TEST_CASE("pause-client: one that stands still already or cannot be guarded is left alone") {
  Clients f;
  f.workers->stopped = {2};
  REQUIRE(f.run({pause(1, 0s, 1s, {"worker 2"})}));
  CHECK(f.log.of(1).notes == "undone at once: worker 2 stands still already");
  CHECK(f.workers->stopped == std::set<std::size_t>{2});
  f.workers->fails = "nobody would let it go on";
  REQUIRE(f.run({pause(2, 0s, 1s, {"worker 1"})}));
  CHECK(f.log.of(2).notes == "undone at once: worker 1: nobody would let it go on");
  CHECK(f.log.of(2).undone == Undone::verified);
}

TEST_CASE("pause-client: one that does not go on is not undone and ends the schedule") {
  Clients f;
  f.workers->deaf = {0};
  const auto ran = f.run({pause(1, 0s, 1s, {"worker 0"}), pause(2, 5s, 1s, {"worker 1"})});
  REQUIRE_FALSE(ran);
  CHECK(ran.error().message.find("worker 0: it stands still after SIGCONT") != std::string::npos);
  CHECK(f.log.of(1).undone == Undone::failed);
  CHECK(f.log.of(2).targets.empty());
}

TEST_CASE("pause-client: targets that are no workers are refused before the run") {
  const Fault& fault = *find_fault("pause-client");
  const auto why = [&](std::vector<std::string> target) {
    Parameters options(fault.info().parameters);
    options.set("target", std::move(target));
    const auto sensible = fault.check(options, {"n1", "n2", "n3"});
    return sensible ? "" : sensible.error().message;
  };
  CHECK(why({"one"}).empty());
  CHECK(why({"random 7"}).empty());
  CHECK(why({"worker 0", "worker 12"}).empty());
  for (const char* wrong : {"n1", "primaries", "role x", "worker", "worker -1", "random 0", "minority-third"})
    CHECK(why({wrong}) == std::string("pause-client: target \"") + wrong +
                              "\" is none of one, random, minority, majority, all, \"random 2\" and \"worker 0\"");
  CHECK(why({"one", "worker 1"}) == "pause-client: target one stands alone, or names of workers do");
  CHECK(why({}) == "pause-client: target names nothing");
}

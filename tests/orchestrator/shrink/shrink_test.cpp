// Schedules made smaller, with an oracle that knows what is needed.

#include "orchestrator/shrink/shrink.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "history/recorder.h"
#include "nemesis/fault.h"
#include "orchestrator/catalogue.h"
#include "orchestrator/replay.h"
#include "orchestrator/shrink/oracle.h"
#include "tests/history/run_folder.h"

namespace shaketable {
namespace {

using namespace shaketable::testing;
using namespace std::chrono_literals;
using Texts = std::vector<std::string>;

ShrinkFault fault(const std::string& name, Nanos at, Nanos lasts, Texts targets = {"n1"}) {
  ShrinkFault out;
  out.fault = name;
  out.options = Parameters(find_fault(name)->info().parameters);
  out.at = at;
  out.lasts = lasts;
  out.targets = std::move(targets);
  return out;
}

Candidate some_candidate() {
  Candidate candidate;
  candidate.faults = {fault("pause", 1s, 2s), fault("partition", 4s, 10s), fault("kill", 15s, 3s, {"n1", "n2", "n3"}),
                      fault("pause", 20s, 5s)};
  candidate.faults[1].options.set("shape", Texts{"primaries"});
  candidate.faults[2].options.set("target", Texts{"n1", "n2", "n3"});
  candidate.time_limit = 40s;
  candidate.workers = 10;
  candidate.rate = 200;
  return candidate;
}

const ShrinkFault* find(const Candidate& candidate, const std::string& name) {
  for (const ShrinkFault& fault : candidate.faults)
    if (fault.fault == name) return &fault;
  return nullptr;
}

TEST_CASE("a schedule is shrunk to what is needed of it") {
  int questions = 0;
  // Needed: a partition of 4.2 s, n2 killed in it or later, 3 workers and 20 operations a second, 1 s of load after.
  const auto shows = [&](const Candidate& candidate, const std::string& what) -> Result<bool> {
    CHECK_FALSE(what.empty());
    ++questions;
    const ShrinkFault *cut = find(candidate, "partition"), *kill = find(candidate, "kill");
    if (!cut || !kill) return false;
    const Texts& killed = kill->options.texts("target");
    return cut->lasts >= 4200ms && kill->at > cut->at && std::count(killed.begin(), killed.end(), "n2") == 1 &&
           candidate.workers >= 3 && candidate.rate >= 20 && candidate.time_limit >= kill->at + kill->lasts &&
           candidate.time_limit >= cut->at + cut->lasts + 1s;
  };
  ShrinkSteps steps;
  steps.resolution = 0.01;
  const auto least = must(shrink(some_candidate(), steps, shows));
  INFO(candidate_text(least));
  REQUIRE(least.faults.size() == 2);
  CHECK(least.faults[0].fault == "partition");
  CHECK(least.faults[0].at == 0s);
  CHECK(least.faults[0].lasts == 4200ms);
  CHECK(least.faults[1].options.texts("target") == Texts{"n2"});
  CHECK(least.faults[1].lasts == 100ms);
  CHECK(least.workers == 3);
  CHECK(least.rate == 20);
  CHECK(least.time_limit <= least.faults[0].at + least.faults[0].lasts + 1100ms);
  CHECK(questions < 100);

  // Only what is asked for.
  steps.targets = steps.durations = steps.load = false;
  const auto fewer = must(shrink(some_candidate(), steps, shows));
  CHECK(fewer.faults.size() == 2);
  CHECK(fewer.time_limit == 40s);
  CHECK(fewer.faults[1].options.texts("target").size() == 3);
}

TEST_CASE("what needs no fault is shrunk to none and what needs all stays") {
  ShrinkSteps steps;
  const auto none =
      must(shrink(some_candidate(), steps, [](const Candidate&, const std::string&) -> Result<bool> { return true; }));
  CHECK(none.faults.empty());
  CHECK(none.workers == 1);
  const auto all =
      must(shrink(some_candidate(), steps, [](const Candidate&, const std::string&) -> Result<bool> { return false; }));
  CHECK(candidate_text(all) == candidate_text(some_candidate()));
  CHECK_FALSE(shrink(some_candidate(), steps,
                     [](const Candidate&, const std::string&) -> Result<bool> { return infrastructure("gone"); }));
}

TEST_CASE("a candidate is a plan that is read back with the same schedule") {
  Candidate candidate = some_candidate();
  candidate.faults[2].at = 15s + 123456789ns;
  candidate.faults[1].options.set("shape", Texts{"custom"});
  candidate.faults[1].options.set("groups", Texts{"n1 n2", "n3 n4 n5"});
  PlanOptions options;
  options.directory = SHAKETABLE_SOURCE_DIR "/configs";
  options.set = plan_changes(candidate);
  const Plan plan = must(read_plan(SHAKETABLE_SOURCE_DIR "/configs/quickstart.yaml", catalogue(), options));
  CHECK(plan.time_limit == 40s);
  CHECK(plan.workload.workers == 10);
  CHECK(plan.workload.rate == 200);
  REQUIRE(plan.schedule.faults.size() == 4);
  CHECK(plan.schedule.faults[1].options.texts("groups") == Texts{"n1 n2", "n3 n4 n5"});
  CHECK(plan.schedule.faults[2].at == 15s + 123456789ns);
  CHECK(plan.schedule.faults[2].options.texts("target") == Texts{"n1", "n2", "n3"});
  candidate.faults.clear();
  options.set = plan_changes(candidate);
  CHECK(
      must(read_plan(SHAKETABLE_SOURCE_DIR "/configs/quickstart.yaml", catalogue(), options)).schedule.faults.empty());
}

TEST_CASE("what was drawn at random in a run is named and the rest is said to be left to chance") {
  const RunFolder folder;
  Plan plan = must(read_plan(SHAKETABLE_SOURCE_DIR "/configs/quickstart.yaml", catalogue()));
  plan.time_limit = 30s;
  ManualClock clock;
  RunInfo info = some_run();
  info.nodes = {{"n1", "", Value()}, {"n2", "", Value()}, {"n3", "", Value()}};
  const auto recorder = must(Recorder::create(folder.path(), info, clock));
  std::vector<ScheduledFault> schedule;
  const auto add = [&](const std::string& name, const Texts& targets, const std::string& shape, const auto& change) {
    ScheduledFault scheduled;
    scheduled.id = static_cast<std::int64_t>(schedule.size()) + 1;
    scheduled.fault = name;
    scheduled.at = 5s * scheduled.id;
    scheduled.lasts = 4s;
    scheduled.options = Parameters(find_fault(name)->info().parameters);
    change(scheduled.options);
    FaultRecord record;
    record.id = scheduled.id;
    record.fault = name;
    record.targets = targets;
    record.intended_start_ns = record.actual_start_ns = scheduled.at.count();
    record.intended_end_ns = record.actual_end_ns = (scheduled.at + scheduled.lasts).count();
    if (!shape.empty()) record.parameters = Value::map({{"shape", shape}});
    must(recorder->record(record));
    schedule.push_back(std::move(scheduled));
  };
  add("pause", {"n2"}, "", [](Parameters& options) { options.set("target", Texts{"one"}); });
  add("kill", {"n1"}, "", [](Parameters& options) { options.set("target", Texts{"primaries"}); });
  add("partition", {"n3"}, "halves", [](Parameters& options) { options.set("shape", Texts{"halves", "bridge"}); });
  add("partition", {"n1", "n3"}, "bridge", [](Parameters& options) {
    options.set("shape", Texts{"halves", "bridge"});
  });
  add("partition", {"n2"}, "isolate", [](Parameters& options) { options.set("shape", Texts{"isolate"}); });
  add("pause", {"n2"}, "", [](Parameters&) {});  // begins when the load has ended
  must(recorder->set_meta(kMetaSchedule, to_json(schedule_json(schedule))));
  must(recorder->set_meta(kMetaLoadStarted, "0"));
  must(recorder->finish("done"));

  Texts chance;
  const Candidate candidate = must(recorded_candidate(must(open_run(folder.path())), plan, chance));
  REQUIRE(candidate.faults.size() == 5);
  CHECK(candidate.faults[0].options.texts("target") == Texts{"n2"});
  CHECK(candidate.faults[1].options.texts("target") == Texts{"primaries"});
  CHECK(candidate.faults[2].options.texts("shape") == Texts{"custom"});
  CHECK(candidate.faults[2].options.texts("groups") == Texts{"n3", "n1 n2"});
  CHECK(candidate.faults[3].options.texts("shape") == Texts{"bridge"});
  CHECK(candidate.faults[4].options.texts("target") == Texts{"n2"});
  CHECK(chance == Texts{"who is on which side of partition 4 (bridge)"});
  CHECK(candidate.workers == plan.workload.workers);
}

}  // namespace
}  // namespace shaketable

#include "orchestrator/replay.h"

#include <catch2/catch.hpp>

#include "history/recorder.h"
#include "history/text.h"
#include "nemesis/fault.h"
#include "history/parameter_values.h"
#include "tests/orchestrator/program.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

namespace {

ScheduledFault fault(std::int64_t id, const std::string& name, Nanos at, Nanos lasts) {
  ScheduledFault out;
  out.id = id;
  out.fault = name;
  out.at = at;
  out.lasts = lasts;
  out.options = Parameters(find_fault(name)->info().parameters);
  out.seed = 0xfedcba9876543210ull + static_cast<std::uint64_t>(id);
  return out;
}

FaultRecord applied(std::int64_t id, const std::string& name, std::int64_t from_ns, std::int64_t to_ns) {
  FaultRecord out;
  out.id = id;
  out.fault = name;
  out.parameters = Value::map({{"text", "whatever"}});
  out.intended_start_ns = from_ns;
  out.intended_end_ns = to_ns;
  out.actual_start_ns = from_ns + 1'000'000;
  return out;
}

// A run's file with this schedule and these records; its load began at 3 s.
struct Recorded {
  Recorded(const std::vector<ScheduledFault>& schedule, const std::vector<FaultRecord>& records) {
    RunInfo info;
    info.name = "test";
    info.seed = 7;
    info.nodes = {{"n1", "", {}}, {"n2", "", {}}, {"n3", "", {}}};
    SteadyClock clock;
    auto recorder = Recorder::create(scratch / "", info, clock);
    REQUIRE(recorder);
    REQUIRE((*recorder)->set_meta(kMetaLoadStarted, "3000000000"));
    REQUIRE((*recorder)->set_meta(kMetaSchedule, to_json(schedule_json(schedule))));
    for (const FaultRecord& record : records) REQUIRE((*recorder)->record(record));
    REQUIRE((*recorder)->finish("done"));
  }
  Result<std::vector<ScheduledFault>> schedule() const { return recorded_schedule(open_run(scratch / "").value()); }
  Scratch scratch;
};

Plan plan_of(int nodes, Nanos time_limit) {
  Plan plan;
  plan.cluster.lab = LabPlan{};
  plan.cluster.lab->nodes = nodes;
  plan.time_limit = time_limit;
  return plan;
}

}  // namespace

TEST_CASE("replay: faults come back at the times at which they were meant, with options seeds and primaries") {
  ScheduledFault cut = fault(1, "partition", 5s, 4s), kill = fault(2, "kill", 12s, 4s);
  cut.options.set("shape", std::vector<std::string>{"primaries"});
  kill.options.set("target", std::vector<std::string>{"n1", "n3"});
  // The nemesis began the second later than planned.
  FaultRecord record = applied(1, "partition", 8'000'000'000, 12'000'000'000);
  record.parameters = Value::map({{"shape", "primaries"}, {"primaries", "n2 n3"}});
  const Recorded run({cut, kill}, {record, applied(2, "kill", 16'500'000'000, 20'000'000'000)});
  const auto schedule = run.schedule();
  REQUIRE(schedule);
  REQUIRE(schedule->size() == 2);
  CHECK(schedule->at(0).id == 1);
  CHECK(schedule->at(0).at == 5s);
  CHECK(schedule->at(0).lasts == 4s);
  CHECK(schedule->at(0).seed == cut.seed);
  CHECK(schedule->at(0).primaries == std::vector<std::string>{"n2", "n3"});
  CHECK(schedule->at(0).options.texts("shape") == std::vector<std::string>{"primaries"});
  CHECK(schedule->at(1).at == 13500ms);
  CHECK(schedule->at(1).lasts == 3500ms);
  CHECK_FALSE(schedule->at(1).primaries);
  CHECK(schedule->at(1).options.texts("target") == std::vector<std::string>{"n1", "n3"});
}

TEST_CASE("replay: what was passed over or never came is left out") {
  FaultRecord refused = applied(2, "kill", 8'000'000'000, 9'000'000'000);
  refused.actual_start_ns = kNotYet;
  const Recorded run({fault(1, "pause", 5s, 4s), fault(2, "kill", 12s, 4s), fault(3, "stop", 20s, 4s)},
                     {applied(1, "pause", 8'000'000'000, 9'000'000'000), refused});
  const auto schedule = run.schedule();
  REQUIRE(schedule);
  REQUIRE(schedule->size() == 1);
  CHECK(schedule->at(0).fault == "pause");
}

TEST_CASE("replay: every parameter of every fault survives the run's file") {
  std::vector<ScheduledFault> schedule;
  std::vector<FaultRecord> records;
  std::int64_t id = 0;
  for (const FaultInfo& info : faults()) {
    schedule.push_back(fault(++id, info.name, Nanos(id), 1s));
    records.push_back(applied(id, info.name, 3'000'000'000 + id, 4'000'000'000 + id));
  }
  const auto back = Recorded(schedule, records).schedule();
  if (!back) FAIL(back.error().message);
  REQUIRE(back->size() == schedule.size());
  for (std::size_t i = 0; i < schedule.size(); ++i)
    for (const ParameterSpec& spec : find_fault(schedule[i].fault)->info().parameters) {
      INFO(schedule[i].fault << " " << spec.name);
      if (!schedule[i].options.has(spec.name)) continue;
      CHECK(parameter_of(back->at(i).options, spec) == parameter_of(schedule[i].options, spec));
    }
}

TEST_CASE("replay: only on nodes of the same names and within the load") {
  const Recorded recorded(
      {fault(1, "pause", 5s, 4s), fault(2, "kill", 12s, 4s)},
      {applied(1, "pause", 8'000'000'000, 12'000'000'000), applied(2, "kill", 15'000'000'000, 19'000'000'000)});
  const RunFile file = open_run(recorded.scratch / "").value();
  std::size_t left_out = 0;
  const auto shorter = replayed_schedule(file, plan_of(3, 7s), left_out);
  REQUIRE(shorter);
  REQUIRE(shorter->size() == 1);
  CHECK(shorter->at(0).lasts == 2s);
  CHECK(left_out == 1);
  const auto other = replayed_schedule(file, plan_of(2, 60s), left_out);
  REQUIRE_FALSE(other);
  CHECK(other.error().kind == ErrorKind::bad_input);
  CHECK(other.error().message.find("was recorded on n1, n2, n3, and the plan has n1, n2: its faults would hit other "
                                   "nodes") != std::string::npos);
}

// A recorded run is judged from its file: with the faults that were recorded, and as its plan says.

#include "orchestrator/report/judge_run.h"

#include "base/clock.h"
#include "tests/history/run_folder.h"

namespace shaketable {
namespace {

using namespace shaketable::testing;

constexpr std::int64_t kMs = 1'000'000;

// An operation every 100 ms for 12 s; from 3 s on, when n1 is cut off, until `back_ms` all of them fail. The cut ends
// at 6 s.
class Run {
 public:
  explicit Run(int back_ms, std::vector<CheckPlan> checks = {}) {
    const auto recorder = must(Recorder::create(folder_.path(), some_run(), clock_));
    FaultRecord fault;
    fault.id = 1;
    fault.fault = "partition";
    fault.targets = {"n1"};
    fault.intended_start_ns = fault.actual_start_ns = 3000 * kMs;
    fault.intended_end_ns = fault.actual_end_ns = 6000 * kMs;
    must(recorder->record(fault));
    must(recorder->set_meta(kMetaChecks, to_json(checks_json(checks))));
    for (int ms = 0; ms < 12000; ms += 100) {
      clock_.advance(std::chrono::milliseconds(90));
      const auto handle = must(recorder->invoke(0, 0, "n1", Name("read"), Value()));
      clock_.advance(std::chrono::milliseconds(10));
      const bool down = ms >= 3000 && ms < back_ms;
      must(recorder->complete(handle, down ? OpType::fail : OpType::ok, Value(ms)));
    }
    must(recorder->finish("done"));
  }
  const std::string& path() const { return folder_.path(); }

 private:
  RunFolder folder_;
  ManualClock clock_;
};

CheckPlan availability(Nanos recover_within, Nanos max_stall = Nanos(0)) {
  CheckPlan check{"availability", Parameters(find_checker("availability")->parameters)};
  check.options.set("recover-within", recover_within);
  check.options.set("max-stall", max_stall);
  return check;
}

TEST_CASE("availability is judged with the faults of the run") {
  const Run run(7500);
  const auto judged = [&](Nanos within) {
    const auto outcome = must(judge_run(run.path(), {availability(within)}, {}));
    REQUIRE(outcome.judgements.size() == 1);
    return outcome.judgements[0].verdict;
  };
  const Verdict slow = judged(std::chrono::seconds(1));
  CHECK(slow.valid == Validity::invalid);
  REQUIRE(slow.anomalies.contains("slow-recovery"));
  CHECK(slow.anomalies.at("slow-recovery")[0].text ==
        "1.6s after the end of partition at 6s an operation succeeded again");
  CHECK(judged(std::chrono::seconds(2)).valid == Validity::valid);
}

TEST_CASE("a run keeps durations and numbers of its plan's checks to the nanosecond") {
  // 90 s is what people read as 1m 30s; no rounding may change what is judged.
  const Run run(7500, {availability(std::chrono::seconds(90), Nanos(4'510'000'000))});
  const auto outcome = must(judge_run(run.path(), {}, {}));
  REQUIRE(outcome.judgements.size() == 1);
  CHECK(outcome.judgements[0].verdict.valid == Validity::valid);
  const Run shorter(7500, {availability(std::chrono::seconds(90), Nanos(4'509'999'999))});
  CHECK(must(judge_run(shorter.path(), {}, {})).judgements[0].verdict.anomalies.contains("stall"));
}

TEST_CASE("every parameter comes back from a run's file as it was") {
  for (const CheckerInfo& info : checkers()) {
    for (const ParameterSpec& spec : info.parameters) {
      INFO(info.name << " " << spec.name);
      const auto back = parameter_from(parameter_value(spec.value), spec);
      REQUIRE(back);
      CHECK(*back == spec.value);
    }
  }
  ParameterSpec spec;
  const auto round_trip = [&](ParameterType type, ParameterValue value) {
    spec.type = type;
    const auto parsed = parse_json(to_json(parameter_value(value)));
    REQUIRE(parsed);
    const auto back = parameter_from(*parsed, spec);
    REQUIRE(back);
    CHECK(*back == value);
  };
  for (const std::int64_t ns :
       {0ll, 1ll, 999ll, 1'500'000'000ll, 90'000'000'000ll, 3'725'000'000'001ll, 7'200'000'000'000ll})
    round_trip(ParameterType::duration, Nanos(ns));
  round_trip(ParameterType::duration_range, DurationRange{Nanos(1'234'567), Nanos(61'000'000'000)});
  round_trip(ParameterType::number, 0.5);
  round_trip(ParameterType::number, 2.0);
  round_trip(ParameterType::integer, std::int64_t{INT64_MIN});
  round_trip(ParameterType::size, std::uint64_t{1} << 40);
  round_trip(ParameterType::choice_list, std::vector<std::string>{"a", "b"});
  round_trip(ParameterType::weights, Weights{{"a", 1}, {"b", 0.25}});
  round_trip(ParameterType::entries, Entries{{"a", "1"}, {"b", ""}});
  round_trip(ParameterType::command, std::vector<std::string>{"sh", "-c"});
  CHECK_FALSE(parameter_from(Value("soon"), [] {
    ParameterSpec duration;
    duration.type = ParameterType::duration;
    return duration;
  }()));
}

}  // namespace
}  // namespace shaketable

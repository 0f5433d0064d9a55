// Which clocks strayed: measured offsets beside the faults of the run.

#include "orchestrator/report/clocks.h"

#include <catch2/catch.hpp>

#include "base/clock.h"
#include "history/text.h"
#include "orchestrator/report/ci.h"
#include "orchestrator/report/outcome.h"
#include "tests/history/run_folder.h"

using namespace shaketable;
using namespace shaketable::testing;

namespace {

constexpr std::int64_t kMs = 1'000'000;

FaultRecord fault(const std::string& name, std::int64_t from_ms, std::int64_t to_ms, const std::string& node) {
  FaultRecord out;
  out.id = 3;
  out.fault = name;
  out.intended_start_ns = from_ms * kMs;
  out.actual_start_ns = from_ms * kMs + 2 * kMs;
  FaultNodeRecord at;
  at.node = node;
  at.apply = ApplyState::done;
  if (to_ms >= 0) {
    at.undo = UndoState::verified;
    at.undone_ns = to_ms * kMs;
  }
  out.nodes.push_back(std::move(at));
  return out;
}

ClockOffsetRecord read(std::int64_t at_ms, const std::string& node, std::int64_t offset_ms, std::int64_t about_ms = 1) {
  return {at_ms * kMs, node, offset_ms * kMs, about_ms * kMs};
}

}  // namespace

TEST_CASE("clocks: near the controller's nobody strays") {
  const ClockReport report =
      clock_report({read(0, "n1", 0), read(0, "n2", 90, 3), read(1000, "n1", -4, 2), read(1000, "n2", 101, 7)}, {});
  CHECK(report.nodes ==
        std::vector<NodeClock>{{"n1", 2, -4 * kMs, 0, 2 * kMs}, {"n2", 2, 90 * kMs, 101 * kMs, 7 * kMs}});
  CHECK(report.strayed.empty());  // 101 ms give or take 7 may be 94
}

TEST_CASE("clocks: who is far away is named with the worst reading and how often") {
  const ClockReport report =
      clock_report({read(0, "n1", 0), read(0, "n2", 500), read(1000, "n2", 1204), read(2000, "n2", 90)}, {});
  REQUIRE(report.strayed.size() == 1);
  CHECK(report.strayed[0] == StrayClock{"n2", 2, 0, read(1000, "n2", 1204), ""});
  CHECK(stray_text(report.strayed[0]) ==
        "n2: its clock was 1.204s ahead of the controller's, give or take 1ms, at 1s, and no fault was the cause");
  CHECK_FALSE(report.all_alike);
}

TEST_CASE("clocks: a fault in force excuses its node and nobody else and only until it is undone") {
  const std::vector<ClockOffsetRecord> offsets = {read(1000, "n1", -60000), read(2000, "n1", -60000),
                                                  read(3100, "n1", 5), read(2000, "n2", 0)};
  CHECK(clock_report(offsets, {fault("jump", 900, 3000, "n1")}).strayed.empty());
  CHECK(clock_report(offsets, {fault("jump", 900, -1, "n1")}).strayed.empty());
  CHECK(clock_report(offsets, {fault("jump", 900, 3000, "n2")}).strayed.size() == 1);
  CHECK(clock_report(offsets, {fault("partition", 900, 3000, "n1")}).strayed.size() == 1);
  const ClockReport after = clock_report(offsets, {fault("jump", 900, 1500, "n1")});
  REQUIRE(after.strayed.size() == 1);
  CHECK(after.strayed[0].first_ns == 2000 * kMs);
  CHECK(
      stray_text(after.strayed[0]) ==
      "n1: its clock was 1m behind the controller's, give or take 1ms, at 2s, and no fault was in force that could be "
      "the cause (jump 3 had ended)");
}

TEST_CASE("clocks: when all are alike the controller's may be the wrong one") {
  CHECK(clock_report({read(0, "n1", 900), read(0, "n2", 950)}, {}).all_alike);
  CHECK_FALSE(clock_report({read(0, "n1", 900), read(0, "n2", -950)}, {}).all_alike);
  CHECK_FALSE(clock_report({read(0, "n1", 900), read(0, "n2", 0)}, {}).all_alike);
}

TEST_CASE("clocks: what was recorded is in the outcome as text and as JSON") {
  RunFolder folder;
  ManualClock clock;
  {
    const auto recorder = must(Recorder::create(folder.path(), some_run(), clock));
    for (const ClockOffsetRecord& offset : {read(500, "n1", 1), read(500, "n2", -2000)}) must(recorder->record(offset));
    must(recorder->finish("done"));
  }
  const Outcome outcome = must(read_outcome(must(open_run(folder.path()))));
  CHECK(outcome_text(outcome).find("  clock: n2: its clock was 2s behind the controller's, give or take 1ms, at 500ms, "
                                   "and no fault was the cause\n") != std::string::npos);
  const Value json = outcome_json(outcome);
  CHECK(json.find("clocks")->find("n1")->find("most_ns")->integer() == kMs);
  REQUIRE(json.find("strayed_clocks")->items().size() == 1);
  CHECK(json.find("strayed_clocks")->items()[0].find("node")->text() == "n2");
  CHECK(outcome_junit(outcome).find("n2: its clock was 2s behind") != std::string::npos);
}

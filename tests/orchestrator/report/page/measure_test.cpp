// Counts and quantiles are of all operations; pictures are thinned by a rule that loses no extreme.

#include "orchestrator/report/page/measure.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>

#include "base/random.h"
#include "orchestrator/report/page/thin.h"
#include "tests/orchestrator/report/page/sample.h"

namespace shaketable::page {
namespace {

using namespace shaketable::testing;

TEST_CASE("a quantile is the smallest observed value that enough do not exceed") {
  const std::vector<std::int64_t> sorted{10, 20, 30, 40, 50, 60, 70, 80, 90, 100};
  CHECK(quantile(sorted, 0.5) == 50);
  CHECK(quantile(sorted, 0.51) == 60);
  CHECK(quantile(sorted, 0.9) == 90);
  CHECK(quantile(sorted, 0.99) == 100);
  CHECK(quantile(sorted, 0) == 10);
  CHECK(quantile(sorted, 1) == 100);
  CHECK(quantile({}, 0.5) == -1);
  CHECK(latencies_of({3, 1, 2}) == Latencies{3, 1, 2, 3, 3, 3, 3});
  CHECK(latencies_of({}) == Latencies{});
}

TEST_CASE("a run is measured whole") {
  SmallRun run;
  must(run.recorder().record(partition(1, 3000, 6000)));
  const auto open = must(run.recorder().invoke(1, 0, "n1", Name("write"), Value(1)));
  (void)open;
  const RunFile file = run.close();
  const Measures m = must(measure(file, must(file.faults())));
  REQUIRE(m.functions.size() == 2);
  CHECK(m.functions[0].name == "read");
  CHECK(m.functions[0].by_outcome[kOk].count == 75);
  CHECK(m.functions[0].by_outcome[kFail].count == 45);
  CHECK(m.functions[0].by_outcome[kOk].p50 == 10 * kMs);
  CHECK(m.functions[1].never_completed == 1);
  CHECK(m.begin_ns == 90 * kMs);
  CHECK(m.end_ns == 12000 * kMs);
  CHECK(m.width_ns == 100 * kMs);
  std::int64_t ok = 0, fail = 0;
  for (const Stretch& stretch : m.stretches) {
    ok += stretch.ended[kOk];
    fail += stretch.ended[kFail];
  }
  CHECK(ok == 75);
  CHECK(fail == 45);
}

TEST_CASE("recovery is measured from when a fault was undone") {
  SmallRun run;  // successes again from 7.59 s on
  must(run.recorder().record(partition(1, 3000, 6000)));
  const RunFile file = run.close();
  const Measures m = must(measure(file, must(file.faults())));
  REQUIRE(m.recoveries.size() == 1);
  CHECK(m.rate_before == 10);
  CHECK(m.recoveries[0].healed_ns == 6000 * kMs);
  CHECK(m.recoveries[0].first_ok_ns == 7600 * kMs);
  CHECK(m.recoveries[0].longest_gap_ns == 4600 * kMs);
  // The second from 7.4 s to 8.4 s is the first in which 8 succeeded.
  CHECK(m.recoveries[0].steady_ns == 8400 * kMs);
}

TEST_CASE("a system that never came back has no time of recovery") {
  SmallRun run(9000, 3000, 9000);
  must(run.recorder().record(partition(1, 3000, 6000)));
  const RunFile file = run.close();
  const Measures m = must(measure(file, must(file.faults())));
  REQUIRE(m.recoveries.size() == 1);
  CHECK(m.recoveries[0].first_ok_ns == kNotYet);
  CHECK(m.recoveries[0].steady_ns == kNotYet);
  CHECK(m.recoveries[0].longest_gap_ns == 6000 * kMs);
}

TEST_CASE("under an open load it is measured how late operations began and how long they took from due") {
  RunFolder folder;
  ManualClock clock;
  const auto recorder = must(Recorder::create(folder.path(), some_run(), clock));
  // Due every 100 ms; each takes 110 ms, so each begins 10 ms later than the one before it did.
  for (int i = 0; i < 20; ++i) {
    const std::int64_t due = i * 100 * kMs;
    const auto handle = must(recorder->invoke(0, 0, "n1", Name("read"), Value(), due));
    clock.advance(std::chrono::milliseconds(110));
    must(recorder->complete(handle, OpType::ok, Value(i)));
  }
  must(recorder->finish("done"));
  const RunFile file = must(open_run(folder.path()));
  const Measures m = must(measure(file, {}));
  CHECK(m.open_load);
  std::int64_t latest = 0, slowest = 0;
  for (const Stretch& stretch : m.stretches) {
    latest = std::max(latest, stretch.late.most);
    slowest = std::max(slowest, stretch.from_due.most);
  }
  CHECK(latest == 190 * kMs);
  CHECK(slowest == 300 * kMs);
  CHECK(m.functions[0].by_outcome[kOk].most == 110 * kMs);
  CHECK(page_of(file, {}).find("Intended against actual times") != std::string::npos);
}

Measures many(std::size_t count) {
  Measures m;
  m.functions = {{"read", 0, {}}, {"write", 0, {}}};
  Random random(11);
  m.end_ns = static_cast<std::int64_t>(count) * 100'000;
  for (std::size_t i = 0; i < count; ++i) {
    Call call;
    call.position = static_cast<std::int64_t>(2 * i);
    call.invoked_ns = static_cast<std::int64_t>(i) * 100'000;
    call.completed_ns = call.invoked_ns + 1'000'000 + static_cast<std::int64_t>(random.below(3'000'000));
    call.function = static_cast<std::uint16_t>(random.below(2));
    const std::uint64_t luck = random.below(1000);
    call.outcome = luck < 2 ? kInfo : luck < 5 ? kFail : kOk;
    m.calls.push_back(call);
  }
  m.calls[count / 2].completed_ns += 9'000'000'000;
  m.calls[count / 2].outcome = kOk;
  m.calls[count / 3].completed_ns = m.calls[count / 3].invoked_ns + 5'000;
  m.calls[count / 3].outcome = kOk;
  return m;
}

TEST_CASE("few operations are all drawn") {
  const Measures m = many(5000);
  const Thinned thinned = thin(m, 60'000);
  CHECK(thinned.kept.size() == 5000);
  CHECK(thinned.cell_ns[kOk] == 0);
}

TEST_CASE("many operations are thinned and every fail and info and extreme stays") {
  const Measures m = many(300'000);
  const Thinned thinned = thin(m, 60'000);
  CHECK(thinned.kept.size() <= 60'000);
  CHECK(thinned.of[kOk] + thinned.of[kInfo] + thinned.of[kFail] == 300'000);
  CHECK(thinned.shown[kInfo] == thinned.of[kInfo]);
  CHECK(thinned.shown[kFail] == thinned.of[kFail]);
  CHECK(thinned.cell_ns[kInfo] == 0);
  REQUIRE(thinned.cell_ns[kOk] > 0);
  const std::set<std::size_t> kept(thinned.kept.begin(), thinned.kept.end());
  CHECK(kept.contains(150'000));
  CHECK(kept.contains(100'000));
  // The rule: where an operation was left out, one of its kind and cell is drawn.
  std::set<std::tuple<std::int64_t, std::int64_t, int>> cells;
  const auto cell = [&](const Call& call) {
    return std::tuple(call.invoked_ns * (m.end_ns / thinned.cell_ns[kOk]) / m.end_ns,
                      static_cast<std::int64_t>(
                          std::log(static_cast<double>(call.latency_ns())) / std::log(thinned.cell_factor[kOk]) + 1e-9),
                      int{call.function});
  };
  for (const std::size_t i : thinned.kept)
    if (m.calls[i].outcome == kOk) cells.insert(cell(m.calls[i]));
  std::size_t strays = 0;  // on the border of two cells, where rounding decides
  for (const Call& call : m.calls)
    if (call.outcome == kOk && !cells.contains(cell(call))) ++strays;
  CHECK(strays < 30);
}

TEST_CASE("when nothing but failures is there they are thinned too") {
  Measures m = many(200'000);
  for (Call& call : m.calls) call.outcome = kFail;
  const Thinned thinned = thin(m, 20'000);
  CHECK(thinned.kept.size() <= 20'000);
  CHECK(thinned.shown[kFail] > 2'000);
  CHECK(thinned.cell_ns[kFail] > 0);
}

}  // namespace
}  // namespace shaketable::page

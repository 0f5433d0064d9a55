// The page as a whole: what it says first, that it needs nothing else, and that it stays small.

#include "orchestrator/report/page/page.h"

#include <cstdlib>

#include "base/random.h"
#include "orchestrator/report/page/assets.h"
#include "orchestrator/report/page/logs.h"
#include "orchestrator/report/page/plot.h"
#include "orchestrator/run_folder.h"
#include "tests/orchestrator/report/page/sample.h"

namespace shaketable {
namespace {

using namespace shaketable::testing;

std::size_t count(const std::string& text, std::string_view what) {
  std::size_t times = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + what.size())) ++times;
  return times;
}

// What stands between the first and the next "<".
std::string between(const std::string& text, std::string_view from, std::string_view to) {
  const std::size_t begin = text.find(from);
  if (begin == std::string::npos) return {};
  const std::size_t start = begin + from.size();
  return text.substr(start, text.find(to, start) - start);
}

TEST_CASE("the verdict comes first and then what was broken and then why") {
  SmallRun run;
  must(run.recorder().record(partition(1, 3000, 6000)));
  must(run.recorder().set_meta(kMetaUncleanNodes, "{}"));
  const RunFile file = run.close();
  const std::string page = page_of(file, {judgement_of("linearizable", Validity::valid)});
  CHECK(between(page, "<title>", "</title>") == "etcd kept its promises through 1 fault, and it was shown to bite.");
  CHECK(page.find("<h1>") < page.find("id=\"broken\""));
  CHECK(page.find("id=\"broken\"") < page.find("id=\"why\""));
  CHECK(page.find("158 ipv4 packets dropped, 4 probes failed") != std::string::npos);
  CHECK(page.find("all proved clean") != std::string::npos);
}

TEST_CASE("a violation is told in the sentence that opens the page") {
  SmallRun run;
  const RunFile file = run.close();
  const std::string page =
      page_of(file, {judgement_of("linearizable", Validity::invalid, "no order of the operations explains read → 3")});
  CHECK(between(page, "<title>", "</title>") ==
        "etcd is not linearizable: no order of the operations explains read → 3.");
}

TEST_CASE("an unclean node and an unproved fault cannot be overlooked") {
  SmallRun run;
  must(run.recorder().record(partition(1, 3000, 6000, false)));
  must(run.recorder().set_meta(kMetaUncleanNodes, R"({"n2":"iptables answered <nothing>"})"));
  const RunFile file = run.close();
  const std::string page = page_of(file, {judgement_of("linearizable", Validity::valid)});
  CHECK(page.find("Nodes not proved clean") < page.find("id=\"broken\""));
  CHECK(page.find("n2: iptables answered &lt;nothing&gt;") != std::string::npos);
  CHECK(page.find("fault not proved to bite: partition 1") != std::string::npos);
  CHECK(between(page, "<title>", "</title>").starts_with("This run does not decide"));
}

TEST_CASE("a hostile system writes no markup into the page") {
  const std::string evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\" ' \xE2\x80\xA8 \xFF ]]>";
  SmallRun run;
  const auto handle = must(run.recorder().invoke(0, 0, "n1", Name(evil), Value(evil)));
  must(run.recorder().complete(handle, OpType::info, Value(evil), Value(evil)));
  FaultRecord fault = partition(1, 3000, 6000);
  fault.fault = fault.notes = fault.nodes[0].notes = evil;
  fault.targets = {evil};
  fault.nodes[0].proof = Value::map({{"bit", true}, {evil, evil}});
  must(run.recorder().record(fault));
  must(run.recorder().note(evil));
  must(run.recorder().record(ClockOffsetRecord{5, evil, 3, 1}));
  must(run.recorder().set_meta("system_version", evil));
  must(run.recorder().set_meta(kMetaRepeat, evil));
  must(run.recorder().set_meta(kMetaModel, evil));
  must(run.recorder().set_meta(kMetaInfrastructure, evil));
  must(run.recorder().set_meta(kMetaUncleanNodes, to_json(Value::map({{evil, evil}}))));
  const RunFile file = run.close();
  Judgement judgement = judgement_of("linearizable", Validity::invalid, evil);
  judgement.verdict.explanation = evil;
  judgement.verdict.not_models = judgement.verdict.also_not = judgement.notes = {evil};
  judgement.verdict.anomalies[evil] = {{evil, Value(evil)}};
  const Value bar = Value::map({{"process", 0}, {"invoked", 2}, {"completed", 3}, {"call", evil}});
  judgement.verdict.anomalies["nonlinearizable"] = {
      {evil, Value::map(
                 {{"key", evil},
                  {"operation", bar},
                  {"window", Value::list({bar})},
                  {"partial", Value::list({Value::map(
                                  {{"steps", Value::list({Value::map(
                                                 {{"process", 0}, {"invoked", 2}, {"call", evil}, {"silent", true}})})},
                                   {"state", evil},
                                   {"stopped_by", evil}})})}})}};
  judgement.verdict.anomalies["G-single"] = {
      {evil, Value::map({{"cycle", Value::list({2, 4, 2})},
                         {"steps", Value::list({Value::map({{"type", "ww"}, {"text", evil}, {"key", evil}}),
                                                Value::map({{"type", evil}, {"text", evil}, {"key", evil}})})},
                         {"transactions",
                          Value::list({Value::map({{"op", 2},
                                                   {"process", 0},
                                                   {"type", "ok"},
                                                   {"value", Value::list({Value::list({"w", evil, evil})})}}),
                                       Value::map({{"op", 4},
                                                   {"process", 1},
                                                   {"type", evil},
                                                   {"value", Value::list({Value::list({evil, evil, evil})})}})})}})}};
  const std::string page = page_of(file, {judgement});
  CHECK(count(page, "<img") == 0);
  CHECK(count(page, "\xFF") == 0);
  CHECK(count(page, "alert(1)") > 20);  // it is shown, as text
  // The data, our script, and uPlot's if it was built in.
  const std::size_t scripts = page::kPlotScript.text.empty() ? 2 : 3;
  CHECK(count(page, "<script") == scripts);
  CHECK(count(page, "</script") == scripts);
  CHECK(count(page, "\xE2\x80\xA8") == 0);
}

TEST_CASE("the page needs nothing but itself and runs no script but its own") {
  SmallRun run;
  const RunFile file = run.close();
  const std::string page = page_of(file, {});
  CHECK(count(page, "<link") == 0);
  CHECK(count(page, " src=") == 0);
  CHECK(count(page, "@import") == 0);
  CHECK(count(page, "url(") == 0);
  CHECK(page.find("default-src 'none'") != std::string::npos);
  CHECK(count(between(page, "Content-Security-Policy\" content=\"", "\""), "'sha256-") ==
        (page::kPlotScript.text.empty() ? 1 : 2));
  CHECK(count(page, "<h1") == 1);
}

TEST_CASE("a run without operations has a page too") {
  SmallRun run(0);
  const RunFile file = run.close();
  const std::string page = page_of(file, {});
  CHECK(between(page, "<title>", "</title>") == "This run was never judged.");
  CHECK(page.find("Nothing: this run had no faults.") != std::string::npos);
}

TEST_CASE("the page from a folder alone is the one from the end of the run") {
  SmallRun run;
  must(run.recorder().record(partition(1, 3000, 6000)));
  CheckPlan check{"availability", Parameters(find_checker("availability")->parameters)};
  check.options.set("recover-within", Nanos(std::chrono::seconds(1)));
  must(run.recorder().set_meta(kMetaChecks, to_json(checks_json({check}))));
  run.close();
  const Outcome judged = must(judge_run(run.path(), {}, {}));
  REQUIRE(judged.validity() == Validity::invalid);
  const RunFile file = must(open_run(run.path()));
  const std::vector<VerdictRecord> verdicts = must(file.verdicts());
  REQUIRE(verdicts.size() == 1);
  const std::string page = must(report_page(file, judged));
  CHECK(page_of(file, {must(recorded_judgement(verdicts[0]))}) == page);
  CHECK(page.find("1.6s after the end of partition at 6s an operation succeeded again") != std::string::npos);
}

Value data_of(const std::string& page) {
  return must(parse_json(between(page, "id=\"data\">", "</script>")));
}

TEST_CASE("of a long run the timeline keeps what lies around the violation and says what is whole") {
  SmallRun run(3'000'000, 400'000, 500'000);  // 30,000 operations
  must(run.recorder().record(partition(1, 400'000, 900'000)));
  const RunFile file = run.close();
  Judgement judgement = judgement_of("set", Validity::invalid, "an element was lost");
  judgement.verdict.anomalies["lost"] = {{"lost", Value::map({{"operation", 40'000}})}};  // the 20,001st
  const std::string page = page_of(file, {judgement});
  const Value data = data_of(page);
  const Value& timeline = *data.find("timeline");
  CHECK(timeline.find("process")->size() == 6000);
  CHECK(timeline.find("whole")->size() == 3);  // around the fault's beginning, its end, and the violation
  CHECK(timeline.find("violation")->integer() == 2'000'100'000);
  REQUIRE(timeline.find("suspects")->size() == 1);
  const std::int64_t suspect = (*timeline.find("suspects"))[0].integer();
  std::int64_t invoked = 0;
  for (std::int64_t i = 0; i <= suspect; ++i)
    invoked += (*timeline.find("invoked"))[static_cast<std::size_t>(i)].integer();
  CHECK(invoked == 2'000'090'000);
  CHECK((*timeline.find("text"))[static_cast<std::size_t>(suspect)] == Value("→ 2000000"));
  CHECK(page.find("6,000 of 30,000 operations are here") != std::string::npos);
}

TEST_CASE("the page of a million operations is smaller than 5 MB") {
  RunFolder folder;
  ManualClock clock;
  const auto recorder = must(Recorder::create(folder.path(), some_run(), clock));
  Random random(3);
  const std::string text(60, 'v');
  for (int i = 0; i < 1'000'000; ++i) {
    clock.advance(Nanos(20'000 + random.below(200'000)));
    const auto handle = must(recorder->invoke(i % 40, 0, "n1", Name(i % 3 ? "read" : "write"), Value(i)));
    // Two tails, so that the scatter has no empty places to save on.
    clock.advance(Nanos(10'000 << random.below(14)));
    const std::uint64_t luck = random.below(100);
    must(recorder->complete(handle,
                            luck < 1   ? OpType::info
                            : luck < 4 ? OpType::fail
                                       : OpType::ok,
                            Value(text), luck < 4 ? Value("timed out after a while") : Value()));
    if (i % 1000 == 0)
      for (const char* node : {"n1", "n2"})
        must(recorder->record(ClockOffsetRecord{clock.now().count(), node, static_cast<std::int64_t>(i), 500'000}));
  }
  for (int i = 1; i <= 30; ++i) must(recorder->record(partition(i, i * 5000, i * 5000 + 2000)));
  must(recorder->finish("done"));
  const RunFile file = must(open_run(folder.path()));
  const std::string page = page_of(file, {judgement_of("linearizable", Validity::valid)});
  // To look at: how long a browser takes to draw it (docs/report.md).
  if (const char* keep = std::getenv("SHAKETABLE_SCREENSHOTS"))  // NOLINT(concurrency-mt-unsafe)
    must(write_file(std::string(keep) + "/million.html", page));
  CHECK(page.size() < 5'000'000);
  CHECK(page.find("1,000,000") != std::string::npos);
  CHECK(page.find("So every extreme is there; counts and quantiles are of all.") != std::string::npos);
}

TEST_CASE("times of logs are read as they are written out there") {
  using page::time_of;
  const std::int64_t second = 1'795'236'755;  // 2026-11-21T04:52:35Z
  CHECK(time_of("2026-11-21T04:52:35.629Z lab is up") == second * 1'000'000'000 + 629'000'000);
  CHECK(time_of(R"({"level":"info","ts":"2026-11-21T04:52:35.629Z"})") == second * 1'000'000'000 + 629'000'000);
  CHECK(time_of("2026-11-21 06:52:35,5+0200 x") == second * 1'000'000'000 + 500'000'000);
  CHECK(time_of("2026-11-21 06:52:35+02:00 x") == second * 1'000'000'000);
  CHECK(time_of("1234:M 21 Nov 2026 04:52:35.001 * Ready") == second * 1'000'000'000 + 1'000'000);
  CHECK_FALSE(time_of("nothing here"));
  CHECK_FALSE(time_of("2026-13-41T04:52:35Z"));
  CHECK_FALSE(time_of(""));
}

TEST_CASE("ticks are round numbers") {
  CHECK(page::ticks(0, 10, 5) == std::vector<double>{0, 2, 4, 6, 8, 10});
  CHECK(page::ticks(3, 7, 5) == std::vector<double>{3, 4, 5, 6, 7});
  CHECK(page::with_unit(0.25, page::Unit::milliseconds) == "250 µs");
  CHECK(page::with_unit(1500, page::Unit::milliseconds) == "1.5 s");
}

}  // namespace
}  // namespace shaketable

// Kept runs: which they are, and what another judging changes.

#include "orchestrator/report/old_runs.h"

#include <filesystem>
#include <fstream>

#include "base/clock.h"
#include "orchestrator/report/judge_run.h"
#include "orchestrator/report/run_diff.h"
#include "tests/history/run_folder.h"

namespace shaketable {
namespace {

using namespace shaketable::testing;
namespace fs = std::filesystem;

// A write of 1, and a read of `read`.
void record(const std::string& folder, int read, const std::string& plan = "a\nb\nc\n") {
  fs::create_directories(folder);
  ManualClock clock;
  RunInfo info = some_run();
  info.plan_text = plan;
  const auto recorder = must(Recorder::create(folder, info, clock));
  CheckPlan check{"linearizable", Parameters(find_checker("linearizable")->parameters)};
  check.options.set("model", std::string("register"));
  must(recorder->set_meta(kMetaChecks, to_json(checks_json({check}))));
  const auto one = [&](const char* f, Value asked, Value answered) {
    clock.advance(std::chrono::milliseconds(10));
    const auto handle = must(recorder->invoke(0, 0, "n1", Name(f), asked));
    clock.advance(std::chrono::milliseconds(10));
    must(recorder->complete(handle, OpType::ok, answered));
  };
  one("write", 1, 1);
  one("read", Value(), read);
  must(recorder->finish("done"));
}

TEST_CASE("runs are found below a folder but not through links") {
  const RunFolder folder;
  record(folder.path() + "/b", 1);
  record(folder.path() + "/campaign/runs/a", 1);
  fs::create_directory_symlink("b", folder.path() + "/latest");
  std::ofstream(folder.path() + "/README.md") << "nothing";
  CHECK(must(find_runs(folder.path())) ==
        std::vector<std::string>{folder.path() + "/b", folder.path() + "/campaign/runs/a"});
  CHECK_FALSE(find_runs(folder.path() + "/absent"));

  // As a shell writes out `results/*`: each run once and by its own name.
  std::vector<std::string> over;
  CHECK(runs_and_histories({folder.path() + "/README.md", folder.path() + "/latest", folder.path() + "/b",
                            folder.path() + "/campaign", "absent.edn"},
                           over) ==
        std::vector<std::string>{folder.path() + "/b", folder.path() + "/campaign/runs/a", "absent.edn"});
  CHECK(over == std::vector<std::string>{folder.path() + "/README.md"});
  over.clear();
  CHECK(runs_and_histories({folder.path() + "/README.md"}, over).size() == 1);
  CHECK(over.empty());
}

TEST_CASE("a verdict that another judging changes is told and the newest counts") {
  const RunFolder folder;
  const std::string run = folder.path() + "/run";
  record(run, 2);
  const auto first = must(judge_run(run, {}, {}));
  REQUIRE(first.judgements.size() == 1);
  const auto before = must(newest_verdicts(must(open_run(run))));
  REQUIRE(before.size() == 1);
  CHECK(before[0].valid == "false");
  CHECK(verdict_changes(before, must(judge_run(run, {}, {})).judgements).empty());

  // What an older version might have said.
  must(add_verdict(run, {86'400'000'000'000, "0.0.9", "linearizable", "true", "{}"}));
  const auto old = must(newest_verdicts(must(open_run(run))));
  REQUIRE(old.size() == 1);
  const auto changes = verdict_changes(old, must(judge_run(run, {}, {})).judgements);
  REQUIRE(changes.size() == 1);
  CHECK(change_text(changes[0]) == "linearizable was valid (version 0.0.9, 1970-01-02 00:00:00 UTC) and is INVALID");
}

TEST_CASE("what differs between two texts") {
  using Lines = std::vector<std::string>;
  CHECK(line_diff("a\nb\nc\n", "a\nb\nc\n").empty());
  CHECK(line_diff("a\nb\nc\n", "a\nc\nd\n") == Lines{"-b", "+d"});
  CHECK(line_diff("", "x\n") == Lines{"+x"});
  CHECK(line_diff("x\ny\nz\n", "z\nx\ny\n") == Lines{"+z", "-z"});
}

TEST_CASE("what differs between two runs") {
  const RunFolder folder;
  const std::string a = folder.path() + "/a", b = folder.path() + "/b";
  record(a, 1);
  record(b, 2, "a\nB\nc\n");
  for (const std::string& run : {a, b}) must(judge_run(run, {}, {}));
  const RunDiff diff = must(diff_runs(a, b));
  CHECK(diff.plan == std::vector<std::string>{"-b", "+B"});
  std::vector<std::string> differing;
  for (const RunDiff::Row& row : diff.rows)
    if (row.differs()) differing.push_back(row.what);
  CHECK(differing == std::vector<std::string>{"run", "verdict: linearizable"});
  CHECK(diff_text(diff).find("verdict: linearizable  valid") != std::string::npos);
  const RunDiff same = must(diff_runs(a, a));
  CHECK(diff_text(same) == "the plans as run are equal\n");
}

}  // namespace
}  // namespace shaketable

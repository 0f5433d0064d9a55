// Old runs judged again through the program.

#include <catch2/catch.hpp>

#include "history/recorder.h"
#include "history/run_file.h"
#include "history/text.h"
#include "tests/orchestrator/program.h"

using namespace shaketable;
using namespace shaketable::testing;

namespace {

void record(const std::string& folder, int read) {
  std::filesystem::create_directories(folder);
  SteadyClock clock;
  RunInfo info;
  info.name = "old";
  auto recorder = Recorder::create(folder, info, clock);
  REQUIRE(recorder);
  REQUIRE((*recorder)->set_meta("checks", R"([{"checker":"linearizable","options":{"model":"register"}}])"));
  for (const auto& [f, value] : {std::pair{"write", 1}, std::pair{"read", read}}) {
    const auto handle = (*recorder)->invoke(0, 0, "n1", Name(f), f == std::string("read") ? Value() : Value(value));
    REQUIRE(handle);
    REQUIRE((*recorder)->complete(*handle, OpType::ok, Value(value)));
  }
  REQUIRE((*recorder)->finish("done"));
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("command line: old runs are judged again and changed verdicts are told") {
  Scratch scratch;
  const std::string results = scratch / "results";
  record(results + "/good", 1);
  record(results + "/bad", 7);
  std::filesystem::create_directory_symlink("bad", results + "/latest");
  std::ofstream(results + "/README.md") << "nothing\n";
  const std::vector<std::string> all{"check", results + "/README.md", results + "/bad", results + "/good",
                                     results + "/latest"};
  const Said first = run_shaketable(all);
  INFO(first.out << first.err);
  CHECK(first.exit_code == 1);
  CHECK(contains(first.out, "2 runs judged again: the verdicts of none changed\n"));

  REQUIRE(add_verdict(results + "/bad", {86'400'000'000'000, "0.0.9", "linearizable", "true", "{}"}));
  const Said again = run_shaketable(all);
  INFO(again.out << again.err);
  CHECK(again.exit_code == 1);
  CHECK(contains(again.out,
                 "  CHANGED: linearizable was valid (version 0.0.9, 1970-01-02 00:00:00 UTC) and is INVALID\n"));
  CHECK(contains(again.out, "2 runs judged again: the verdict of 1 changed\n"));

  REQUIRE(add_verdict(results + "/good", {86'400'000'000'000, "0.0.9", "linearizable", "unknown", "{}"}));
  const Said folder = run_shaketable({"check", results, "--json"});
  CHECK(folder.exit_code == 1);
  const auto json = parse_json(folder.out);
  REQUIRE(json);
  CHECK(json->find("changed")->integer() == 1);
  CHECK(json->find("histories")->size() == 2);
  const Said good = run_shaketable({"check", results + "/good"});
  CHECK(good.exit_code == 0);
  CHECK_FALSE(contains(good.out, "CHANGED"));

  const Said runs = run_shaketable({"runs", results});
  CHECK(contains(runs.out, "linearizable INVALID"));
  CHECK(contains(runs.out, "linearizable valid"));
  const Said diff = run_shaketable({"diff", results + "/good", results + "/bad"});
  CHECK(diff.exit_code == 0);
  CHECK(contains(diff.out, "verdict: linearizable"));
  CHECK(run_shaketable({"diff", results + "/good", results + "/absent"}).exit_code == 3);
  CHECK(run_shaketable({"check", results + "/README.md"}).exit_code == 3);
}

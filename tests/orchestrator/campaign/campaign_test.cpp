// Campaigns without a run: what a file says, which jobs it makes, and what is made of their results.

#include "orchestrator/campaign/campaign.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <set>

#include "orchestrator/campaign/conduct.h"
#include "orchestrator/campaign/job_run.h"
#include "orchestrator/catalogue.h"
#include "orchestrator/run_folder.h"
#include "tests/history/run_folder.h"

namespace shaketable {
namespace {

using namespace shaketable::testing;
namespace fs = std::filesystem;
using Texts = std::vector<std::string>;

Result<std::vector<CampaignJob>> jobs_of(const Campaign& campaign) {
  PlanOptions options;
  options.config_directories = config_directories();
  return campaign_jobs(campaign, catalogue(), options);
}

TEST_CASE("every campaign of configs/campaigns/ is good") {
  int found = 0;
  for (const auto& file : fs::directory_iterator(SHAKETABLE_SOURCE_DIR "/configs/campaigns")) {
    ++found;
    const Campaign campaign = must(read_campaign(file.path().string()));
    CHECK(campaign.name == file.path().stem());
    CHECK_FALSE(campaign.about.empty());
    CHECK(must(jobs_of(campaign)).size() >= campaign.seeds.size());
  }
  CHECK(found >= 2);
}

// Blocks that begin with "```yaml campaign".
TEST_CASE("every whole campaign in docs/ is good") {
  int found = 0;
  for (const auto& file : fs::directory_iterator(SHAKETABLE_SOURCE_DIR "/docs")) {
    std::ifstream in(file.path());
    std::string line, block;
    for (bool inside = false; std::getline(in, line);) {
      if (line == "```yaml campaign") {
        inside = true;
        block.clear();
      } else if (inside && line == "```") {
        inside = false;
        ++found;
        must(jobs_of(must(parse_campaign(block, SHAKETABLE_SOURCE_DIR "/configs/campaigns/docs.yaml"))));
      } else if (inside) {
        block += line + "\n";
      }
    }
  }
  CHECK(found >= 1);
}

TEST_CASE("a campaign's keys are read and what is wrong is told with its place") {
  const Campaign campaign = must(parse_campaign(
      "name: x\nplans: [a.yaml, /b.yaml]\nseeds: {first: 5, count: 3}\nvary: {k: [1, 2]}\nset: [time_limit=3s]\n"
      "stop: {violations: 2, interval: 0.25}\nexecutor: {slurm: {partition: debug, options: [--nice]}}\nat_once: 4\n"
      "retries: 0\nrun_limit: 90s\n",
      "dir/x.yaml"));
  CHECK(campaign.plans == Texts{"dir/a.yaml", "/b.yaml"});
  CHECK(campaign.seeds == std::vector<std::uint64_t>{5, 6, 7});
  REQUIRE(campaign.vary.size() == 1);
  CHECK(campaign.vary[0].values == Texts{"1", "2"});
  CHECK(campaign.stop.violations == 2);
  CHECK(campaign.stop.interval == 0.25);
  CHECK(campaign.executor == "slurm");
  CHECK(campaign.slurm.partition == "debug");
  CHECK(campaign.slurm.options == Texts{"--nice"});
  CHECK(campaign.at_once == 4);
  CHECK(campaign.run_limit == std::chrono::seconds(90));

  const auto wrong = parse_campaign(
      "plans: [a.yaml]\nseeds: [1, 1]\nvary: {k: [2, 2]}\nexecutor: pbs\nstop: {violatons: 1}\n", "c.yaml");
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().kind == ErrorKind::bad_input);
  for (const char* part : {"c.yaml:2:12: the seed 1 stands there twice", "c.yaml:3:8: k takes the same value twice",
                           "c.yaml:4:11: executor must be local or slurm", "did you mean \"violations\"?"}) {
    INFO(part << "\n" << wrong.error().message);
    CHECK(wrong.error().message.find(part) != std::string::npos);
  }
  CHECK_FALSE(parse_campaign("plans: a.yaml\n", "c.yaml"));
}

TEST_CASE("jobs are every setting of every plan and each seed of all before the next") {
  const std::string text =
      "plans: [../quickstart.yaml]\nseeds: [3, 9]\nvary:\n  client.reads: [linearizable, serializable]\n"
      "  workload.rate: [50, 100]\n";
  const std::string path = SHAKETABLE_SOURCE_DIR "/configs/campaigns/x.yaml";
  const auto jobs = must(jobs_of(must(parse_campaign(text, path))));
  REQUIRE(jobs.size() == 8);
  std::set<std::string> ids, cells;
  for (const CampaignJob& job : jobs) {
    ids.insert(job.id);
    cells.insert(job.cell);
    CHECK(job.lab);
  }
  CHECK(ids.size() == 8);
  CHECK(cells.size() == 4);
  CHECK(jobs[0].id == "quickstart.linearizable.50.seed-3");
  CHECK(jobs[0].seed == 3);
  CHECK(jobs[3].seed == 3);
  CHECK(jobs[4].seed == 9);
  CHECK(jobs[3].set == Texts{"client.reads=serializable", "workload.rate=100"});
  CHECK(jobs[0].checksum == jobs[4].checksum);
  CHECK(jobs[0].checksum != jobs[1].checksum);
  const auto wrong =
      jobs_of(must(parse_campaign("plans: [../quickstart.yaml]\nseeds: 1\nset: [clent.reads=x]\n", path)));
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().message.find("did you mean \"client\"?") != std::string::npos);
}

// Two settings, `seeds` of each; nothing is run.
CampaignFolder folder_at(const std::string& path, int seeds, CampaignStop stop = {}) {
  CampaignFolder folder;
  folder.path = path;
  folder.campaign.name = "c";
  folder.campaign.stop = stop;
  for (int seed = 1; seed <= seeds; ++seed)
    for (const char* value : {"a", "b"}) {
      CampaignJob job;
      job.index = static_cast<int>(folder.jobs.size());
      job.id = std::string("p.") + value + ".seed-" + std::to_string(seed);
      job.cell = std::string("p k=") + value;
      job.plan = "p.yaml";
      job.setting = job.set = {std::string("k=") + value};
      job.seed = static_cast<std::uint64_t>(seed);
      job.checksum = "1";
      folder.jobs.push_back(job);
    }
  return folder;
}

JobResult came(const CampaignJob& job, const std::string& valid, int code) {
  JobResult result;
  result.id = job.id;
  result.checksum = job.checksum;
  result.seed = job.seed;
  result.valid = valid;
  result.exit_code = code;
  if (valid == "false") result.violations = {"linearizable: nonlinearizable"};
  return result;
}

TEST_CASE("a result is read back as it was written") {
  JobResult result = came(folder_at("x", 1).jobs[0], "false", 1);
  result.unclean_nodes = {"n2"};
  result.why = "\"quoted\"";
  result.operations = 1234;
  result.faults_applied = 3;
  result.attempts = 2;
  result.seconds = 1.5;
  result.seed = 18446744073709551615u;
  CHECK(to_json(result_json(must(result_from_json(to_json(result_json(result)))))) == to_json(result_json(result)));
  CHECK_FALSE(result_from_json("{}"));
  CHECK_FALSE(result_from_json("[1"));
}

TEST_CASE("what has no verdict is no trial and settings are compared") {
  const RunFolder place;
  const CampaignFolder folder = folder_at(place.path(), 20);
  std::vector<std::optional<JobResult>> results(folder.jobs.size());
  for (const CampaignJob& job : folder.jobs) {
    const bool b = job.setting[0] == "k=b";
    if (job.seed == 20) continue;  // not run
    const auto i = static_cast<std::size_t>(job.index);
    if (job.seed == 19)
      results[i] = came(job, "unknown", 2);
    else if (job.seed == 18)
      results[i] = came(job, "", 4);
    else
      results[i] = came(job, b && job.seed <= 7 ? "false" : "true", b && job.seed <= 7 ? 1 : 0);
  }
  const CampaignSummary summary = summarise(folder, results);
  REQUIRE(summary.cells.size() == 2);
  const CellSummary& b = summary.cells[1];
  CHECK(b.violations == 7);
  CHECK(b.trials == 17);
  CHECK(b.unknown == 1);
  CHECK(b.failed == 1);
  CHECK(b.open == 1);
  CHECK(b.kinds == Texts{"linearizable: nonlinearizable"});
  CHECK(summary.code == ExitCode::violation);
  REQUIRE(summary.comparisons.size() == 1);
  CHECK(summary.comparisons[0].p == Approx(fisher_exact(0, 17, 7, 17)));
  const std::string text = summary_text(summary);
  INFO(text);
  CHECK(text.find("c: 38 of 40 runs\n") == 0);
  CHECK(text.find("a violation in 7 of 17 seeds: 41.2 %, 95 % interval 18.4 % to 67.1 %") != std::string::npos);
  CHECK(text.find("k: a 0 of 17, b 7 of 17: Fisher's exact test p = 0.00723, so they differ") != std::string::npos);
}

TEST_CASE("a campaign's wish to stop") {
  const RunFolder place;
  CampaignFolder folder = folder_at(place.path(), 20, {1, std::nullopt});
  std::vector<std::optional<JobResult>> results(folder.jobs.size());
  std::set<int> skipped;
  results[0] = came(folder.jobs[0], "true", 0);
  CHECK(jobs_to_skip(folder, summarise(folder, results), results, skipped) == "");
  results[1] = came(folder.jobs[1], "false", 1);
  CHECK(jobs_to_skip(folder, summarise(folder, results), results, skipped) == "1 violation found, as was wished");
  CHECK(skipped.size() == folder.jobs.size() - 2);

  // Ten without a violation: the interval is 0 to 0.31.
  folder.campaign.stop = {std::nullopt, 0.32};
  for (int seed = 0; seed < 10; ++seed)
    results[static_cast<std::size_t>(2 * seed)] = came(folder.jobs[static_cast<std::size_t>(2 * seed)], "true", 0);
  CHECK(jobs_to_skip(folder, summarise(folder, results), results, skipped) ==
        "intervals of at most 32 %, as was wished");
  CHECK(skipped.size() == 10);
  for (const int index : skipped) CHECK(folder.jobs[static_cast<std::size_t>(index)].cell == "p k=a");

  // Nodes of the user's own that are not clean end it, whatever was wished.
  folder.campaign.stop = {};
  folder.jobs[0].lab = false;
  results[0]->unclean_nodes = {"db3"};
  CHECK(jobs_to_skip(folder, summarise(folder, results), results, skipped).find("db3") != std::string::npos);
}

// Jobs end at once, as the test says; what was begun is kept.
class ScriptedExecutor final : public Executor {
 public:
  ScriptedExecutor(const CampaignFolder& folder, std::function<JobResult(const CampaignJob&)> what)
      : folder_(folder), what_(std::move(what)) {}
  Result<void> offer(std::vector<int>& pending) override {
    if (pending.empty() || open_) return {};
    open_ = pending.front();
    pending.erase(pending.begin());
    begun.push_back(*open_);
    const CampaignJob& job = folder_.jobs[static_cast<std::size_t>(*open_)];
    if (job.id == silent) return {};
    return write_file(folder_.result_path(job), to_json(result_json(what_(job))));
  }
  Result<std::vector<int>> ended() override {
    std::vector<int> out;
    if (open_) out.push_back(*open_);
    open_.reset();
    return out;
  }
  Result<void> withdraw(const std::set<int>&) override { return {}; }
  std::size_t under_way() const override { return open_ ? 1 : 0; }
  void interrupt() override {}
  std::vector<int> begun;
  std::string silent;

 private:
  const CampaignFolder& folder_;
  std::function<JobResult(const CampaignJob&)> what_;
  std::optional<int> open_;
};

TEST_CASE("a campaign that is begun again runs only what has no verdict") {
  const RunFolder place;
  const CampaignFolder folder = folder_at(place.path(), 3);
  must(write_folder(folder));
  must(write_file(folder.result_path(folder.jobs[0]), to_json(result_json(came(folder.jobs[0], "true", 0)))));
  must(write_file(folder.result_path(folder.jobs[1]), to_json(result_json(came(folder.jobs[1], "", 4)))));
  ScriptedExecutor executor(folder, [](const CampaignJob& job) { return came(job, "true", 0); });
  executor.silent = folder.jobs[5].id;
  const CampaignSummary summary = must(conduct(folder, executor));
  CHECK(executor.begun == std::vector<int>{1, 2, 3, 4, 5});
  CHECK(summary.cells[0].trials == 3);
  CHECK(summary.cells[1].trials == 2);
  CHECK(summary.cells[1].failed == 1);
  CHECK(summary.code == ExitCode::infrastructure);
  // The one that said nothing has still no result.
  ScriptedExecutor again(folder, [](const CampaignJob& job) { return came(job, "true", 0); });
  CHECK(must(conduct(folder, again)).code == ExitCode::pass);
  CHECK(again.begun == std::vector<int>{5});
  CHECK(fs::exists(place.path() + "/summary.json"));

  const CampaignFolder read = must(read_folder(place.path()));
  REQUIRE(read.jobs.size() == folder.jobs.size());
  CHECK(read.jobs[3].setting == folder.jobs[3].setting);
  CHECK(read.lab_name(read.jobs[0]) == folder.lab_name(folder.jobs[0]));
  CHECK(read.lab_name(read.jobs[0]) != read.lab_name(read.jobs[1]));

  // A plan that has changed since is not mixed with what was run before.
  CampaignFolder changed = folder;
  changed.jobs[0].checksum = "2";
  const auto refused = write_folder(changed);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::bad_input);
}

TEST_CASE("a campaign stops in its midst and goes on no further when begun again") {
  const RunFolder place;
  const CampaignFolder folder = folder_at(place.path(), 3, {1, std::nullopt});
  must(write_folder(folder));
  const auto second = [](const CampaignJob& job) {
    return job.index == 1 ? came(job, "false", 1) : came(job, "true", 0);
  };
  ScriptedExecutor executor(folder, second);
  const CampaignSummary summary = must(conduct(folder, executor));
  CHECK(executor.begun == std::vector<int>{0, 1});
  CHECK(summary.stopped == "1 violation found, as was wished");
  CHECK(summary.code == ExitCode::violation);
  ScriptedExecutor again(folder, second);
  must(conduct(folder, again));
  CHECK(again.begun.empty());
}

TEST_CASE("what a run's summary says becomes a job's result") {
  const RunFolder place;
  const CampaignJob job = folder_at(place.path(), 1).jobs[0];
  const auto read = [&](const std::string& text) {
    must(write_file(place.path() + "/summary.json", text));
    return must(result_of_run(job, place.path(), 1));
  };
  const JobResult bad = read(
      R"({"valid":false,"infrastructure":"","interrupted":false,"repeat":"again","operations":7,
          "faults":{"applied":3,"proved":2,"undone":3},"unclean_nodes":{"n1":"why"},
          "checkers":[{"checker":"recovery","valid":true},
                      {"checker":"set","valid":false,"anomalies":{"lost":[{}],"stale":[{}]}}]})");
  CHECK(bad.valid == "false");
  CHECK(bad.violations == Texts{"set: lost", "set: stale"});
  CHECK(bad.unclean_nodes == Texts{"n1"});
  CHECK(bad.faults_proved == 2);
  CHECK(bad.operations == 7);
  CHECK(read(R"({"valid":true,"infrastructure":"","interrupted":false})").valid == "true");
  CHECK(read(R"({"valid":"unknown","infrastructure":"","interrupted":false})").valid == "unknown");
  CHECK_FALSE(read(R"({"valid":true,"infrastructure":"","interrupted":true})").judged());
  CHECK_FALSE(read(R"({"valid":"unknown","infrastructure":"ssh is gone"})").judged());
  CHECK(read(R"({"valid":false,"infrastructure":"ssh is gone"})").valid == "false");
  CHECK_FALSE(result_of_run(job, place.path() + "/absent", 0));
}

TEST_CASE("a lock names who holds it and ends with its holder") {
  const RunFolder place;
  std::string holder;
  {
    const auto lock = must(FileLock::take(place.path() + "/lock", holder));
    REQUIRE(lock);
    CHECK_FALSE(must(FileLock::take(place.path() + "/lock", holder)));
    CHECK(holder.find("process " + std::to_string(::getpid()) + " on ") == 0);
  }
  CHECK(must(FileLock::take(place.path() + "/lock", holder)));
}

}  // namespace
}  // namespace shaketable

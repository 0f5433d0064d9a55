#include "orchestrator/shrink/oracle.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/log.h"
#include "base/text.h"
#include "orchestrator/campaign/job_run.h"
#include "orchestrator/campaign/run_child.h"
#include "orchestrator/interrupts.h"
#include "orchestrator/run_folder.h"

namespace shaketable {
namespace fs = std::filesystem;
using namespace std::chrono_literals;
namespace {

constexpr int kFailuresMax = 3;  // runs in a row that infrastructure kept from a verdict
constexpr int kEnoughHits = 3;   // to measure odds by
constexpr double kFewer = 0.25;  // of the odds that were measured: as good as never

}  // namespace

RunOracle::RunOracle(OracleOptions options, const Catalogue& catalogue, PlanOptions plan_options)
    : options_(std::move(options)), catalogue_(catalogue), plan_options_(std::move(plan_options)) {}

Result<std::string> RunOracle::plan_of(const Candidate& candidate) const {
  PlanOptions own = plan_options_;
  own.directory = options_.plan_directory;
  own.set = options_.set;
  own.set.push_back(fmt::format("name={}-smaller", options_.plan_name.substr(0, 70)));
  for (const std::string& change : plan_changes(candidate)) own.set.push_back(change);
  const auto plan = parse_plan(options_.plan_text, options_.plan_path, catalogue_, own);
  if (!plan) return Failure(plan.error());
  return plan->text;
}

bool RunOracle::spent() {
  if (!exhausted_.empty()) return true;
  if (Interrupts::count() > 0)
    exhausted_ = "interrupted";
  else if (runs_ >= options_.runs_max)
    exhausted_ = fmt::format("{} runs were made, as many as were allowed", runs_);
  else if (clock_.now() >= options_.time_max)
    exhausted_ = "the time is up";
  return !exhausted_.empty();
}

Result<void> RunOracle::repeat(const std::string& plan, int count, std::vector<bool>& hits) {
  hits.clear();
  const std::string folder = fmt::format("{}/{:03}", options_.folder, ++candidates_);
  std::error_code problem;
  fs::create_directories(folder, problem);
  if (problem) return infrastructure(fmt::format("{} cannot be made: {}", folder, problem.message()));
  const std::string path = fs::absolute(folder).string() + "/plan.yaml";
  if (const auto written = write_file(path, plan); !written) return written;
  int failures = 0;
  for (int done = 0; done < count;) {
    struct Repetition {
      RunChild child;
      std::string run;
      std::optional<RunChildEnd> end;
    };
    std::vector<Repetition> running;
    for (int i = 0; i < std::min(options_.at_once, count - done); ++i) {
      const std::string run = fmt::format("{}/run-{}", fs::absolute(folder).string(), ++runs_);
      std::vector<std::string> arguments{path,
                                         "--plan-directory",
                                         options_.plan_directory,
                                         "--seed",
                                         std::to_string(options_.seed + static_cast<std::uint64_t>(runs_) - 1),
                                         "--lab",
                                         fmt::format("{}-{}", options_.lab, i),
                                         "--out",
                                         run};
      auto child = RunChild::start({std::move(arguments), "", run + ".log", 30min});
      if (!child) return Failure(child.error());
      running.push_back({std::move(*child), run, std::nullopt});
    }
    for (Repetition& repetition : running)
      while (!repetition.end) {
        auto polled = repetition.child.poll(100ms);
        if (!polled) return Failure(polled.error());
        repetition.end = std::move(*polled);
      }
    for (const Repetition& repetition : running) {
      CampaignJob job;
      job.id = repetition.run;
      const auto result = result_of_run(job, repetition.run, repetition.end->code);
      if (result && !result->unclean_nodes.empty() && !options_.on_labs)
        return infrastructure(fmt::format("nodes are not proved clean: {}", join(result->unclean_nodes)));
      if (!result || !result->judged()) {
        if (Interrupts::count() > 0) return {};
        const std::string why = result ? result->why : repetition.end->last_error;
        log::warning("{}: {}", repetition.run, why);
        if (++failures >= kFailuresMax)
          return infrastructure(fmt::format("{} runs in a row failed: {}", failures, why));
        continue;
      }
      failures = 0;
      ++done;
      hits.push_back(std::any_of(result->violations.begin(), result->violations.end(), [&](const std::string& found) {
        return std::find(options_.violations.begin(), options_.violations.end(), found) != options_.violations.end();
      }));
    }
  }
  return {};
}

Result<double> RunOracle::measure(const Candidate& candidate, int most) {
  const auto plan = plan_of(candidate);
  if (!plan) return Failure(plan.error());
  Tried& tried = tried_[*plan];
  tried.question.what = "as recorded";
  while (tried.question.trials < most && tried.question.hits < kEnoughHits && !spent()) {
    std::vector<bool> hits;
    const int missing = std::min(kEnoughHits - tried.question.hits, most - tried.question.trials);
    const auto repeated = repeat(*plan, std::min(options_.at_once, missing), hits);
    if (!repeated) return Failure(repeated.error());
    for (const bool hit : hits) {
      ++tried.question.trials;
      tried.question.hits += hit;
    }
  }
  tried.answered = tried.question.yes = tried.question.hits > 0;
  questions_.push_back(tried.question);
  if (tried.question.hits == 0) return 0.0;
  often_ = (tried.question.hits + 1.0) / (tried.question.trials + 2.0);
  return often_;
}

Result<bool> RunOracle::ask(const Candidate& candidate, const std::string& what) {
  if (spent()) return false;
  const auto plan = plan_of(candidate);
  if (!plan) {
    log::debug("{}: {}", what, plan.error().message);
    return false;
  }
  Tried& tried = tried_[*plan];
  if (tried.answered) return tried.question.yes;
  tried.question.what = what;
  SequentialTest test(often_, often_ * kFewer, options_.error);
  while (test.answer() == SequentialTest::Answer::open && !spent()) {
    std::vector<bool> hits;
    if (const auto repeated = repeat(*plan, options_.at_once, hits); !repeated) return Failure(repeated.error());
    for (const bool hit : hits) {
      ++tried.question.trials;
      tried.question.hits += hit;
      // What was run beside the deciding one is counted, and decides nothing.
      if (test.answer() == SequentialTest::Answer::open) test.add(hit);
    }
  }
  if (test.answer() == SequentialTest::Answer::open) return false;
  tried.answered = true;
  tried.question.yes = test.answer() == SequentialTest::Answer::often;
  questions_.push_back(tried.question);
  log::info("{:>3} {:<3} {} of {}: {}", questions_.size() - 1, tried.question.yes ? "yes" : "no", tried.question.hits,
            tried.question.trials, what);
  return tried.question.yes;
}

Question RunOracle::seen(const Candidate& candidate) const {
  const auto plan = plan_of(candidate);
  const auto found = plan ? tried_.find(*plan) : tried_.end();
  return found == tried_.end() ? Question{} : found->second.question;
}

}  // namespace shaketable

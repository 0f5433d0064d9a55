#include "orchestrator/campaign/job_run.h"

#include <fmt/format.h>

#include <filesystem>
#include <thread>

#include "base/clock.h"
#include "base/duration.h"
#include "base/log.h"
#include "history/text.h"
#include "orchestrator/campaign/run_child.h"
#include "orchestrator/interrupts.h"
#include "orchestrator/report/exit_code.h"
#include "orchestrator/run_folder.h"

namespace shaketable {
namespace fs = std::filesystem;
using namespace std::chrono_literals;
namespace {

constexpr Nanos kBetweenLooks = 100ms;
constexpr Nanos kToEnd = 6min;  // a run whose time is up

// A folder in which a run was begun and not ended: it is kept, under another name.
Result<void> put_aside(const std::string& folder) {
  if (!fs::exists(folder)) return {};
  std::error_code problem;
  for (int number = 1; number < 1000; ++number) {
    const std::string aside = fmt::format("{}.broken-{}", folder, number);
    if (fs::exists(aside)) continue;
    fs::rename(folder, aside, problem);
    if (problem) return infrastructure(fmt::format("{} cannot be renamed: {}", folder, problem.message()));
    return {};
  }
  return infrastructure(fmt::format("{}: too many broken runs beside it", folder));
}

std::vector<std::string> arguments_of(const CampaignFolder& folder, const CampaignJob& job) {
  std::vector<std::string> arguments{job.plan, "--seed", std::to_string(job.seed)};
  for (const std::string& set : job.set) arguments.insert(arguments.end(), {"--set", set});
  if (job.lab) arguments.insert(arguments.end(), {"--lab", folder.lab_name(job)});
  arguments.insert(arguments.end(), {"--out", fs::absolute(folder.run_path(job)).string()});
  return arguments;
}

Result<JobResult> attempt(const CampaignFolder& folder, const CampaignJob& job) {
  if (const auto aside = put_aside(folder.run_path(job)); !aside) return Failure(aside.error());
  const SteadyClock clock;
  auto child = RunChild::start({arguments_of(folder, job), folder.directory,
                                fs::absolute(folder.log_path(job)).string(), folder.campaign.run_limit});
  if (!child) return Failure(child.error());
  std::optional<RunChildEnd> end;
  while (!end) {
    auto polled = child->poll(kBetweenLooks);
    if (!polled) return Failure(polled.error());
    end = std::move(*polled);
  }
  auto result = result_of_run(job, folder.run_path(job), end->code);
  if (!result) {
    result = JobResult{};
    result->id = job.id;
    result->checksum = job.checksum;
    result->seed = job.seed;
    result->exit_code = end->code == 0 ? static_cast<int>(ExitCode::infrastructure) : end->code;
    result->run = folder.run_path(job);
    result->why = end->last_error.empty() ? fmt::format("exit code {}", end->code) : end->last_error;
  }
  if (end->too_long) {
    result->valid.clear();
    result->why = fmt::format("it lasted longer than {}", format_duration(folder.campaign.run_limit));
  }
  result->seconds = std::chrono::duration<double>(clock.now()).count();
  return result;
}

}  // namespace

Result<JobResult> result_of_run(const CampaignJob& job, const std::string& run, int exit_code) {
  const auto text = read_file(run + "/summary.json");
  if (!text) return Failure(text.error());
  const auto json = parse_json(*text);
  if (!json || json->kind() != Value::Kind::map) return bad_input(run + "/summary.json is not a JSON object");
  const auto text_at = [](const Value& map, const char* key) {
    const Value* value = map.find(key);
    return value && value->kind() == Value::Kind::string ? std::string(value->text()) : std::string();
  };
  const auto integer_at = [](const Value* map, const char* key) {
    const Value* value = map && map->kind() == Value::Kind::map ? map->find(key) : nullptr;
    return value && value->is_integer() ? value->integer() : std::int64_t{0};
  };
  JobResult result;
  result.id = job.id;
  result.checksum = job.checksum;
  result.seed = job.seed;
  result.exit_code = exit_code;
  result.run = run;
  result.repeat = text_at(*json, "repeat");
  result.why = text_at(*json, "infrastructure");
  result.operations = integer_at(&*json, "operations");
  result.faults_applied = integer_at(json->find("faults"), "applied");
  result.faults_proved = integer_at(json->find("faults"), "proved");
  const auto is = [](const Value* value, bool truth) {
    return value && value->kind() == Value::Kind::boolean && value->boolean() == truth;
  };
  const Value* valid = json->find("valid");
  const bool interrupted = is(json->find("interrupted"), true);
  // A violation stands whatever failed beside it; without one, a run that broke off says nothing.
  if (is(valid, false))
    result.valid = "false";
  else if (result.why.empty() && !interrupted)
    result.valid = is(valid, true) ? "true" : "unknown";
  else if (result.why.empty())
    result.why = "interrupted";
  if (const Value* checkers = json->find("checkers"); checkers && checkers->is_list())
    for (const Value& checker : checkers->items()) {
      if (checker.kind() != Value::Kind::map || !is(checker.find("valid"), false)) continue;
      const std::string name = text_at(checker, "checker");
      const Value* anomalies = checker.find("anomalies");
      if (!anomalies || anomalies->kind() != Value::Kind::map || anomalies->size() == 0) {
        result.violations.push_back(name);
        continue;
      }
      for (std::size_t i = 0; i < anomalies->items().size(); i += 2)
        result.violations.push_back(fmt::format("{}: {}", name, anomalies->items()[i].text()));
    }
  if (const Value* unclean = json->find("unclean_nodes"); unclean && unclean->kind() == Value::Kind::map)
    for (std::size_t i = 0; i < unclean->items().size(); i += 2)
      result.unclean_nodes.emplace_back(unclean->items()[i].text());
  return result;
}

Result<JobResult> run_job(const CampaignFolder& folder, const CampaignJob& job) {
  const Interrupts interrupts;
  std::string holder;
  std::optional<FileLock> lock;
  const SteadyClock clock;
  while (!lock) {
    auto taken = FileLock::take(folder.lock_path(job), holder);
    if (!taken) return Failure(taken.error());
    lock = std::move(*taken);
    if (lock) break;
    if (Interrupts::count() > 0) return Failure(Error{ErrorKind::interrupted, "interrupted"});
    if (clock.now() > folder.campaign.run_limit + kToEnd)
      return infrastructure(fmt::format("{} is being run by {}, and does not end", job.id, holder));
    std::this_thread::sleep_for(kBetweenLooks);
  }
  const auto known = folder.result(job);
  if (!known) return Failure(known.error());
  if (*known && (*known)->judged()) return **known;
  for (int tries = 1;; ++tries) {
    auto result = attempt(folder, job);
    if (!result) return Failure(result.error());
    result->attempts = tries;
    const bool again = !result->judged() && result->exit_code != 3 && tries <= folder.campaign.retries &&
                       Interrupts::count() == 0 && (job.lab || result->unclean_nodes.empty());
    if (again) {
      log::warning("{}: {}; once more", job.id, result->why);
      continue;
    }
    if (const auto written = write_file(folder.result_path(job), to_json(result_json(*result)) + "\n"); !written)
      return Failure(written.error());
    return result;
  }
}

}  // namespace shaketable

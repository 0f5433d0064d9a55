#include "orchestrator/campaign/job_run.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <thread>

#include "base/clock.h"
#include "base/duration.h"
#include "base/log.h"
#include "cluster/local_process.h"
#include "history/text.h"
#include "orchestrator/interrupts.h"
#include "orchestrator/run_folder.h"

namespace shaketable {
namespace fs = std::filesystem;
using namespace std::chrono_literals;
namespace {

constexpr Nanos kBetweenLooks = 100ms;
constexpr Nanos kToHeal = 3min;  // a run that was told to end heals and judges in this

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

// Of a log: its last line that is an error.
std::string last_error(const std::string& text) {
  constexpr std::string_view kMark = "error: ";
  const std::size_t at = text.rfind("\n" + std::string(kMark));
  const std::size_t start = at != std::string::npos   ? at + 1 + kMark.size()
                            : text.starts_with(kMark) ? kMark.size()
                                                      : text.size();
  return text.substr(start, text.find('\n', start) - start);
}

std::vector<std::string> arguments_of(const CampaignFolder& folder, const CampaignJob& job) {
  std::vector<std::string> arguments{own_program(), "run", job.plan, "--seed", std::to_string(job.seed)};
  for (const std::string& set : job.set) arguments.insert(arguments.end(), {"--set", set});
  if (job.lab) arguments.insert(arguments.end(), {"--lab", folder.lab_name(job)});
  arguments.insert(arguments.end(), {"--out", fs::absolute(folder.run_path(job)).string()});
  return arguments;
}

// Waits for the run, hands signals on, and ends it when its time is up.
Result<LocalExit> wait_for(LocalProcess& process, Nanos limit, bool& too_long) {
  const SteadyClock clock;
  int handed_on = 0;
  Nanos ask_at = limit;
  for (int asked = 0;;) {
    if (const auto exit = process.wait(kBetweenLooks)) return *exit;
    for (; handed_on < Interrupts::count(); ++handed_on) ::kill(process.pid(), SIGINT);
    if (clock.now() < ask_at) continue;
    too_long = true;
    if (asked == 2) {
      process.kill();
      if (const auto exit = process.wait(30s)) return *exit;
      return infrastructure("the run cannot be ended");
    }
    ::kill(process.pid(), SIGINT);
    ++asked;
    ask_at = clock.now() + kToHeal;
  }
}

Result<JobResult> attempt(const CampaignFolder& folder, const CampaignJob& job) {
  if (const auto aside = put_aside(folder.run_path(job)); !aside) return Failure(aside.error());
  // What a run prints stands in its folder as well.
  const UniqueFd nowhere(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!nowhere) return infrastructure("/dev/null cannot be opened");
  LocalProcessSpec spec;
  spec.arguments = arguments_of(folder, job);
  spec.directory = folder.directory;
  spec.stream = nowhere.get();
  spec.error_file = fs::absolute(folder.log_path(job)).string();
  const SteadyClock clock;
  const auto process = LocalProcess::start(spec);
  if (!process) return Failure(process.error());
  bool too_long = false;
  const auto exit = wait_for(**process, folder.campaign.run_limit, too_long);
  if (!exit) return Failure(exit.error());
  const std::string said = (*process)->error_output();
  const int code = exit->signal ? 128 + exit->signal : exit->exit_code;
  auto result = result_of_run(job, folder.run_path(job), code);
  if (!result) {
    result = JobResult{};
    result->id = job.id;
    result->checksum = job.checksum;
    result->seed = job.seed;
    result->exit_code = code == 0 ? static_cast<int>(4) : code;
    result->run = folder.run_path(job);
    result->why = last_error(said);
    if (result->why.empty()) result->why = exit->describe();
  }
  if (too_long) {
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
    if (clock.now() > folder.campaign.run_limit + 2 * kToHeal)
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

std::string own_program() {
  std::error_code problem;
  const fs::path path = fs::read_symlink("/proc/self/exe", problem);
  return problem ? "shaketable" : path.string();
}

}  // namespace shaketable

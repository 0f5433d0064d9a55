#include "orchestrator/campaign/folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/checksum.h"
#include "history/text.h"
#include "orchestrator/run_folder.h"

namespace shaketable {
namespace fs = std::filesystem;
namespace {

std::string text_of(const Value& map, const char* key) {
  const Value* value = map.kind() == Value::Kind::map ? map.find(key) : nullptr;
  return value && value->kind() == Value::Kind::string ? std::string(value->text()) : std::string();
}

std::int64_t integer_of(const Value& map, const char* key) {
  const Value* value = map.kind() == Value::Kind::map ? map.find(key) : nullptr;
  return value && value->is_integer() ? value->integer() : 0;
}

std::vector<std::string> texts_of(const Value& map, const char* key) {
  std::vector<std::string> out;
  const Value* list = map.kind() == Value::Kind::map ? map.find(key) : nullptr;
  if (list && list->is_list())
    for (const Value& item : list->items())
      if (item.kind() == Value::Kind::string) out.emplace_back(item.text());
  return out;
}

Value texts_json(const std::vector<std::string>& texts) {
  return Value::list({texts.begin(), texts.end()});
}

std::optional<std::uint64_t> seed_of(const Value& map) {
  const std::string text = text_of(map, "seed");
  std::uint64_t seed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return seed;
}

Failure malformed(const std::string& path) {
  return bad_input(fmt::format("{} is malformed; name another folder with --out", path));
}

}  // namespace

Value result_json(const JobResult& result) {
  return Value::map({{"schema", 1},
                     {"id", result.id},
                     {"checksum", result.checksum},
                     {"seed", std::to_string(result.seed)},
                     {"exit_code", result.exit_code},
                     {"valid", result.valid},
                     {"violations", texts_json(result.violations)},
                     {"run", result.run},
                     {"repeat", result.repeat},
                     {"why", result.why},
                     {"unclean_nodes", texts_json(result.unclean_nodes)},
                     {"operations", result.operations},
                     {"faults_applied", result.faults_applied},
                     {"faults_proved", result.faults_proved},
                     {"attempts", result.attempts},
                     {"seconds", result.seconds}});
}

Result<JobResult> result_from_json(std::string_view text) {
  const auto json = parse_json(text);
  if (!json) return Failure(json.error());
  const auto seed = seed_of(*json);
  if (!seed || text_of(*json, "id").empty()) return bad_input("this is not what came of a job");
  JobResult result;
  result.id = text_of(*json, "id");
  result.checksum = text_of(*json, "checksum");
  result.seed = *seed;
  result.exit_code = static_cast<int>(integer_of(*json, "exit_code"));
  result.valid = text_of(*json, "valid");
  result.violations = texts_of(*json, "violations");
  result.run = text_of(*json, "run");
  result.repeat = text_of(*json, "repeat");
  result.why = text_of(*json, "why");
  result.unclean_nodes = texts_of(*json, "unclean_nodes");
  result.operations = integer_of(*json, "operations");
  result.faults_applied = integer_of(*json, "faults_applied");
  result.faults_proved = integer_of(*json, "faults_proved");
  result.attempts = static_cast<int>(integer_of(*json, "attempts"));
  if (const Value* seconds = json->find("seconds"); seconds && seconds->kind() == Value::Kind::real)
    result.seconds = seconds->real();
  return result;
}

Result<std::optional<FileLock>> FileLock::take(const std::string& path, std::string& holder) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!fd) return infrastructure(fmt::format("{}: {}", path, std::strerror(errno)));
  char said[256] = {};
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return infrastructure(fmt::format("{}: {}", path, std::strerror(errno)));
    const ssize_t bytes = ::pread(fd.get(), said, sizeof said - 1, 0);
    holder.assign(said, bytes > 0 ? static_cast<std::size_t>(bytes) : 0);
    return std::optional<FileLock>();
  }
  char host[256] = {};
  ::gethostname(host, sizeof host - 1);
  const std::string me = fmt::format("process {} on {}", ::getpid(), host);
  // Who holds it is for people only; the lock holds without.
  if (::ftruncate(fd.get(), 0) != 0 || ::pwrite(fd.get(), me.data(), me.size(), 0) < 0) holder.clear();
  return std::optional<FileLock>(FileLock(std::move(fd)));
}

std::string CampaignFolder::lab_name(const CampaignJob& job) const {
  std::error_code problem;
  const fs::path canonical = fs::weakly_canonical(path, problem);
  return fmt::format("c{:08x}-{}", crc32(problem ? path : canonical.string()), job.index);
}

Result<std::optional<JobResult>> CampaignFolder::result(const CampaignJob& job) const {
  const std::string file = result_path(job);
  if (!fs::exists(file)) return std::optional<JobResult>();
  const auto text = read_file(file);
  if (!text) return Failure(text.error());
  auto result = result_from_json(*text);
  if (!result) return Failure(result.error().in(file));
  if (result->checksum != job.checksum) return std::optional<JobResult>();
  return std::optional(std::move(*result));
}

Result<void> write_folder(const CampaignFolder& folder) {
  std::error_code problem;
  for (const char* name : {"", "/jobs", "/runs"}) {
    fs::create_directories(folder.path + name, problem);
    if (problem) return infrastructure(fmt::format("{}{} cannot be made: {}", folder.path, name, problem.message()));
  }
  std::vector<Value> jobs;
  for (const CampaignJob& job : folder.jobs) {
    if (const std::string file = folder.result_path(job); fs::exists(file)) {
      const auto result = folder.result(job);
      if (!result) return Failure(result.error());
      if (!*result)
        return bad_input(fmt::format("{} is of another version of {}: name another folder with --out", file, job.plan));
    }
    jobs.push_back(Value::map({{"index", job.index},
                               {"id", job.id},
                               {"cell", job.cell},
                               {"plan", job.plan},
                               {"setting", texts_json(job.setting)},
                               {"set", texts_json(job.set)},
                               {"seed", std::to_string(job.seed)},
                               {"checksum", job.checksum},
                               {"lab", job.lab}}));
  }
  return write_file(folder.path + "/campaign.json",
                    to_json(Value::map({{"schema", 1},
                                        {"name", folder.campaign.name},
                                        {"path", folder.campaign.path},
                                        {"directory", folder.directory},
                                        {"retries", folder.campaign.retries},
                                        {"run_limit_ns", folder.campaign.run_limit.count()},
                                        {"jobs", Value::list(std::move(jobs))}})) +
                        "\n");
}

Result<CampaignFolder> read_folder(const std::string& path) {
  const std::string file = path + "/campaign.json";
  const auto text = read_file(file);
  if (!text) return Failure(text.error());
  const auto json = parse_json(*text);
  const Value* jobs = json && json->kind() == Value::Kind::map ? json->find("jobs") : nullptr;
  if (!jobs || !jobs->is_list()) return malformed(file);
  CampaignFolder folder;
  folder.path = path;
  folder.campaign.name = text_of(*json, "name");
  folder.campaign.path = text_of(*json, "path");
  folder.directory = text_of(*json, "directory");
  folder.campaign.retries = static_cast<int>(integer_of(*json, "retries"));
  folder.campaign.run_limit = Nanos(integer_of(*json, "run_limit_ns"));
  for (const Value& entry : jobs->items()) {
    const auto seed = seed_of(entry);
    const Value* lab = entry.kind() == Value::Kind::map ? entry.find("lab") : nullptr;
    if (!seed || !lab || lab->kind() != Value::Kind::boolean) return malformed(file);
    CampaignJob job;
    job.index = static_cast<int>(integer_of(entry, "index"));
    job.id = text_of(entry, "id");
    job.cell = text_of(entry, "cell");
    job.plan = text_of(entry, "plan");
    job.setting = texts_of(entry, "setting");
    job.set = texts_of(entry, "set");
    job.seed = *seed;
    job.checksum = text_of(entry, "checksum");
    job.lab = lab->boolean();
    folder.jobs.push_back(std::move(job));
  }
  return folder;
}

}  // namespace shaketable

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "cluster/local_process.h"
#include "history/text.h"
#include "orchestrator/campaign/executor.h"
#include "orchestrator/campaign/run_child.h"
#include "orchestrator/run_folder.h"

namespace shaketable {
namespace fs = std::filesystem;
using namespace std::chrono_literals;
namespace {

constexpr int kArrayMax = 1000;         // Slurm's MaxArraySize is 1001 unless its administrator said otherwise
constexpr Nanos kCommandLimit = 60s;    // of sbatch, squeue, scancel
constexpr Nanos kSilenceLimit = 10min;  // Slurm may be away for so long (its controller is being restarted)

struct Said {
  int exit_code = -1;
  std::string out, err;
};

Result<Said> say(const std::vector<std::string>& arguments) {
  LocalProcessSpec spec;
  spec.arguments = arguments;
  const auto process = LocalProcess::start(spec);
  if (!process) return Failure(process.error().in("Slurm"));
  (*process)->close_input();
  Said said;
  const SteadyClock clock;
  while (clock.now() < kCommandLimit) {
    const auto line = (*process)->read_line(kCommandLimit - clock.now());
    if (!line) break;  // its end, or the deadline: wait() tells which
    said.out += *line + "\n";
  }
  const auto exit = (*process)->wait(std::max(Nanos(0), kCommandLimit - clock.now()));
  if (!exit) {
    (*process)->kill();
    (void)(*process)->wait(5s).has_value();
    return infrastructure(fmt::format("{} gave no answer within a minute", arguments.front()));
  }
  said.exit_code = exit->signal ? 128 + exit->signal : exit->exit_code;
  said.err = (*process)->error_output(1000);
  return said;
}

Result<std::string> must_say(const std::vector<std::string>& arguments) {
  auto said = say(arguments);
  if (!said) return Failure(said.error());
  if (said->exit_code != 0)
    return infrastructure(fmt::format("{}: exit code {}: {}", arguments.front(), said->exit_code, said->err));
  return std::move(said->out);
}

// "0-3,7,9-10"
std::string ranges(const std::vector<int>& sorted) {
  std::string out;
  for (std::size_t i = 0; i < sorted.size();) {
    std::size_t last = i;
    while (last + 1 < sorted.size() && sorted[last + 1] == sorted[last] + 1) ++last;
    out += fmt::format("{}{}", out.empty() ? "" : ",", sorted[i]);
    if (last > i) out += fmt::format("-{}", sorted[last]);
    i = last + 1;
  }
  return out;
}

class SlurmExecutor final : public Executor {
 public:
  explicit SlurmExecutor(const CampaignFolder& folder) : folder_(folder) {}

  // Takes over the array that an earlier process submitted, if Slurm still has it.
  Result<void> find_earlier() {
    const std::string file = folder_.path + "/slurm.json";
    if (!fs::exists(file)) return {};
    const auto text = read_file(file);
    if (!text) return Failure(text.error());
    const auto json = parse_json(*text);
    const Value* array = json && json->kind() == Value::Kind::map ? json->find("array") : nullptr;
    const Value* offset = array ? json->find("offset") : nullptr;
    const Value* tasks = array ? json->find("tasks") : nullptr;
    if (!array || array->kind() != Value::Kind::string || !offset || !offset->is_integer() || !tasks ||
        !tasks->is_list())
      return bad_input(file + " is malformed");
    array_ = array->text();
    offset_ = static_cast<int>(offset->integer());
    const auto queued = tasks_in_queue();
    if (!queued) return Failure(queued.error());
    for (const Value& task : tasks->items())
      if (task.is_integer() && queued->contains(static_cast<int>(task.integer())))
        submitted_.insert(static_cast<int>(task.integer()));
    if (!submitted_.empty()) log::info("Slurm's array {} is still at {} jobs", array_, submitted_.size());
    return {};
  }

  Result<void> offer(std::vector<int>& pending) override {
    std::erase_if(pending, [&](int index) { return submitted_.contains(index); });
    if (!submitted_.empty() || pending.empty()) return {};  // one array at a time
    std::vector<int> tasks = pending;
    std::sort(tasks.begin(), tasks.end());
    offset_ = tasks.front();
    // A cluster that is not a lab bears one run at a time.
    const bool labs = folder_.jobs[static_cast<std::size_t>(tasks.front())].lab;
    std::erase_if(tasks, [&](int index) {
      return index >= offset_ + kArrayMax || folder_.jobs[static_cast<std::size_t>(index)].lab != labs;
    });
    std::vector<int> numbers;
    for (const int index : tasks) numbers.push_back(index - offset_);
    const std::string folder = fs::absolute(folder_.path).string();
    std::vector<std::string> command{"sbatch", "--parsable",
                                     fmt::format("--array={}%{}", ranges(numbers), labs ? folder_.campaign.at_once : 1),
                                     "--job-name=shaketable-" + folder_.campaign.name, "--chdir=" + folder_.directory,
                                     fmt::format("--output={}/jobs/slurm-%A_%a.log", folder),
                                     // A task that is ended gets SIGINT first, and the time that healing takes.
                                     "--signal=B:INT@240"};
    const SlurmPlan& slurm = folder_.campaign.slurm;
    if (!slurm.partition.empty()) command.push_back("--partition=" + slurm.partition);
    if (!slurm.account.empty()) command.push_back("--account=" + slurm.account);
    if (!slurm.time.empty()) command.push_back("--time=" + slurm.time);
    command.insert(command.end(), slurm.options.begin(), slurm.options.end());
    // `exec`, so that signals reach the job itself.
    command.push_back(fmt::format("--wrap=exec {} campaign-job {} $(({} + SLURM_ARRAY_TASK_ID))",
                                  shell_quote(own_program()), shell_quote(folder), offset_));
    const auto said = must_say(command);
    if (!said) return Failure(said.error());
    array_ = said->substr(0, said->find_first_of(";\n"));  // "ID" or "ID;CLUSTER"
    submitted_.insert(tasks.begin(), tasks.end());
    std::erase_if(pending, [&](int index) { return submitted_.contains(index); });
    log::info("Slurm has the array {}: {} jobs, {} at once", array_, tasks.size(), labs ? folder_.campaign.at_once : 1);
    std::vector<Value> list;
    for (const int index : tasks) list.emplace_back(index);
    return write_file(
        folder_.path + "/slurm.json",
        to_json(Value::map({{"array", array_}, {"offset", offset_}, {"tasks", Value::list(std::move(list))}})) + "\n");
  }

  Result<std::vector<int>> ended() override {
    std::vector<int> out;
    if (submitted_.empty()) return out;
    if (looked_ && clock_.now() - *looked_ < 1s) return out;
    looked_ = clock_.now();
    const auto queued = tasks_in_queue();
    if (!queued) {
      if (clock_.now() - answered_ > kSilenceLimit) return Failure(queued.error());
      log::warning("{}; asking again", queued.error().message);
      return out;
    }
    answered_ = clock_.now();
    for (const int index : submitted_)
      if (!queued->contains(index)) out.push_back(index);
    for (const int index : out) submitted_.erase(index);
    return out;
  }

  Result<void> withdraw(const std::set<int>& jobs) override {
    std::vector<std::string> command{"scancel", "--state=PENDING"};
    for (const int index : jobs)
      if (submitted_.contains(index)) command.push_back(fmt::format("{}_{}", array_, index - offset_));
    if (command.size() == 2) return {};
    const auto said = must_say(command);
    if (!said) return Failure(said.error());
    return {};
  }

  std::size_t under_way() const override { return submitted_.size(); }

  void interrupt() override {
    if (array_.empty() || submitted_.empty()) return;
    for (const std::vector<std::string>& command :
         {std::vector<std::string>{"scancel", "--state=PENDING", array_},
          std::vector<std::string>{"scancel", "--batch", "--signal=INT", array_}})
      if (const auto said = must_say(command); !said) log::warning("{}", said.error().message);
  }

 private:
  // Those that wait, run or are being ended. An array that Slurm does not know any more has none.
  Result<std::set<int>> tasks_in_queue() {
    const auto said = say({"squeue", "--noheader", "--array", "--format=%K", "--jobs=" + array_});
    if (!said) return Failure(said.error());
    std::set<int> out;
    if (said->exit_code != 0) {
      if (said->err.find("Invalid job id") != std::string::npos) return out;
      return infrastructure(fmt::format("squeue: exit code {}: {}", said->exit_code, said->err));
    }
    std::istringstream in(said->out);
    for (int task = 0; in >> task;) out.insert(offset_ + task);
    return out;
  }

  const CampaignFolder& folder_;
  const SteadyClock clock_;
  std::string array_;
  int offset_ = 0;
  std::set<int> submitted_;  // and not seen to have ended
  std::optional<Nanos> looked_;
  Nanos answered_{0};
};

}  // namespace

Result<std::unique_ptr<Executor>> slurm_executor(const CampaignFolder& folder) {
  auto executor = std::make_unique<SlurmExecutor>(folder);
  if (const auto found = executor->find_earlier(); !found) return Failure(found.error());
  return std::unique_ptr<Executor>(std::move(executor));
}

}  // namespace shaketable

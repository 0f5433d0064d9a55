#include "orchestrator/campaign/run_child.h"

#include <fcntl.h>

#include <csignal>
#include <filesystem>

#include "orchestrator/interrupts.h"

namespace shaketable {
namespace {

using namespace std::chrono_literals;

constexpr Nanos kToHeal = 3min;  // a run that was told to end heals and judges in this
constexpr int kTimesAsked = 2;   // the second time it does not judge

// Of a log: its last line that is an error.
std::string last_error(const std::string& text) {
  const std::string mark = "error: ";
  const std::size_t at = text.rfind("\n" + mark);
  if (at == std::string::npos && !text.starts_with(mark)) return "";
  const std::size_t start = (at == std::string::npos ? 0 : at + 1) + mark.size();
  return text.substr(start, text.find('\n', start) - start);
}

}  // namespace

Result<RunChild> RunChild::start(const RunChildSpec& spec) {
  // What a run prints stands in its folder as well.
  const UniqueFd nowhere(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!nowhere) return infrastructure("/dev/null cannot be opened");
  LocalProcessSpec process;
  process.arguments = {own_program(), "run"};
  process.arguments.insert(process.arguments.end(), spec.arguments.begin(), spec.arguments.end());
  process.directory = spec.directory;
  process.stream = nowhere.get();
  process.error_file = spec.log;
  auto started = LocalProcess::start(process);
  if (!started) return Failure(started.error());
  RunChild child;
  child.process_ = std::move(*started);
  child.clock_ = std::make_unique<SteadyClock>();
  child.ask_at_ = spec.limit;
  child.handed_on_ = Interrupts::count();
  return child;
}

Result<std::optional<RunChildEnd>> RunChild::poll(Nanos wait) {
  for (const int signals = Interrupts::count(); handed_on_ < signals; ++handed_on_) ::kill(process_->pid(), SIGINT);
  auto exit = process_->wait(wait);
  if (!exit && clock_->now() >= ask_at_) {
    if (asked_ < kTimesAsked) {
      ::kill(process_->pid(), SIGINT);
      ask_at_ = clock_->now() + kToHeal;
    } else {
      process_->kill();
      exit = process_->wait(30s);
      if (!exit) return infrastructure("a run cannot be ended, not even by SIGKILL");
    }
    ++asked_;
  }
  if (!exit) return std::optional<RunChildEnd>();
  return std::optional(RunChildEnd{exit->signal ? 128 + exit->signal : exit->exit_code, asked_ > 0,
                                   last_error(process_->error_output(64 * 1024))});
}

std::string own_program() {
  std::error_code problem;
  const std::filesystem::path path = std::filesystem::read_symlink("/proc/self/exe", problem);
  return problem ? "shaketable" : path.string();
}

}  // namespace shaketable

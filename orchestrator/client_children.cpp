#include "orchestrator/client_children.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <map>
#include <mutex>

#include "history/parameter_values.h"
#include "nemesis/faults.h"
#include "orchestrator/continue_guard.h"
#include "workloads/clients/exec.h"

namespace shaketable {
namespace {

constexpr Nanos kStartLimit = std::chrono::seconds(30);  // of our own program, on a busy machine

// What the linker of /proc says ends with " (deleted)" after a new build: then only the link itself can be executed.
std::string own_program() {
  std::error_code failed;
  const auto target = std::filesystem::read_symlink("/proc/self/exe", failed);
  if (!failed && std::filesystem::exists(target, failed)) return target.string();
  return fmt::format("/proc/{}/exe", ::getpid());
}

class ChildWorkers final : public ClientWorkers {
 public:
  explicit ChildWorkers(std::shared_ptr<ClientProcesses> processes) : processes_(std::move(processes)) {}

  std::vector<std::size_t> running() const override { return processes_->workers(); }

  std::optional<ClientLook> look(std::size_t worker) const override {
    const auto pid = processes_->pid_of(worker);
    const auto state = pid ? process_state(*pid) : std::nullopt;
    if (!state || state->state == 'Z') return std::nullopt;
    const auto counts = processes_->counts_of(worker);
    return ClientLook{*pid, state->state, counts.asked, counts.answered};
  }

  Result<void> stop(std::size_t worker, Nanos longest) override {
    const auto pid = processes_->pid_of(worker);
    if (!pid) return infrastructure("it has no process now");
    auto guard = ContinueGuard::start(*pid, longest);
    if (!guard) return Failure(guard.error().in("nobody would let it go on"));
    if (!processes_->signal(worker, SIGSTOP)) return infrastructure("its process has ended");
    if (processes_->pid_of(worker) != pid) {
      processes_->signal(worker, SIGCONT);  // the guard is for the process that there was before
      return infrastructure("its process has been replaced just now");
    }
    std::lock_guard lock(mutex_);
    guards_.emplace(worker, std::move(*guard));
    return {};
  }

  Result<void> go_on(std::size_t worker) override {
    processes_->signal(worker, SIGCONT);  // none: it has ended, and with it the stop
    std::lock_guard lock(mutex_);
    guards_.erase(worker);
    return {};
  }

 private:
  const std::shared_ptr<ClientProcesses> processes_;
  std::mutex mutex_;
  std::map<std::size_t, ContinueGuard> guards_;
};

}  // namespace

bool wants_client_processes(const std::vector<ScheduledFault>& schedule) {
  return std::any_of(schedule.begin(), schedule.end(),
                     [](const ScheduledFault& fault) { return fault.fault == kPauseClient; });
}

Result<void> check_client_processes(const ClientInfo& client, std::size_t workers,
                                    const std::vector<ScheduledFault>& schedule) {
  if (!wants_client_processes(schedule)) return {};
  if (client.in_process)
    return bad_input(fmt::format(
        "{} needs workers that are processes of their own, and what the client {} keeps is this program's memory",
        kPauseClient, client.name));
  for (const ScheduledFault& fault : schedule) {
    if (fault.fault != kPauseClient || !fault.options.has("target")) continue;
    for (const std::string& word : fault.options.texts("target"))
      if (const auto worker = worker_named(word); worker && *worker >= workers)
        return bad_input(
            fmt::format("{}: there is no {}: the load has {} workers, counted from 0", kPauseClient, word, workers));
  }
  return {};
}

std::function<std::unique_ptr<Client>(const ClientSettings&)> as_processes(const ClientInfo& client) {
  if (client.name == exec_client().name) return client.make;
  return [name = client.name, parameters = client.parameters](const ClientSettings& settings) {
    ClientProgram program;
    program.command = {own_program(), "client", name};
    program.start_timeout = kStartLimit;
    std::vector<std::pair<Value, Value>> options;
    for (const ParameterSpec& spec : parameters)
      if (settings.options.has(spec.name))
        options.emplace_back(spec.name, parameter_value(parameter_of(settings.options, spec)));
    program.options = Value::map(std::move(options));
    return program_client(std::move(program), settings);
  };
}

std::shared_ptr<ClientWorkers> client_workers(std::shared_ptr<ClientProcesses> processes) {
  return std::make_shared<ChildWorkers>(std::move(processes));
}

}  // namespace shaketable

#include "nemesis/agent/processes.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "nemesis/agent/lease.h"
#include "nemesis/agent/system.h"

namespace shaketable::agent {
namespace {

using namespace std::chrono_literals;

constexpr Nanos kLookTimeout = 10s;
constexpr Nanos kStartTimeout = 45s;
constexpr Nanos kSettleTimeout = 5s;

bool stands_still(const ProcessName& process) {
  const auto found = look_at(process.pid);
  return found && found->start == process.start && (found->state == 'T' || found->state == 't');
}

// Until `done` says so for all; false: the time is over.
template <class Predicate>
bool settled(const std::vector<ProcessName>& processes, Predicate done, Nanos timeout = kSettleTimeout) {
  const Nanos deadline = raw_now() + timeout;
  while (!std::all_of(processes.begin(), processes.end(), done)) {
    if (raw_now() >= deadline) return false;
    usleep(5000);
  }
  return true;
}

bool gone(const ProcessName& process) {
  return !alive(process);
}

Result<void> start_again(const Entry& entry) {
  const Output started = run_script(std::string(field(entry.fields, "start")), kStartTimeout);
  if (started.code != 0) return infrastructure("it could not be started again: " + started.describe());
  return {};
}

class ArmedProcesses final : public Armed {
 public:
  explicit ArmedProcesses(const Entry& entry)
      : entry_(entry), processes_(to_processes(field(entry.fields, "processes"))) {}

  Result<void> commit() override {
    const std::string_view action = field(entry_.fields, "action");
    const int number = action == "pause" ? SIGSTOP : action == "stop" ? SIGTERM : SIGKILL;
    bool any = false;
    for (const ProcessName& process : processes_) any = signal_process(process, number) || any;
    if (!any) return infrastructure("the processes ended before their moment came");
    if (action == "pause" && !settled(processes_, [](const ProcessName& p) { return stands_still(p) || gone(p); }))
      return infrastructure("a process goes on after SIGSTOP");
    if (action == "kill" && !settled(processes_, gone)) return infrastructure("a process lives on after SIGKILL");
    if (action == "restart") {
      if (!settled(processes_, gone)) return infrastructure("a process lives on after SIGKILL");
      return start_again(entry_);
    }
    return {};
  }

 private:
  Entry entry_;
  std::vector<ProcessName> processes_;
};

}  // namespace

Result<std::vector<ProcessName>> find_processes(const std::string& script) {
  const Output looked = run_script(script, kLookTimeout);
  if (looked.code == -1 || looked.code > 1)
    return infrastructure("its processes could not be looked for: " + looked.describe());
  const auto guard = living_guard();
  std::vector<ProcessName> out;
  std::istringstream words(looked.out);
  for (std::string word; words >> word;) {
    const auto pid = to_number(word);
    if (!pid || *pid <= 2 || *pid == getpid() || *pid == getppid() || (guard && *pid == guard->process.pid)) continue;
    const auto found = look_at(static_cast<pid_t>(*pid));
    if (!found || found->state == 'Z' || found->state == 'X' || found->command == "sshd") continue;
    const ProcessName process{static_cast<pid_t>(*pid), found->start};
    if (std::find(out.begin(), out.end(), process) == out.end()) out.push_back(process);
  }
  if (out.empty()) return infrastructure("it does not run here: nothing to do it to");
  return out;
}

bool Processes::survives_reboot(const Entry& entry) const {
  return field(entry.fields, "action") != "pause";
}

Result<void> Processes::look(Entry& entry) const {
  const std::string_view action = field(entry.fields, "action");
  if (action != "pause" && action != "kill" && action != "stop" && action != "restart")
    return infrastructure("\"" + std::string(action) + "\" is nothing that is done to a process");
  if (action != "pause" && field(entry.fields, "start").empty())
    return infrastructure("the system's file does not say how to start it (start), so nothing could undo this");
  const auto found = find_processes(std::string(field(entry.fields, "pids")));
  if (!found) return Failure(found.error());
  for (const ProcessName& process : *found)
    if (stands_still(process)) return infrastructure("process " + to_text(process) + " stands still already");
  set_field(entry.fields, "processes", to_text(*found));
  return {};
}

Result<std::unique_ptr<Armed>> Processes::arm(Entry& entry) const {
  return std::make_unique<ArmedProcesses>(entry);
}

Fields Processes::prove(const Entry& entry) const {
  const auto processes = to_processes(field(entry.fields, "processes"));
  const bool pause = field(entry.fields, "action") == "pause";
  const auto held = std::count_if(processes.begin(), processes.end(),
                                  [&](const ProcessName& p) { return pause ? stands_still(p) : gone(p); });
  return {{"processes", std::to_string(processes.size())},
          {"held", std::to_string(held)},
          {"bit", held == static_cast<std::ptrdiff_t>(processes.size()) ? "yes" : "no"}};
}

Result<Undone> Processes::undo(const Entry& entry) const {
  Undone undone;
  const auto processes = to_processes(field(entry.fields, "processes"));
  if (field(entry.fields, "action") == "pause") {
    for (const ProcessName& process : processes) signal_process(process, SIGCONT);
    if (!settled(processes, [](const ProcessName& p) { return !stands_still(p); }))
      return infrastructure("a process stands still after SIGCONT");
    if (std::any_of(processes.begin(), processes.end(), gone)) undone.note = "a process ended while it was paused";
    return undone;
  }
  // By what is there: it may never have been hit, or something else may have started it again.
  const std::string pids(field(entry.fields, "pids"));
  if (field(entry.fields, "action") == "stop" && !settled(processes, gone))
    undone.note = "a process did not end of TERM";
  if (find_processes(pids)) return undone;
  if (auto started = start_again(entry); !started) return Failure(started.error());
  const Nanos deadline = raw_now() + kSettleTimeout;
  while (!find_processes(pids)) {
    if (raw_now() >= deadline) return infrastructure("it was started again, but does not run");
    usleep(100'000);
  }
  return undone;
}

}  // namespace shaketable::agent

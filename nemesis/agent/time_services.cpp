#include "nemesis/agent/time_services.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <sstream>

#include "nemesis/agent/system.h"

namespace shaketable::agent {
namespace {

using namespace std::chrono_literals;

// systemd-timesyncd's name is cut by the kernel; ntpd is also what openntpd, ntpsec and busybox call theirs.
constexpr std::array kNames = {"chronyd", "ntpd",  "systemd-timesyn", "ntp-daemon",
                               "ntpd-rs", "ptp4l", "phc2sys",         "timemaster"};

// Of any of these names, or of the one given.
std::vector<TimeService> services_there(std::string_view name = {}) {
  std::vector<TimeService> out;
  for (const std::string& entry : list_directory("/proc")) {
    const auto pid = to_number(entry);
    if (!pid) continue;
    const auto state = look_at(static_cast<pid_t>(*pid));
    if (!state || state->state == 'Z') continue;
    const bool known =
        name.empty() ? std::find(kNames.begin(), kNames.end(), state->command) != kNames.end() : state->command == name;
    if (known) out.push_back({{static_cast<pid_t>(*pid), state->start}, state->command});
  }
  return out;
}

bool stands_still(const TimeService& service) {
  const auto state = look_at(service.process.pid);
  return state && state->start == service.process.start && state->state == 'T';
}

}  // namespace

std::string to_text(const std::vector<TimeService>& services) {
  std::vector<std::string> words;
  for (const TimeService& service : services) words.push_back(to_text(service.process) + "/" + service.name);
  return joined(words, " ");
}

std::vector<TimeService> to_services(std::string_view text) {
  std::vector<TimeService> out;
  std::istringstream words{std::string(text)};
  for (std::string word; words >> word;) {
    const std::size_t slash = std::min(word.find('/'), word.size());
    if (const auto process = to_process(word.substr(0, slash)))
      out.push_back({*process, slash < word.size() ? word.substr(slash + 1) : ""});
  }
  return out;
}

std::vector<TimeService> running_time_services() {
  std::vector<TimeService> out = services_there();
  std::erase_if(out, stands_still);
  return out;
}

void stop(const std::vector<TimeService>& services) {
  for (const TimeService& service : services) signal_process(service.process, SIGSTOP);
}

std::size_t standing_still(const std::vector<TimeService>& services) {
  return static_cast<std::size_t>(std::count_if(services.begin(), services.end(), stands_still));
}

void put_back(const std::vector<TimeService>& services, Undone& undone) {
  const auto add = [](std::string& text, const std::string& more) { text += (text.empty() ? "" : "; ") + more; };
  for (const TimeService& service : services) {
    if (signal_process(service.process, SIGCONT)) {
      const Nanos deadline = raw_now() + 2s;
      while (stands_still(service) && raw_now() < deadline) usleep(1000);
      if (stands_still(service)) add(undone.missing, service.name + " stands still after SIGCONT");
      continue;
    }
    // systemd ends a service that does not feed its watchdog, and starts another.
    if (!service.name.empty() && !services_there(service.name).empty())
      add(undone.note, service.name + " was started again by somebody else while it stood still");
    else
      add(undone.missing, "the time service " + (service.name.empty() ? "" : service.name + " ") + "of pid " +
                              std::to_string(service.process.pid) + " has ended");
  }
}

}  // namespace shaketable::agent

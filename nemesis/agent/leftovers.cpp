#include "nemesis/agent/leftovers.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/timex.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <set>
#include <sstream>

#include "nemesis/agent/cgroups.h"
#include "nemesis/agent/lost_writes.h"
#include "nemesis/agent/process.h"
#include "nemesis/agent/protocol.h"
#include "nemesis/agent/rules.h"
#include "nemesis/agent/stall.h"
#include "nemesis/agent/system.h"

namespace shaketable::agent {
namespace {

using namespace std::chrono_literals;

constexpr Nanos kPatience = 5s;
constexpr double kPpmOfServices = 1000;  // ntpd and the kernel stay within 500
constexpr long kTick = 10'000;

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> out;
  for (std::string word; stream >> word;) out.push_back(word);
  return out;
}

std::string after(const std::vector<std::string>& words, std::string_view key) {
  for (std::size_t i = 0; i + 1 < words.size(); ++i)
    if (words[i] == key) return words[i + 1];
  return "";
}

std::vector<std::string> in_devices() {
  std::vector<std::string> out;
  for (const std::string& name : list_directory("/sys/class/net"))
    if (name.starts_with(kInDevice)) out.push_back(name);
  return out;
}

bool has_own_filters(const std::string& device) {
  const Output said = run({"tc", "filter", "show", "dev", device, "ingress"}, "", kPatience);
  return said.out.find(std::string("device ") + kInDevice) != std::string::npos ||
         said.out.find(" pref " + std::to_string(kKeepPreference) + " ") != std::string::npos ||
         said.out.find(" pref " + std::to_string(kPeerPreference) + " ") != std::string::npos;
}

// A group of ours below a process's own: thawed, its processes one up, removed.
void remove_groups(const std::string& directory, int depth, Leftovers& out) {
  if (depth > 12) return;
  for (const std::string& name : list_directory(directory)) {
    const std::string group = directory + "/" + name;
    if (!exists(group + "/cgroup.procs")) continue;
    remove_groups(group, depth + 1, out);
    // "shaketable-RUN.FAULT": a number behind the last dot.
    const std::size_t dot = name.rfind('.');
    if (!name.starts_with("shaketable-") || dot == std::string::npos || !to_number(name.substr(dot + 1)) ||
        !exists(group + "/cgroup.freeze"))
      continue;
    (void)put(group + "/cgroup.freeze", "0").has_value();
    // One that held a disk lay beside the group its processes came from, and nobody knows which that was.
    const auto limits = read_file(group + "/io.max"), inside = read_file(group + "/cgroup.procs");
    if (limits && !limits->empty() && inside && !inside->empty())
      out.doubts.push_back("processes of " + group + " are in " + directory + " now: restart their service");
    (void)lift_io_limits(group).has_value();
    if (const auto pids = read_file(group + "/cgroup.procs"))
      for (const std::string& pid : lines_of(*pids)) (void)put(directory + "/cgroup.procs", pid).has_value();
    if (rmdir(group.c_str()) == 0)
      out.undone.push_back("a cgroup of shaketable, " + group);
    else
      out.in_force.push_back("the group " + group + " cannot be removed");
  }
}

void end_loads(Leftovers& out) {
  std::size_t count = 0;
  for (const std::string& name : list_directory("/proc")) {
    const auto pid = to_number(name);
    if (!pid) continue;
    const auto state = look_at(static_cast<pid_t>(*pid));
    if (!state || state->state == 'Z') continue;
    const bool strober = state->command.starts_with(kStrober);
    if (!strober && !state->command.starts_with(kStallProbe) && state->command != "shaketable-load" &&
        state->command != "shaketable-gate")
      continue;
    char program[512] = "";
    if (readlink(("/proc/" + name + "/exe").c_str(), program, sizeof program - 1) <= 0 ||
        std::string(program).find("shaketable-agent") == std::string::npos)
      continue;
    signal_process({static_cast<pid_t>(*pid), state->start}, SIGKILL);
    ++count;
    if (strober) out.doubts.push_back("the clock was being set to and fro: compare it with another, and set it");
  }
  if (count > 0) out.undone.push_back(std::to_string(count) + " processes of shaketable");
}

}  // namespace

Result<void> remove_traffic(const std::string& device) {
  const Output shown = run({"tc", "qdisc", "show", "dev", device}, "", kPatience);
  if (shown.code != 0) return infrastructure("tc qdisc show dev " + device + ": " + shown.describe());
  bool ours = false, ingress = false;
  for (const std::string& line : lines_of(shown.out)) {
    const auto words = words_of(line);
    if (words.size() < 3) continue;
    ours = ours || words[2] == kQdisc;
    ingress = ingress || words[1] == "ingress";
  }
  if (ours) {
    const Output gone = run({"tc", "qdisc", "del", "dev", device, "root", "handle", kQdisc}, "", kPatience);
    if (gone.code != 0) return infrastructure("tc qdisc del dev " + device + ": " + gone.describe());
  }
  if (!ingress || !has_own_filters(device)) return {};
  for (const int preference : {kKeepPreference, kKeepPreference + 1, kPeerPreference, kPeerPreference + 1})
    run({"tc", "filter", "del", "dev", device, "ingress", "pref", std::to_string(preference)}, "", kPatience);
  if (has_own_filters(device)) return infrastructure("filters of shaketable are still on " + device);
  // Made by us, since we refuse one that is there; unless somebody else has put something into it since.
  const Output left = run({"tc", "filter", "show", "dev", device, "ingress"}, "", kPatience);
  if (!lines_of(left.out).empty()) return {};
  const Output gone = run({"tc", "qdisc", "del", "dev", device, "ingress"}, "", kPatience);
  if (gone.code != 0) return infrastructure("tc qdisc del dev " + device + " ingress: " + gone.describe());
  return {};
}

Leftovers remove_leftovers() {
  Leftovers out;
  end_loads(out);
  if (!find_program("tc").empty()) {
    const Output shown = run({"tc", "qdisc", "show"}, "", kPatience);
    std::set<std::string> devices;
    for (const std::string& line : lines_of(shown.out)) {
      const auto words = words_of(line);
      const std::string device = after(words, "dev");
      if (words.size() < 3 || device.empty() || device.starts_with(kInDevice)) continue;
      if (words[2] == kQdisc || (words[1] == "ingress" && has_own_filters(device))) devices.insert(device);
    }
    for (const std::string& device : devices) {
      if (const auto removed = remove_traffic(device); !removed)
        out.in_force.push_back(removed.error().message);
      else
        out.undone.push_back("a qdisc of shaketable on " + device);
    }
    for (const std::string& device : in_devices()) {
      const Output gone = run({"ip", "link", "del", device}, "", kPatience);
      if (gone.code != 0)
        out.in_force.push_back("ip link del " + device + ": " + gone.describe());
      else
        out.undone.push_back("the device " + device);
    }
  }
  for (const char* mount : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) remove_groups(mount, 0, out);
  remove_dropping(node_disks(), out.undone, out.in_force, out.doubts);
  if (const auto removed = remove_rules(std::nullopt); !removed) out.in_force.push_back(removed.error().message);
  return out;
}

std::vector<std::string> doubtful() {
  std::vector<std::string> out;
  for (const std::string& name : list_directory("/proc")) {
    const auto pid = to_number(name);
    if (!pid) continue;
    const auto state = look_at(static_cast<pid_t>(*pid));
    if (state && state->state == 'T')
      out.push_back("process " + name + " (" + state->command + ") stands still: kill -CONT " + name);
  }
  timex rate{};
  if (adjtimex(&rate) >= 0) {
    const double ppm = static_cast<double>(rate.tick - kTick) * 100 + static_cast<double>(rate.freq) / 65536;
    if (std::abs(ppm) > kPpmOfServices)
      out.push_back("the clock runs at " + std::to_string(std::lround(ppm)) +
                    " ppm: adjtimex --tick 10000 --frequency 0");
  }
  return out;
}

}  // namespace shaketable::agent

// No more files for a process: its own soft limit, set by prlimit(2) to what it has open now.

#include <sys/resource.h>

#include <algorithm>
#include <cerrno>

#include "nemesis/agent/processes.h"
#include "nemesis/agent/system.h"

namespace shaketable::agent {
namespace {

struct Limited {
  ProcessName process;
  rlimit found{};
};

std::vector<Limited> limited_in(const Entry& entry) {
  std::vector<Limited> out;
  const auto processes = to_processes(field(entry.fields, "processes"));
  const auto limits = lines_of(field(entry.fields, "limits"));
  for (std::size_t i = 0; i < processes.size() && i < limits.size(); ++i) {
    const std::size_t colon = limits[i].find(':');
    if (colon == std::string::npos) continue;
    Limited one{processes[i], {}};
    one.found.rlim_cur = std::stoull(limits[i].substr(0, colon));
    one.found.rlim_max = std::stoull(limits[i].substr(colon + 1));
    out.push_back(one);
  }
  return out;
}

// The lowest number that the next file would get.
rlim_t next_free(const ProcessName& process) {
  auto open = list_directory("/proc/" + std::to_string(process.pid) + "/fd");
  std::vector<rlim_t> used;
  for (const std::string& name : open) used.push_back(static_cast<rlim_t>(to_number(name).value_or(0)));
  std::sort(used.begin(), used.end());
  rlim_t next = 0;
  for (const rlim_t number : used)
    if (number == next) ++next;
  return next;
}

class ArmedLimit final : public Armed {
 public:
  explicit ArmedLimit(std::vector<Limited> processes) : processes_(std::move(processes)) {}
  Result<void> commit() override {
    for (const Limited& one : processes_) {
      if (!alive(one.process)) continue;
      // Files above the limit stay open; the next one is refused.
      rlimit wanted = one.found;
      wanted.rlim_cur = std::min(next_free(one.process), one.found.rlim_cur);
      if (prlimit(one.process.pid, RLIMIT_NOFILE, &wanted, nullptr) != 0)
        return failure("the limit of process " + to_text(one.process), errno);
    }
    return {};
  }

 private:
  std::vector<Limited> processes_;
};

}  // namespace

Result<void> DescriptorLimit::look(Entry& entry) const {
  const auto found = find_processes(std::string(field(entry.fields, "pids")));
  if (!found) return Failure(found.error());
  std::vector<std::string> limits;
  for (const ProcessName& process : *found) {
    rlimit limit{};
    if (prlimit(process.pid, RLIMIT_NOFILE, nullptr, &limit) != 0)
      return failure("the limit of process " + to_text(process), errno);
    limits.push_back(std::to_string(limit.rlim_cur) + ":" + std::to_string(limit.rlim_max));
  }
  set_field(entry.fields, "processes", to_text(*found));
  set_field(entry.fields, "limits", joined(limits, "\n"));
  return {};
}

Result<std::unique_ptr<Armed>> DescriptorLimit::arm(Entry& entry) const {
  return std::make_unique<ArmedLimit>(limited_in(entry));
}

Fields DescriptorLimit::prove(const Entry& entry) const {
  const auto processes = limited_in(entry);
  std::size_t at_limit = 0, there = 0;
  for (const Limited& one : processes) {
    rlimit now{};
    if (!alive(one.process) || prlimit(one.process.pid, RLIMIT_NOFILE, nullptr, &now) != 0) continue;
    ++there;
    if (next_free(one.process) >= now.rlim_cur) ++at_limit;
  }
  return {{"processes", std::to_string(there)},
          {"at_limit", std::to_string(at_limit)},
          {"bit", there > 0 && at_limit > 0 ? "yes" : "no"}};
}

Result<Undone> DescriptorLimit::undo(const Entry& entry) const {
  Undone undone;
  for (const Limited& one : limited_in(entry)) {
    if (!alive(one.process)) {
      undone.note = "a process ended meanwhile";
      continue;
    }
    rlimit now{};
    if (prlimit(one.process.pid, RLIMIT_NOFILE, &one.found, nullptr) != 0 ||
        prlimit(one.process.pid, RLIMIT_NOFILE, nullptr, &now) != 0)
      return failure("the limit of process " + to_text(one.process), errno);
    if (now.rlim_cur != one.found.rlim_cur)
      return infrastructure("the limit of process " + to_text(one.process) + " is not what it was");
  }
  return undone;
}

}  // namespace shaketable::agent

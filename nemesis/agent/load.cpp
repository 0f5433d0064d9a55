#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <sstream>

#include "nemesis/agent/helper.h"
#include "nemesis/agent/pressure.h"
#include "nemesis/agent/process.h"
#include "nemesis/agent/system.h"

namespace shaketable::agent {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kWorkersMax = 256;

// What of "name: 123 kB" a file of /proc says, in bytes.
std::optional<std::int64_t> kilobytes(const std::string& path, std::string_view name) {
  const auto text = read_file(path);
  if (!text) return std::nullopt;
  for (const std::string& line : lines_of(*text)) {
    if (!line.starts_with(name)) continue;
    std::istringstream words(line.substr(name.size()));
    std::int64_t value = 0;
    if (words >> value) return value * 1024;
  }
  return std::nullopt;
}

// What can still be had: of the machine, and of the memory cgroup (v1) that this process is in.
std::int64_t memory_left() {
  std::int64_t left = kilobytes("/proc/meminfo", "MemAvailable:").value_or(0);
  for (const std::string directory : {"/sys/fs/cgroup/memory", "/sys/fs/cgroup"}) {
    const bool old = directory.ends_with("memory");
    const auto limit = read_file(directory + (old ? "/memory.limit_in_bytes" : "/memory.max"));
    const auto usage = read_file(directory + (old ? "/memory.usage_in_bytes" : "/memory.current"));
    if (!limit || !usage) continue;
    const auto most = lines_of(*limit), used = lines_of(*usage);
    if (most.empty() || used.empty()) continue;
    const auto a = to_number(most[0]), b = to_number(used[0]);
    if (a && b && *a < (1LL << 60)) left = std::min(left, *a - *b);
  }
  return left;
}

[[noreturn]] void burn() {
  volatile std::uint64_t value = 1;
  while (true) value = value * 6364136223846793005ull + 1442695040888963407ull;
}

[[noreturn]] void hold(std::int64_t bytes) {
  void* memory =
      mmap(nullptr, static_cast<std::size_t>(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) _exit(1);
  // Touched again and again, so that it is not swapped out, with bytes that do not compress to nothing.
  std::uint64_t seed = 88172645463325252ull;
  while (true) {
    for (std::int64_t at = 0; at + 8 <= bytes; at += 512) {
      seed ^= seed << 13;
      seed ^= seed >> 7;
      seed ^= seed << 17;
      std::memcpy(static_cast<char*>(memory) + at, &seed, sizeof seed);
    }
    usleep(500'000);
  }
}

// The OOM killer's first choice, and not before others at the CPU.
void be_ordinary() {
  setpriority(PRIO_PROCESS, 0, 0);
  if (const int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC); file >= 0) {
    (void)!write(file, "1000", 4);
    close(file);
  }
}

class ArmedLoad final : public Armed {
 public:
  Result<ProcessName> add(bool cpu, std::int64_t bytes) {
    auto helper = WaitingHelper::start("shaketable-load", [=] {
      be_ordinary();
      if (cpu) burn();
      hold(bytes);
    });
    if (!helper) return Failure(helper.error());
    helpers_.push_back(std::move(*helper));
    return helpers_.back()->name();
  }
  Result<void> commit() override {
    for (const auto& helper : helpers_)
      if (auto gone = helper->go(); !gone) return gone;
    return {};
  }

 private:
  std::vector<std::unique_ptr<WaitingHelper>> helpers_;
};

std::int64_t cpu_ns(const ProcessName& process) {
  // The scheduler's own count where the kernel keeps it: ticks miss what lasts less than one.
  if (const auto precise = read_file("/proc/" + std::to_string(process.pid) + "/schedstat")) {
    std::istringstream words(*precise);
    std::int64_t used = 0;
    if (words >> used && used > 0) return used;
  }
  const auto text = read_file("/proc/" + std::to_string(process.pid) + "/stat");
  if (!text) return 0;
  std::istringstream words(text->substr(std::min(text->rfind(')') + 1, text->size())));
  std::string word;
  for (int i = 3; i < 14; ++i) words >> word;
  std::int64_t user = 0, kernel = 0;
  words >> user >> kernel;
  return (user + kernel) * (1'000'000'000 / sysconf(_SC_CLK_TCK));
}

}  // namespace

Result<void> Load::look(Entry& entry) const {
  const std::string_view what = field(entry.fields, "what");
  if (what == "cpu") {
    const auto workers = to_number(field(entry.fields, "workers"));
    if (!workers || *workers < 0 || *workers > kWorkersMax) return infrastructure("workers must be 0 to 256");
    if (*workers == 0) {
      cpu_set_t mine;
      const bool known = sched_getaffinity(0, sizeof mine, &mine) == 0;
      set_field(entry.fields, "workers", std::to_string(known ? CPU_COUNT(&mine) : 1));
    }
    return {};
  }
  if (what != "memory") return infrastructure("\"" + std::string(what) + "\" is no load");
  const auto bytes = to_number(field(entry.fields, "bytes"));
  if (!bytes || *bytes < 4096) return infrastructure("bytes must be at least 4096");
  const std::int64_t left = memory_left();
  set_field(entry.fields, "free_before", std::to_string(left));
  if (*bytes > left)
    return infrastructure("the node has " + std::to_string(left / 1048576) + " MiB left, less than is to be taken");
  return {};
}

Result<std::unique_ptr<Armed>> Load::arm(Entry& entry) const {
  auto armed = std::make_unique<ArmedLoad>();
  const bool cpu = field(entry.fields, "what") == "cpu";
  const std::int64_t count = cpu ? to_number(field(entry.fields, "workers")).value_or(1) : 1;
  std::vector<ProcessName> names;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto added = armed->add(cpu, to_number(field(entry.fields, "bytes")).value_or(0));
    if (!added) return Failure(added.error());
    names.push_back(*added);
  }
  set_field(entry.fields, "processes", to_text(names));
  return armed;
}

Fields Load::prove(const Entry& entry) const {
  const auto processes = to_processes(field(entry.fields, "processes"));
  std::int64_t used = 0, resident = 0;
  std::size_t there = 0;
  for (const ProcessName& process : processes) {
    if (!alive(process)) continue;
    ++there;
    used += cpu_ns(process);
    resident += kilobytes("/proc/" + std::to_string(process.pid) + "/status", "VmRSS:").value_or(0);
  }
  Fields out{{"alive", std::to_string(there)}};
  bool bit = there == processes.size();
  if (field(entry.fields, "what") == "cpu") {
    out.emplace_back("cpu_ms", std::to_string(used / 1'000'000));
    bit = bit && used > 0;
  } else {
    out.emplace_back("resident_bytes", std::to_string(resident));
    bit = bit && resident >= to_number(field(entry.fields, "bytes")).value_or(0) / 10 * 9;
  }
  out.emplace_back("bit", bit ? "yes" : "no");
  return out;
}

Result<Undone> Load::undo(const Entry& entry) const {
  const auto all_there = end_helpers(to_processes(field(entry.fields, "processes")));
  if (!all_there) return Failure(all_there.error());
  Undone undone;
  if (!*all_there && entry.state == EntryState::applied)
    undone.note = "a process of the load had ended by itself (the OOM killer takes it first)";
  return undone;
}

}  // namespace shaketable::agent

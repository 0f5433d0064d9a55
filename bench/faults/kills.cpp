// Controllers that are killed in the middle of what they do.

#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "base/text.h"
#include "bench/faults/faults.h"
#include "nemesis/examine.h"
#include "nemesis/fault.h"
#include "nemesis/nemesis.h"

extern char** environ;

namespace shaketable::bench {
namespace {

using namespace std::chrono_literals;

constexpr Nanos kLease = 3s;
constexpr Nanos kAllowed = kLease + 2s;
constexpr Nanos kPatience = 60s;

NemesisOptions options() {
  NemesisOptions out;
  out.run = "killed";
  out.lease = kLease;
  out.longest_fault = 60s;
  out.system = [](const std::string&) -> Result<SystemScripts> { return small_system(); };
  out.primaries = []() -> Result<std::vector<std::string>> { return std::vector<std::string>{"n1"}; };
  return out;
}

// Tells its reader when the first fault is in force.
class Teller final : public FaultLog {
 public:
  void record(const FaultReport& report) override {
    if (told_ || !report.actual_start) return;
    told_ = true;
    if (write(STDOUT_FILENO, "applied\n", 8) != 8) _exit(4);
  }

 private:
  bool told_ = false;
};

std::vector<std::string> state_of_all(const Cluster& hands) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < hands.size(); ++i) out.push_back(state_of(hands.node(i)));
  return out;
}

}  // namespace

int be_a_controller(const std::vector<NodeSpec>& specs, std::uint64_t seed) {
  const Cluster cluster = make_cluster(specs);
  ScheduleOptions wanted;
  wanted.first_after = Nanos(0);
  wanted.lasts = {300ms, 1500ms};
  wanted.quiet = {50ms, 200ms};
  wanted.until = 120s;
  // Every fault that the first node takes.
  ExamineOptions asked;
  asked.nemesis = options();
  std::vector<FaultChoice> choices;
  for (const FaultInfo& info : faults()) {
    const bool complete = std::none_of(info.parameters.begin(), info.parameters.end(),
                                       [](const ParameterSpec& spec) { return spec.required; });
    if (complete && find_fault(info.name)->of_nodes()) choices.push_back({info.name, Parameters(info.parameters)});
  }
  const auto examined = examine(cluster, asked, choices);
  for (std::size_t i = 0; i < choices.size(); ++i)
    if (!examined[0].faults.empty() && examined[0].faults[i].ability == Ability::can)
      wanted.choices.push_back(choices[i]);
  const auto schedule = make_schedule(wanted, seed);
  Nemesis nemesis(cluster, options());
  if (const auto prepared = nemesis.prepare(schedule); !prepared) return failed(prepared.error().message);
  SteadyClock clock;
  Teller teller;
  const auto ran = nemesis.run(schedule, clock, clock.now(), teller, {});
  return ran ? 0 : failed(ran.error().message);
}

int kill_controllers(const std::vector<NodeSpec>& specs, const std::string& lab, int rounds, std::uint64_t seed) {
  const Cluster hands = make_cluster(specs);
  start_small_system(hands);
  {
    const Cluster cluster = make_cluster(specs);
    for (const NodeCleanliness& node : heal(cluster))
      if (node.state != Cleanliness::clean) return failed(node.node + ": " + node.reason);
  }
  const std::vector<std::string> found = state_of_all(hands);
  Random random(seed);
  std::vector<double> seconds;
  int late = 0;
  for (int round = 0; round < rounds; ++round) {
    int ends[2];
    if (pipe(ends) != 0) return failed("pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    std::string program = "/proc/self/exe", what = "controller", name = lab,
                number = std::to_string(random.below(1u << 30));
    char* arguments[] = {program.data(), what.data(), name.data(), number.data(), nullptr};
    pid_t controller = 0;
    const int spawned = posix_spawn(&controller, "/proc/self/exe", &actions, nullptr, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    char said[16] = "";
    const bool applied = spawned == 0 && read(ends[0], said, sizeof said - 1) == 8;
    close(ends[0]);
    if (applied) std::this_thread::sleep_for(Nanos(static_cast<std::int64_t>(random.uniform() * 6e9)));
    if (spawned == 0) {
      kill(controller, SIGKILL);
      waitpid(controller, nullptr, 0);
    }
    if (!applied) return failed("a controller got no fault into force");
    const auto killed = std::chrono::steady_clock::now();
    std::vector<std::string> now = state_of_all(hands);
    while (now != found && std::chrono::steady_clock::now() - killed < kPatience) {
      std::this_thread::sleep_for(100ms);
      now = state_of_all(hands);
    }
    const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - killed).count();
    double moved = 0;
    for (std::size_t i = 0; i < hands.size(); ++i) moved = std::max(moved, std::abs(clock_ahead_ms(hands.node(i))));
    seconds.push_back(took);
    fmt::print(stderr, "round {}: {:.1f} s\n", round + 1, took);
    if (now != found || took > std::chrono::duration<double>(kAllowed).count()) ++late;
    if (now != found || moved > 500) {
      fmt::print("round {}, seed of its schedule {}: NOT clean, a clock is {:.0f} ms away\n", round + 1, number, moved);
      for (std::size_t i = 0; i < now.size(); ++i)
        if (now[i] != found[i]) fmt::print("{} is\n{}\nand was\n{}\n", specs[i].name, now[i], found[i]);
      return 5;
    }
  }
  std::sort(seconds.begin(), seconds.end());
  fmt::print(
      "{} controllers killed with SIGKILL at random moments, lease {:.0f} s, seed {}: every node as found, without a "
      "controller;\nseconds until then, looking included: median {:.1f}, p90 {:.1f}, most {:.1f}; later than lease + 2 "
      "s: "
      "{}\n",
      rounds, std::chrono::duration<double>(kLease).count(), seed, seconds[seconds.size() / 2],
      seconds[seconds.size() * 9 / 10], seconds.back(), late);
  return late > 0 ? 5 : 0;
}

}  // namespace shaketable::bench

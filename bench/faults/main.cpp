// What faults cost and leave: on a lab of this program's own.
//   bench_faults skew [ROUNDS [NODES]]        how far apart the nodes of a partition are cut
//   bench_faults each [host|uml]              each fault: applied, proved, undone, the state as found
//   bench_faults kills [ROUNDS [host|uml]]    controllers killed at random moments of a mixed run
//   bench_faults                              skew, then each and kills on nodes with kernels of their own

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>

#include "base/log.h"
#include "base/random.h"
#include "bench/faults/faults.h"
#include "cluster/lab/lab.h"
#include "orchestrator/lab_hold.h"

namespace shaketable::bench {

int failed(const std::string& what) {
  fmt::print(stderr, "bench_faults: {}\n", what);
  return 4;
}

}  // namespace shaketable::bench

using namespace shaketable;
using namespace shaketable::bench;

namespace {

// A process can enter one lab only, so each part is a child.
int in_a_lab(int nodes, const std::string& kernel, const std::function<int(const LabStatus&)>& work) {
  LabSpec spec;
  spec.name = "bench-" + std::to_string(getpid());
  spec.nodes = nodes;
  spec.kind = kernel == "uml" ? "uml" : "netns";
  const auto lab = Lab::up(spec);
  if (!lab) return failed(lab.error().message);
  int code = 4;
  if (auto entered = Lab::enter_network(spec.name); !entered)
    failed(entered.error().message);
  else
    code = work(*lab);
  if (auto down = Lab::down(spec.name); !down) failed(down.error().message);
  return code;
}

int part(const std::vector<std::string>& arguments) {
  const auto word = [&](std::size_t i, const std::string& fallback) {
    return i < arguments.size() ? arguments[i] : fallback;
  };
  if (word(0, "") == "skew") {
    const int rounds = std::max(1, std::atoi(word(1, "30").c_str()));
    return in_a_lab(std::clamp(std::atoi(word(2, "5").c_str()), 2, 16), "host",
                    [&](const LabStatus& lab) { return measure_skew(lab.nodes, rounds); });
  }
  if (word(0, "") == "each") {
    ClusterPlan cluster;
    cluster.lab.emplace().kernel = word(1, "uml");
    return in_a_lab(3, cluster.lab->kernel,
                    [&](const LabStatus& lab) { return each_fault(lab.nodes, power_of(cluster, lab.name)); });
  }
  if (word(0, "") == "kills") {
    const int rounds = std::max(1, std::atoi(word(1, "50").c_str()));
    return in_a_lab(3, word(2, "uml"), [&](const LabStatus& lab) {
      return kill_controllers(lab.nodes, lab.name, rounds, Random::fresh_seed() % 1000000);
    });
  }
  return failed("skew, each or kills");
}

}  // namespace

int main(int argc, char** argv) {
  log::set_level(log::Level::error);
  setvbuf(stdout, nullptr, _IOLBF, 0);  // a line is there when it is printed, to a file too
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 3 && arguments[0] == "controller") {
    const auto lab = Lab::status(arguments[1]);
    if (!lab || !lab->running) return failed("there is no such lab");
    if (auto entered = Lab::enter_network(arguments[1]); !entered) return failed(entered.error().message);
    return be_a_controller(lab->nodes, std::strtoull(arguments[2].c_str(), nullptr, 10));
  }
  if (!arguments.empty()) return part(arguments);
  int worst = 0;
  for (const char* name : {"skew", "each", "kills"}) {
    const pid_t child = fork();
    if (child == 0) {
      execl("/proc/self/exe", argv[0], name, static_cast<char*>(nullptr));
      _exit(4);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) return failed("a part could not be started");
    worst = std::max(worst, WIFEXITED(status) ? WEXITSTATUS(status) : 4);
  }
  return worst;
}

// A real five-member etcd on the lab, by configs/systems/etcd.yaml. Needs root, and apt's mirrors the first time.

#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/duration.h"
#include "cluster/lab/lab.h"
#include "cluster/system.h"
#include "orchestrator/plan/reader.h"

using namespace shaketable;
using namespace std::chrono_literals;

namespace {

namespace fs = std::filesystem;

struct EtcdLab {
  LabSpec lab;
  std::vector<NodeSpec> nodes;
  SystemSpec etcd;

  EtcdLab() {
    auto spec = read_system(SHAKETABLE_SOURCE_DIR "/configs/systems/etcd.yaml");
    INFO((spec ? "" : spec.error().message));
    REQUIRE(spec);
    etcd = std::move(*spec);
    REQUIRE(check_system(etcd, {}));
    lab.name = "test-etcd-" + std::to_string(::getpid());
    lab.packages = etcd.packages;
    auto up = Lab::up(lab);
    INFO((up ? "" : up.error().message));
    REQUIRE(up);
    nodes = up->nodes;
  }
  ~EtcdLab() {
    const auto down = Lab::down(lab.name);
    if (!down) WARN(down.error().message);
  }
};

// The lab's network is entered by a thread of the test's own, whose threads inherit it: the other tests stay outside.
template <class Work>
void inside(const std::string& lab, Work work) {
  std::exception_ptr failure;
  std::thread([&] {
    try {
      REQUIRE(Lab::enter_network(lab));
      work();
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
}

std::string error_of(const Result<void>& result) {
  return result ? "fine" : result.error().message;
}

std::vector<std::string> sick(System& system) {
  std::vector<std::string> out;
  for (const NodeHealth& state : system.health())
    if (!state.healthy) out.push_back(state.node);
  return out;
}

}  // namespace

TEST_CASE("five members of etcd: started, healthy, led, killed, paused, resumed, stopped, their logs collected") {
  if (::geteuid() != 0) {
    WARN("skipped: the lab needs root");
    return;
  }
  EtcdLab setting;
  inside(setting.lab.name, [&] {
    const Cluster cluster = make_cluster(setting.nodes);
    REQUIRE(error_of(cluster.connect()) == "fine");
    System etcd(setting.etcd, cluster, true, {});
    SteadyClock clock;
    const auto all = cluster.names();

    REQUIRE(error_of(etcd.install()) == "fine");
    REQUIRE(error_of(etcd.set_up()) == "fine");
    const Nanos begin = clock.now();
    REQUIRE(error_of(etcd.start_all()) == "fine");
    const auto healthy = etcd.wait_until_healthy(clock, 60s, {});
    INFO((healthy ? "" : healthy.error().message));
    REQUIRE(healthy);
    WARN("five members: healthy " << format_duration(clock.now() - begin) << " after the first start");
    CHECK(etcd.version().value().find("etcd Version: 3.4") == 0);
    const auto processes = etcd.processes(all).value();
    REQUIRE(processes.size() == 5);
    for (const ProcessId& process : processes) CHECK(process.command == "etcd");

    const auto leaders = etcd.primaries().value();
    REQUIRE(leaders.size() == 1);
    const std::string first = leaders[0];

    // Killed: noticed, and the others choose another.
    REQUIRE(error_of(etcd.kill({first})) == "fine");
    CHECK(etcd.processes({first}).value().empty());
    CHECK(sick(etcd).front() == first);
    bool led = false;
    for (int i = 0; i < 60 && !led; ++i) {
      const auto now = etcd.primaries();
      led = now && now->size() == 1 && now->front() != first;
      if (!led) clock.sleep_until(clock.now() + 250ms, {});
    }
    CHECK(led);
    REQUIRE(error_of(etcd.start({first})) == "fine");
    REQUIRE(etcd.wait_until_healthy(clock, 30s, {}));

    // Paused: its processes stand still and it does not answer; resumed: all is well again.
    const std::string other = first == "n1" ? "n2" : "n1";
    REQUIRE(error_of(etcd.pause({other})) == "fine");
    CHECK(etcd.processes({other}).value().front().state == 'T');
    const auto now_sick = sick(etcd);
    CHECK(std::find(now_sick.begin(), now_sick.end(), other) != now_sick.end());
    REQUIRE(error_of(etcd.resume({other})) == "fine");
    REQUIRE(etcd.wait_until_healthy(clock, 30s, {}));

    // A second set-up is a new cluster, whatever the first one left.
    REQUIRE(error_of(etcd.set_up()) == "fine");
    REQUIRE(error_of(etcd.start_all()) == "fine");
    REQUIRE(etcd.wait_until_healthy(clock, 60s, {}));

    // An etcd that somebody else started has no pid file of ours: it is found all the same, by who may not stop it.
    const auto on_n1 = [&](const std::string& script) {
      Command command;
      command.script = script;
      return cluster.node(0).run(command).get().describe();
    };
    System guest(setting.etcd, cluster, false, {});
    const ProcessId ours = guest.processes({"n1"}).value().front();
    CHECK(on_n1("cd /run/shaketable/etcd && mv pid aside") == "exit code 0");
    const auto found = guest.processes({"n1"}).value();
    CHECK(on_n1("cd /run/shaketable/etcd && mv aside pid") == "exit code 0");
    REQUIRE(found.size() == 1);
    CHECK(found.front().pid == ours.pid);
    CHECK_FALSE(guest.stop({"n1"}));

    REQUIRE(error_of(etcd.stop(all)) == "fine");
    CHECK(etcd.processes(all).value().empty());
    CHECK(sick(etcd) == all);

    std::string folder = (fs::temp_directory_path() / "shaketable-logs-XXXXXX").string();
    REQUIRE(::mkdtemp(folder.data()));
    const std::shared_ptr<void> cleaner(nullptr, [&](void*) { fs::remove_all(folder); });
    CHECK(etcd.collect_logs(folder, 8 << 20).empty());
    for (const std::string& name : all) {
      std::stringstream text;
      text << std::ifstream(folder + "/" + name + "/etcd.log").rdbuf();
      CHECK(text.str().find("\"level\":\"info\"") != std::string::npos);
    }
    CHECK(error_of(etcd.tear_down()) == "fine");
  });
}

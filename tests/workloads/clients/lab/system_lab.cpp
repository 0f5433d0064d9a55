#include "tests/workloads/clients/lab/system_lab.h"

#include <fmt/format.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <exception>
#include <thread>

#include "history/text.h"
#include "orchestrator/plan/reader.h"
#include "workloads/interfaces.h"

namespace shaketable::testing {
namespace {

using namespace std::chrono_literals;

std::string error_of(const Result<void>& result) {
  return result ? "fine" : result.error().message;
}

}  // namespace

void SystemLab::with(const std::string& system, int nodes, const std::map<std::string, std::string>& options,
                     const std::function<void(SystemLab&)>& work) {
  if (::geteuid() != 0) {
    WARN("skipped: the lab needs root");
    return;
  }
  auto spec = read_system(SHAKETABLE_SOURCE_DIR "/configs/systems/" + system + ".yaml");
  INFO((spec ? "" : spec.error().message));
  REQUIRE(spec);
  LabSpec wanted;
  wanted.name = fmt::format("test-{}-{}", system, ::getpid());
  wanted.nodes = nodes;
  wanted.packages = spec->packages;
  auto up = Lab::up(wanted);
  INFO((up ? "" : up.error().message));
  REQUIRE(up);
  const std::shared_ptr<void> down(nullptr, [&](void*) {
    if (const auto done = Lab::down(wanted.name); !done) WARN(done.error().message);
  });
  // Only a thread of the test's own enters the lab's network; the threads it makes are there too.
  std::exception_ptr failure;
  std::thread([&] {
    try {
      REQUIRE(Lab::enter_network(wanted.name));
      SystemLab lab(*up);
      lab.cluster_ = std::make_unique<Cluster>(make_cluster(up->nodes));
      REQUIRE(error_of(lab.cluster_->connect()) == "fine");
      lab.system_ = std::make_unique<System>(*spec, *lab.cluster_, true, options);
      REQUIRE(error_of(lab.system_->install()) == "fine");
      REQUIRE(error_of(lab.system_->set_up()) == "fine");
      REQUIRE(error_of(lab.system_->start_all()) == "fine");
      lab.wait_until_healthy();
      work(lab);
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
}

std::unique_ptr<Client> SystemLab::client(const ClientInfo& info, const std::string& interface, const Changed& changed,
                                          std::size_t worker, bool retry) {
  ClientSettings settings;
  settings.options = Parameters(info.parameters);
  for (const auto& [name, value] : changed) settings.options.set(name, value);
  settings.interface = interface;
  settings.workload = Parameters(find_interface(interface)->parameters);
  settings.worker = worker;
  settings.run = "test";
  for (const Node* node : cluster_->all()) {
    auto url = system_->client_url(*node);
    REQUIRE(url);
    settings.endpoints.push_back({node->name(), *url});
  }
  SteadyClock clock;
  const Nanos end = clock.now() + 30s;
  for (;;) {
    auto made = info.make(settings);
    if (!retry) return made;
    auto opened = made->open(2s);
    if (opened) opened = made->probe(2s);
    if (opened) return made;
    INFO(opened.error().message);
    REQUIRE(clock.now() < end);
    clock.sleep_until(clock.now() + 200ms, {});
  }
}

std::string SystemLab::run(const std::string& node, const std::string& script) {
  Node* const one = cluster_->find(node);
  REQUIRE(one);
  Command command;
  command.script = script;
  const CommandOutcome outcome = one->run(command).get();
  INFO(script << ": " << outcome.describe());
  REQUIRE(outcome.succeeded());
  return outcome.out;
}

void SystemLab::wait_until_healthy() {
  SteadyClock clock;
  const auto healthy = system_->wait_until_healthy(clock, 120s, {});
  INFO((healthy ? "" : healthy.error().message));
  REQUIRE(healthy);
}

Completion SystemLab::until_ok(const std::function<std::unique_ptr<Client>()>& make, Name f, const Value& value) {
  SteadyClock clock;
  const Nanos end = clock.now() + 30s;
  for (;;) {
    const Completion completion = make()->invoke(f, value, 2s);
    if (completion.type == OpType::ok || clock.now() > end) return completion;
    clock.sleep_until(clock.now() + 200ms, {});
  }
}

std::string said(Client& client, const char* f, const Value& value) {
  const Completion completion = client.invoke(Name(f), value, 5s);
  return completion.type == OpType::ok ? "ok " + to_json(completion.value) : std::string(to_string(completion.type));
}

void check_mid_request(SystemLab& lab, const MidRequest& request) {
  const auto ready = [&](int i) {
    auto client = request.make();
    REQUIRE(client->invoke(request.change, request.value(i), 5s).type == OpType::ok);  // the connection stands
    return client;
  };

  {
    INFO("paused");
    const auto client = ready(1);
    REQUIRE(error_of(lab.system().pause({request.node})) == "fine");
    const Completion paused = client->invoke(request.change, request.value(2), 500ms);
    REQUIRE(error_of(lab.system().resume({request.node})) == "fine");
    INFO(to_json(paused.error));
    CHECK(paused.type == OpType::info);
    lab.wait_until_healthy();
    CHECK(request.happened(2));
  }
  {
    INFO("its answers cut off");
    const auto client = ready(3);
    const std::string rule = fmt::format("OUTPUT -p tcp --sport {} -j DROP", request.port);
    lab.run(request.node, "iptables -I " + rule);
    const Completion cut = client->invoke(request.change, request.value(4), 500ms);
    lab.run(request.node, "iptables -D " + rule);
    INFO(to_json(cut.error));
    CHECK(cut.type == OpType::info);
    lab.wait_until_healthy();
    CHECK(request.happened(4));
  }
  if (request.kill) {
    INFO("killed");
    const auto client = ready(5);
    REQUIRE(error_of(lab.system().pause({request.node})) == "fine");
    Completion killed;
    std::thread asking([&] { killed = client->invoke(request.change, request.value(6), 10s); });
    SteadyClock clock;
    clock.sleep_until(clock.now() + 300ms, {});  // long enough that the request lies before the server
    const auto dead = lab.system().kill({request.node});
    asking.join();
    REQUIRE(error_of(dead) == "fine");
    INFO(to_json(killed.error));
    CHECK(killed.type == OpType::info);
    CHECK(request.make()->invoke(request.change, request.value(7), 1s).type != OpType::ok);
    REQUIRE(error_of(lab.system().start({request.node})) == "fine");
    lab.wait_until_healthy();
  }
}

}  // namespace shaketable::testing

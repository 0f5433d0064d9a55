#include "orchestrator/run_clients.h"

#include <fmt/format.h>

#include <filesystem>
#include <utility>
#include <vector>

#include "base/text.h"
#include "orchestrator/client_children.h"
#include "workloads/clients/registry.h"
#include "workloads/workload.h"

namespace shaketable {
namespace {

constexpr int kAttempts = 3;
constexpr Nanos kBetweenAttempts = std::chrono::milliseconds(300);
constexpr Nanos kSetupLimit = std::chrono::seconds(30);
constexpr Nanos kRemoveLimit = std::chrono::seconds(30);

template <class Attempt>
Result<void> tried(Clock& clock, const std::stop_token& stop, Attempt attempt) {
  Result<void> done;
  for (int i = 0; i < kAttempts; ++i) {
    if (i > 0 && !clock.sleep_until(clock.now() + kBetweenAttempts, stop)) break;
    done = attempt();
    if (done) break;
  }
  return done;
}

}  // namespace

Result<RunClients> RunClients::make(const Plan& plan, const Cluster& cluster, const System& system,
                                    const std::string& folder, std::shared_ptr<ClientProcesses> told,
                                    bool own_processes) {
  RunClients clients(plan);
  ClientSettings& settings = clients.settings_;
  settings.options = plan.client.options;
  settings.user = plan.client.user;
  settings.password = plan.client.password;
  settings.ca_file = plan.client.ca_file;
  settings.certificate_file = plan.client.certificate_file;
  settings.key_file = plan.client.key_file;
  settings.run = std::filesystem::path(folder).filename().string();
  settings.interface = find_workload(plan.workload.name)->interface;
  settings.workload = plan.workload.options;
  settings.directory = plan.directory;
  settings.log_directory = std::filesystem::absolute(folder) / "logs" / "clients";
  settings.processes = std::move(told);
  for (const Node* node : cluster.all()) {
    auto url = system.client_url(*node);
    if (!url) return Failure(url.error());
    settings.endpoints.push_back({node->name(), std::move(*url)});
  }
  const ClientInfo* info = find_client(plan.client.name);
  clients.make_ = [settings, make = own_processes ? as_processes(*info) : info->make](std::size_t worker) {
    ClientSettings own = settings;
    own.worker = worker;
    return make(own);
  };
  return clients;
}

LoadOptions RunClients::load() const {
  LoadOptions load;
  load.workers = static_cast<std::size_t>(plan_->workload.workers);
  load.operation_timeout = load.open_timeout = plan_->client.timeout;
  for (const auto& endpoint : settings_.endpoints) load.nodes.push_back(endpoint.node);
  load.make_client = make_;
  return load;
}

Result<void> RunClients::probe_all(Clock& clock, std::stop_token stop) const {
  std::vector<std::string> refused;
  for (std::size_t i = 0; i < settings_.endpoints.size(); ++i) {
    const auto answered = tried(clock, stop, [&] {
      const auto client = make_(i);
      auto reached = client->open(plan_->client.timeout);
      if (reached) reached = client->probe(plan_->client.timeout);
      return reached;
    });
    if (!answered) refused.push_back(settings_.endpoints[i].node + ": " + answered.error().message);
  }
  if (refused.empty()) return {};
  return infrastructure(fmt::format("clients cannot reach {} of {} nodes:\n  {}", refused.size(),
                                    settings_.endpoints.size(), join(refused, "\n  ")));
}

Result<void> RunClients::prepare_workload(Clock& clock, std::stop_token stop) const {
  const auto done = tried(clock, stop, [&] {
    const auto client = make_(0);
    auto prepared = client->open(plan_->client.timeout);
    if (prepared) prepared = client->setup(kSetupLimit);
    return prepared;
  });
  if (done) return {};
  return infrastructure(fmt::format("the client {} could not prepare for the workload {}: {}", plan_->client.name,
                                    plan_->workload.name, done.error().message));
}

Result<void> RunClients::remove_data() const {
  const auto client = make_(0);
  const auto opened = client->open(plan_->client.timeout);
  return opened ? client->remove_data(kRemoveLimit) : opened;
}

}  // namespace shaketable

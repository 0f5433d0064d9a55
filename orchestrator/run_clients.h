#pragma once
// The clients of one run, as its plan wants them: made for its workers, tried before any fault, asked to prepare for
// the workload and, on a cluster that is not ours, to take the run's data away.

#include <cstddef>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "cluster/node.h"
#include "cluster/system.h"
#include "orchestrator/interpreter.h"
#include "orchestrator/plan/plan.h"
#include "workloads/client.h"
#include "workloads/clients/processes.h"

namespace shaketable {

class RunClients {
 public:
  // `folder` is the run's. With `processes` every client is a process of its own, which it tells there. Errors: the
  // system has no address for clients on a node.
  static Result<RunClients> make(const Plan& plan, const Cluster& cluster, const System& system,
                                 const std::string& folder, std::shared_ptr<ClientProcesses> told, bool own_processes);

  // For an interpreter: workers, nodes, limits, and how a worker gets its client.
  LoadOptions load() const;

  // Whether a client gets in at every node. A wrong password or certificate, or an address that leads nowhere, is found
  // here: the nodes may be healthy and yet no client gets in, and then no fault should be made. Infrastructure errors.
  Result<void> probe_all(Clock& clock, std::stop_token stop) const;

  // Client::setup, three times if need be. Infrastructure errors.
  Result<void> prepare_workload(Clock& clock, std::stop_token stop) const;

  Result<void> remove_data() const;

 private:
  explicit RunClients(const Plan& plan) : plan_(&plan) {}

  const Plan* plan_;
  ClientSettings settings_;
  std::function<std::unique_ptr<Client>(std::size_t worker)> make_;
};

}  // namespace shaketable

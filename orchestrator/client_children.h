#pragma once
// A run whose clients are processes of their own, so that faults can stop one (`pause-client`).

#include <functional>
#include <memory>
#include <vector>

#include "base/result.h"
#include "nemesis/client_workers.h"
#include "nemesis/schedule.h"
#include "workloads/client.h"
#include "workloads/clients/processes.h"

namespace shaketable {

// Whether a fault of the schedule is for clients.
bool wants_client_processes(const std::vector<ScheduledFault>& schedule);

// bad_input for a client whose data is this program's memory, and for a worker that the load does not have. Asked
// before anything else is done.
Result<void> check_client_processes(const ClientInfo& client, std::size_t workers,
                                    const std::vector<ScheduledFault>& schedule);

// Makes clients like this one, each in a process of its own: our own program, as `shaketable client NAME`. For a client
// that is a program already: its own `make`.
std::function<std::unique_ptr<Client>(const ClientSettings&)> as_processes(const ClientInfo& client);

// The workers of a load whose clients tell `processes`. Those that are stopped when this goes, go on; so they do when
// our process ends in any way.
std::shared_ptr<ClientWorkers> client_workers(std::shared_ptr<ClientProcesses> processes);

}  // namespace shaketable

#pragma once
// A system of configs/systems on a lab of its own, for tests of its client: what the client says when the server is
// paused, killed and cut off in the middle of a request.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cluster/lab/lab.h"
#include "cluster/system.h"
#include "workloads/client.h"

namespace shaketable::testing {

using Changed = std::vector<std::pair<std::string, ParameterValue>>;

class SystemLab {
 public:
  // Brings the lab up, starts the system and waits until it is healthy; `work` runs inside the lab's network. Takes all
  // down. Failures are the test's. Without root it says that it is skipped.
  static void with(const std::string& system, int nodes, const std::map<std::string, std::string>& options,
                   const std::function<void(SystemLab&)>& work);

  System& system() { return *system_; }
  // Of worker `worker`, opened; parameters as the plan would have them, but for those changed. Retries for some seconds
  // while open() or probe() fail, unless told not to.
  std::unique_ptr<Client> client(const ClientInfo& info, const std::string& interface, const Changed& changed = {},
                                 std::size_t worker = 0, bool retry = true);
  std::string run(const std::string& node, const std::string& script);  // what it printed; fails the test if it fails
  void wait_until_healthy();
  // Does it again until it is ok, for at most 30 s.
  Completion until_ok(const std::function<std::unique_ptr<Client>()>& make, Name f, const Value& value);

 private:
  explicit SystemLab(LabStatus status) : status_(std::move(status)) {}
  LabStatus status_;
  std::unique_ptr<Cluster> cluster_;
  std::unique_ptr<System> system_;
};

// What the client answers, as "ok 5" or "fail".
std::string said(Client& client, const char* f, const Value& value);

struct MidRequest {
  std::string node;                               // whom the client talks to
  int port = 0;                                   // where
  std::function<std::unique_ptr<Client>()> make;  // a client of that node
  Name change;                                    // "write"
  std::function<Value(int)> value;                // the i-th change's
  // After the server is well again: did the i-th change take effect?
  std::function<bool(int)> happened;
  bool kill = true;
};

// With the server paused, its answers cut off, and killed while the request is under way, a change must be `info`; and
// what was paused or lost its answer took effect later, so `fail` would have been false.
void check_mid_request(SystemLab& lab, const MidRequest& request);

}  // namespace shaketable::testing

#pragma once
// A client of the system under test, as one worker uses it: connect, invoke with a deadline, tell what the answer
// means.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/parameters.h"
#include "base/result.h"
#include "history/operation.h"

namespace shaketable {

struct ClientEndpoint {
  std::string node;  // "n1"
  std::string url;   // "http://10.77.0.1:2379"
};

class ClientProcesses;

struct ClientSettings {
  std::vector<ClientEndpoint> endpoints;  // every node's; a client of worker i talks to endpoints[i % size]
  std::size_t worker = 0;
  std::string run;  // names the run: a client keeps its data below it, so that two runs on one cluster never meet
  Parameters options;
  std::string interface;  // which of those it offers the workload needs (workloads/interfaces.h)
  Parameters workload;    // the workload's own; an interface says which of them its clients may read
  std::string user, password, ca_file, certificate_file, key_file;
  // For clients that are programs of their own (workloads/clients/exec.h): where they start, where what they say on
  // stderr goes (empty: nowhere), and who keeps count of them (may be null).
  std::string directory, log_directory;
  std::shared_ptr<ClientProcesses> processes;
};

struct Completion {
  OpType type = OpType::info;  // ok, fail or info
  Value value;                 // ok: the result (a read's value); else the invocation's value again
  Value error;                 // nil when ok
  friend bool operator==(const Completion&, const Completion&) = default;
};

// Used by one thread. A client that answered `info` is closed and replaced by a new one.
class Client {
 public:
  virtual ~Client() = default;
  virtual Result<void> open(Nanos timeout) = 0;
  // After open(), before the load of a run: does the endpoint answer? For a client whose open() does not ask it.
  virtual Result<void> probe(Nanos /*timeout*/) { return {}; }
  // After every node's open() and probe(), before the load of a run, by one client and once for all of them: makes the
  // tables, queues and accounts that the interface needs. May be tried again after an error. Errors are infrastructure:
  // the run ends.
  virtual Result<void> setup(Nanos /*timeout*/) { return {}; }
  // Never waits longer than `timeout` (by more than the network library's grain). Must answer `fail` only for what
  // certainly did not and will not happen; when in doubt `info`. A read that failed in any way is `fail`: it changes
  // nothing.
  virtual Completion invoke(Name f, const Value& value, Nanos timeout) = 0;
  // Removes what this run's clients wrote, after the last operation; for clusters that are not ours to throw away.
  virtual Result<void> remove_data(Nanos /*timeout*/) { return {}; }
};

struct ClientInfo {
  std::string name, about;
  std::vector<ParameterSpec> parameters;
  std::vector<std::string> interfaces;  // those it offers, each with all its functions (workloads/interfaces.h)
  // Null where the program was built without the library that the client needs; `missing` then names its package. Plans
  // that name the client parse all the same, and runs refuse.
  std::function<std::unique_ptr<Client>(const ClientSettings&)> make;
  std::string missing;
  bool in_process = false;  // its data is this program's memory, so it cannot be a program of its own
};

}  // namespace shaketable

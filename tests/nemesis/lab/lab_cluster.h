#pragma once
// A lab for the tests of this folder, and hands on its nodes that are not the nemesis's.

#include <sys/types.h>
#include <unistd.h>

#include <functional>
#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cluster/lab/lab.h"
#include "cluster/node.h"
#include "nemesis/nemesis.h"

namespace shaketable::testing {

// Who heard whom: listener -> speakers, by name, in each family.
struct Hearing {
  std::map<std::string, std::set<std::string>> udp4, udp6;  // one way: datagrams that arrived
  std::map<std::string, std::set<std::string>> tcp4, tcp6;  // caller -> those it could connect to: needs both ways
};

// Without root the test says why it is skipped.
#define SKIP_WITHOUT_LAB()               \
  if (geteuid() != 0) {                  \
    WARN("skipped: the lab needs root"); \
    return;                              \
  }

class LabCluster {
 public:
  // One lab a program, made at first use, taken down at its end.
  static LabCluster& get();
  // The same with a kernel of its own for each of three nodes. A program has one kind or the other.
  static LabCluster& with_own_kernels();
  // Puts this process into a lab that another one made.
  static LabCluster& join(const std::string& name);
  ~LabCluster();

  const std::string& name() const { return name_; }
  const std::vector<NodeSpec>& specs() const { return specs_; }
  std::vector<std::string> names() const;
  Cluster connect() const { return make_cluster(specs_); }

  // Fails the test when the command fails.
  std::string run(std::size_t node, const std::string& script);
  CommandOutcome try_run(std::size_t node, const std::string& script);
  std::string rules(std::size_t node);  // both families, as iptables -S prints them
  // Everything that could be of shaketable on a node, its program excepted; empty when there is nothing.
  std::string traces(std::size_t node);
  std::string traces();
  // Waits for the last node to have removed its journals, which it does when all is undone. Says when that was, by the
  // nodes' clocks; in a lab of namespaces they are this process's. Fails the test after half a minute.
  std::chrono::system_clock::time_point undone();

  Hearing listen();
  // What listen() should say under a report's text ("n1 deaf to n2 n3; …").
  Hearing expected(const std::string& deafness) const;

 private:
  LabCluster(const LabSpec& spec, bool own);
  std::string name_;
  bool own_;
  std::vector<NodeSpec> specs_;
  std::unique_ptr<Cluster> hands_;
};

bool operator==(const Hearing& a, const Hearing& b);
std::ostream& operator<<(std::ostream& out, const Hearing& hearing);

// Keeps what the nemesis said. Any thread.
class KeptLog final : public FaultLog {
 public:
  void record(const FaultReport& report) override;
  std::vector<FaultReport> all() const;
  FaultReport last() const;  // of the fault recorded last; empty id 0 when none
  // Until some report has every node in the state; false when the wait is over.
  bool wait_until_applied(Nanos timeout) const;

 private:
  mutable std::mutex mutex_;
  std::vector<FaultReport> reports_;
};

// One partition: at once, for `lasts`.
std::vector<ScheduledFault> one_partition(const std::string& shape, Nanos lasts, std::uint64_t seed = 1,
                                          std::vector<std::string> target = {"random"});
// Of the fault's own parameters, those that are not to be what they are anyway.
using Changed = std::vector<std::pair<std::string, ParameterValue>>;
ScheduledFault one_fault(const std::string& name, std::vector<std::string> target, const Changed& changed = {},
                         Nanos lasts = std::chrono::seconds(60));
NemesisOptions lab_options(Nanos lease = std::chrono::seconds(10));

// A nemesis at work in the background. Fails the test when it cannot begin; the destructor stops it and waits.
struct AtWork {
  AtWork(LabCluster& lab, NemesisOptions options, std::vector<ScheduledFault> schedule);
  FaultReport applied();  // waits for it; fails the test when it is not
  // Ends it. Checks that it is undone, that every node is clean and that nothing had to be undone for that.
  FaultReport stop();

  LabCluster& lab;
  SteadyClock clock;
  Cluster cluster;
  Nemesis nemesis;
  std::vector<ScheduledFault> schedule;
  KeptLog log;
  Result<void> ended;
  std::jthread thread;
};
// Looks every 100 ms until it holds; false when the patience is over.
bool eventually(const std::function<bool()>& holds, Nanos patience);
// Of a proof; -1 when it is not there.
std::int64_t number(const NodeReport& node, const std::string& name);

}  // namespace shaketable::testing

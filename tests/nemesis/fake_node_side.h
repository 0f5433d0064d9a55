#pragma once
// Nodes that do what they are told, or fail as a test says, for tests of the runner.

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "nemesis/fleet.h"
#include "nemesis/nemesis.h"
#include "tests/cluster/scripted_remote.h"

namespace shaketable::testing {

// Shared by a test and the threads of all nodes.
struct FakeNodes {
  std::mutex mutex;
  std::vector<std::string> calls;  // "n1 arm 3", in order
  std::map<std::string, std::set<std::int64_t>> in_force;
  std::map<std::string, std::string> fails;  // "n1 arm" -> why; for ever
  std::uint64_t dropped = 5;                 // packets, in each family
  std::vector<std::string> leftovers;        // nodes on which heal() finds something
  bool ipv6 = true;
  std::map<std::string, Nanos> ahead;  // what a node's clock is before ours
  Nanos round_trip{0};
  std::map<std::string, ForeignState> foreign;  // by node
  std::map<std::string, NodeChange> asked;      // the last change of each node

  void note(const std::string& what) {
    std::lock_guard lock(mutex);
    calls.push_back(what);
  }
  std::vector<std::string> called(const std::string& part) {
    std::lock_guard lock(mutex);
    std::vector<std::string> out;
    for (const std::string& call : calls)
      if (call.find(part) != std::string::npos) out.push_back(call);
    return out;
  }
  std::size_t faults_in_force() {
    std::lock_guard lock(mutex);
    std::size_t sum = 0;
    for (const auto& [node, faults] : in_force) sum += faults.size();
    return sum;
  }
};

class FakeNodeSide final : public NodeSide {
 public:
  FakeNodeSide(FakeNodes& nodes, const NodeSpec& spec) : nodes_(nodes), spec_(spec) {}

  NodeCleanliness heal() override {
    NodeCleanliness result;
    result.node = spec_.name;
    if (auto ok = does("heal"); !ok) {
      result.reason = ok.error().message;
      return result;
    }
    result.state = Cleanliness::clean;
    std::lock_guard lock(nodes_.mutex);
    for (const std::string& node : nodes_.leftovers)
      if (node == spec_.name) result.undone.push_back("fault old.1 (journal: applied)");
    nodes_.in_force.erase(spec_.name);
    return result;
  }
  Result<void> install() override { return does("install"); }
  Result<NodeFacts> probe() override {
    if (auto ok = does("probe"); !ok) return tl::unexpected(ok.error());
    NodeFacts facts;
    facts.name = spec_.name;
    facts.addresses4 = {spec_.address};
    if (nodes_.ipv6) facts.addresses6 = {spec_.address6};
    facts.iptables = facts.ip6tables = "fake";
    facts.control.client = "10.0.0.254";
    return facts;
  }
  Result<ForeignState> foreign() override {
    if (auto ok = does("foreign"); !ok) return tl::unexpected(ok.error());
    std::lock_guard lock(nodes_.mutex);
    return nodes_.foreign[spec_.name];
  }
  Result<void> start_guard(Nanos) override { return does("guard"); }
  Result<std::string> renew(Nanos) override {
    if (auto ok = does("renew"); !ok) return tl::unexpected(ok.error());
    return std::string();
  }
  Result<void> look(const NodeChange& change) override { return does("look " + change.kind); }
  Result<ClockSample> read_clock(const Clock& clock, Nanos) override {
    std::lock_guard lock(nodes_.mutex);
    if (nodes_.fails.contains(spec_.name + " clock")) return infrastructure(nodes_.fails[spec_.name + " clock"]);
    const Nanos now = clock.now();
    return ClockSample{now, now + nodes_.round_trip, wall_clock_ns() + nodes_.ahead[spec_.name].count()};
  }
  Result<void> arm(const NodeChange& change, Nanos) override {
    {
      std::lock_guard lock(nodes_.mutex);
      nodes_.asked[spec_.name] = change;
    }
    return does("arm", change.fault);
  }
  Result<void> commit(const NodeChange& change, std::chrono::steady_clock::time_point, const Clock& clock,
                      CommitTimes& times) override {
    times.earliest = times.latest = clock.now();
    {
      // A commit that fails may have changed the node all the same.
      std::lock_guard lock(nodes_.mutex);
      nodes_.in_force[spec_.name].insert(change.fault);
    }
    return does("commit", change.fault);
  }
  Result<void> start_probes(const std::string&, const std::vector<PeerProbe>&) override { return does("call"); }
  Result<NodeProof> proof(const std::string& key) override {
    if (auto ok = does("proof", std::stoll(key.substr(key.rfind('.') + 1))); !ok) return tl::unexpected(ok.error());
    NodeProof proof;
    proof.values = {{"dropped4", std::to_string(nodes_.dropped)}, {"bit", nodes_.dropped > 0 ? "yes" : "no"}};
    if (nodes_.ipv6) proof.values.emplace_back("dropped6", std::to_string(nodes_.dropped));
    return proof;
  }
  Result<UndoOutcome> undo(const NodeChange& change) override {
    if (auto ok = does("undo", change.fault); !ok) return tl::unexpected(ok.error());
    std::lock_guard lock(nodes_.mutex);
    nodes_.in_force[spec_.name].erase(change.fault);
    return UndoOutcome();
  }

 private:
  Result<void> does(const std::string& what, std::int64_t fault = 0) {
    nodes_.note(spec_.name + " " + what + (fault ? " " + std::to_string(fault) : ""));
    std::lock_guard lock(nodes_.mutex);
    const auto found = nodes_.fails.find(spec_.name + " " + what);
    if (found != nodes_.fails.end()) return infrastructure(found->second);
    return {};
  }
  FakeNodes& nodes_;
  const NodeSpec spec_;
};

}  // namespace shaketable::testing

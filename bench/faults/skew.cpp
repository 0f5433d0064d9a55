// How far apart the nodes of a cluster are cut, IPv4 and IPv6, over SSH.

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "bench/faults/faults.h"
#include "nemesis/fleet.h"
#include "nemesis/partition.h"

namespace shaketable::bench {
namespace {

using namespace std::chrono_literals;

double ms(Nanos duration) {
  return static_cast<double>(duration.count()) / 1e6;
}

void print(const char* what, std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) {
    return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
  };
  fmt::print("{:<58} median {:7.2f} ms   p90 {:7.2f}   max {:7.2f}\n", what, at(0.5), at(0.9), values.back());
}

}  // namespace

int measure_skew(const std::vector<NodeSpec>& specs, int rounds) {
  const Cluster cluster = make_cluster(specs);
  NodeFleet fleet(cluster);
  Scene scene;
  scene.run = "bench";
  scene.longest = 60s;
  scene.lease = 30s;
  const auto probed = fleet.on_each<NodeFacts>(fleet.all(), [](NodeSide& side, std::size_t) -> Result<NodeFacts> {
    if (auto installed = side.install(); !installed) return tl::unexpected(installed.error());
    if (auto guarded = side.start_guard(30s); !guarded) return tl::unexpected(guarded.error());
    return side.probe();
  });
  for (const auto& facts : probed) {
    if (!facts) return failed(facts.error().message);
    scene.nodes.push_back(*facts);
  }
  SteadyClock clock;
  Random random(1);
  std::vector<double> skew, bound, whole, undo;
  for (int round = 1; round <= rounds; ++round) {
    scene.fault = round;
    auto cut = make_cut(halves(specs.size(), random), scene, {});
    if (!cut) return failed(cut.error().message);
    FaultReport report;
    for (const std::size_t node : (*cut)->changed()) {
      NodeReport at;
      at.node = scene.nodes[node].name;
      report.nodes.push_back(at);
    }
    const Nanos begin = clock.now();
    if (auto applied = (*cut)->apply(fleet, clock, report); !applied) return failed(applied.error().message);
    const Nanos end = clock.now();
    Nanos last{0}, first_sent = Nanos::max();
    std::int64_t first_done = std::numeric_limits<std::int64_t>::max(), last_done = 0;
    for (const NodeReport& at : report.nodes) {
      first_done = std::min(first_done, at.node_clock_ns.value_or(0));
      last_done = std::max(last_done, at.node_clock_ns.value_or(0));
      last = std::max(last, *at.applied_at);
      first_sent = std::min(first_sent, *at.applied_at - at.applied_within);
    }
    skew.push_back(ms(Nanos(last_done - first_done)));
    bound.push_back(ms(last - first_sent));
    whole.push_back(ms(end - begin));
    const Nanos undo_begin = clock.now();
    (*cut)->undo(fleet, clock, report);
    undo.push_back(ms(clock.now() - undo_begin));
    for (const NodeReport& at : report.nodes)
      if (at.undone != Undone::verified) return failed(at.node + ": " + at.notes);
  }
  fmt::print("{} nodes, {} partitions in halves, IPv4 and IPv6, {}\n", specs.size(), rounds, scene.nodes[0].iptables);
  // The lab's nodes have one kernel, so one clock.
  print("skew: first to last node cut, by the nodes' clock", skew);
  print("start of the first to end of the last, errors included", bound);
  print("journal, arm, cut and start of probes", whole);
  print("undo, read back, journal removed", undo);
  for (const auto& healed : fleet.on_each<NodeCleanliness>(
           fleet.all(), [](NodeSide&side, std::size_t) -> Result<NodeCleanliness> { return side.heal(); }))
    if (!healed || healed->state != Cleanliness::clean) return failed("a node is not clean");
  return 0;
}

}  // namespace shaketable::bench

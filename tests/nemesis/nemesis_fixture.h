#pragma once
// A nemesis on nodes that do what they are told, with a clock that jumps.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "nemesis/fault.h"
#include "tests/nemesis/fake_node_side.h"

namespace shaketable::testing {

inline ScheduledFault partition(std::int64_t id, Nanos at, Nanos lasts, const std::string& shape,
                                std::vector<std::string> target = {"random"}) {
  ScheduledFault fault;
  fault.id = id;
  fault.at = at;
  fault.lasts = lasts;
  fault.fault = "partition";
  fault.options = Parameters(find_fault("partition")->info().parameters);
  fault.options.set("shape", std::vector<std::string>{shape});
  fault.options.set("target", std::move(target));
  fault.seed = static_cast<std::uint64_t>(id) + 100;
  return fault;
}

struct Log final : FaultLog {
  explicit Log(FakeNodes& nodes_) : nodes(nodes_) {}
  void record(const FaultReport& report) override {
    nodes.note("record " + std::to_string(report.id));
    reports.push_back(report);
  }
  // The last one of an id stands.
  FaultReport of(std::int64_t id) const {
    FaultReport out;
    for (const FaultReport& report : reports)
      if (report.id == id) out = report;
    return out;
  }
  FakeNodes& nodes;
  std::vector<FaultReport> reports;
};

struct Fixture {
  Fixture() : scripted(scripted_cluster(5)), log(nodes) {
    options.run = "test run";
    options.node_side = [this](const NodeSpec& spec, Remote&) { return std::make_unique<FakeNodeSide>(nodes, spec); };
    options.fresh_remote = [this](const NodeSpec& spec) {
      nodes.note(spec.name + " fresh connection");
      for (std::size_t i = 0; i < scripted.cluster.size(); ++i)
        if (scripted.cluster.node(i).name() == spec.name) return std::make_unique<ScriptedRemote>(scripted.nodes[i]);
      return std::unique_ptr<ScriptedRemote>();
    };
  }
  Result<PrepareReport> prepare(const std::vector<ScheduledFault>& schedule) {
    nemesis = std::make_unique<Nemesis>(scripted.cluster, options);
    return nemesis->prepare(schedule);
  }
  Result<void> run(const std::vector<ScheduledFault>& schedule) {
    const auto prepared = prepare(schedule);
    if (!prepared) FAIL(prepared.error().message);
    return nemesis->run(schedule, clock, std::chrono::seconds(1), log, {});
  }
  FakeNodes nodes;
  ScriptedCluster scripted;
  NemesisOptions options;
  ManualClock clock;
  Log log;
  std::unique_ptr<Nemesis> nemesis;
};

}  // namespace shaketable::testing

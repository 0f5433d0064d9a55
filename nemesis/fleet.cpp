#include "nemesis/fleet.h"

#include <numeric>

#include "nemesis/agent_node_side.h"

namespace shaketable {

std::unique_ptr<NodeSide> make_agent_node_side(const NodeSpec& spec, Remote& remote) {
  return std::make_unique<AgentNodeSide>(spec, remote);
}

NodeFleet::NodeFleet(const Cluster& cluster, NodeSideFactory factory)
    : cluster_(cluster), factory_(std::move(factory)), sides_(cluster.size()) {}

NodeFleet::~NodeFleet() {
  // A kept channel is part of its node's connection, so it ends on that thread.
  std::vector<std::future<void>> ending;
  for (std::size_t i = 0; i < sides_.size(); ++i)
    ending.push_back(cluster_.node(i).with_remote([this, i](Remote&) { sides_[i].reset(); }));
  for (auto& end : ending) end.wait();
}

std::future<void> NodeFleet::post(std::size_t node, std::function<void(NodeSide&)> work) {
  return cluster_.node(node).with_remote([this, node, work = std::move(work)](Remote& remote) {
    if (!sides_[node]) sides_[node] = factory_(cluster_.node(node).spec(), remote);
    work(*sides_[node]);
  });
}

std::vector<std::size_t> NodeFleet::all() const {
  std::vector<std::size_t> nodes(size());
  std::iota(nodes.begin(), nodes.end(), 0);
  return nodes;
}

}  // namespace shaketable

#pragma once
// The node sides of a cluster, each used on its node's own thread.

#include <functional>
#include <future>
#include <memory>
#include <vector>

#include "cluster/node.h"
#include "nemesis/node_side.h"

namespace shaketable {

using NodeSideFactory = std::function<std::unique_ptr<NodeSide>(const NodeSpec&, Remote&)>;
std::unique_ptr<NodeSide> make_agent_node_side(const NodeSpec& spec, Remote& remote);

// Any thread. The cluster must outlive the fleet, and should serve nothing else: a command that takes long delays the
// renewal of leases.
class NodeFleet {
 public:
  explicit NodeFleet(const Cluster& cluster, NodeSideFactory factory = make_agent_node_side);
  ~NodeFleet();
  NodeFleet(const NodeFleet&) = delete;
  NodeFleet& operator=(const NodeFleet&) = delete;

  std::size_t size() const { return sides_.size(); }
  const NodeSpec& spec(std::size_t node) const { return cluster_.node(node).spec(); }
  const Cluster& cluster() const { return cluster_; }

  std::future<void> post(std::size_t node, std::function<void(NodeSide&)> work);

  // `work` on each of `nodes` at once; returns when all are done. What was dropped because its node is being closed is
  // an error.
  template <class T>
  std::vector<Result<T>> on_each(const std::vector<std::size_t>& nodes,
                                 const std::function<Result<T>(NodeSide&, std::size_t node)>& work) {
    std::vector<Result<T>> results(nodes.size(), infrastructure("the connection is being closed"));
    std::vector<std::future<void>> running;
    for (std::size_t i = 0; i < nodes.size(); ++i)
      running.push_back(post(nodes[i], [&, i](NodeSide& side) { results[i] = work(side, nodes[i]); }));
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      try {
        running[i].get();
      } catch (const std::exception& problem) {
        results[i] = infrastructure(problem.what());
      }
    }
    return results;
  }
  std::vector<std::size_t> all() const;

 private:
  const Cluster& cluster_;
  NodeSideFactory factory_;
  std::vector<std::unique_ptr<NodeSide>> sides_;  // each touched on its node's thread only
};

}  // namespace shaketable

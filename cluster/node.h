#pragma once
// A node of the cluster: its description and a thread that owns its connection. Work is queued; answers come as
// futures.

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/bounded_queue.h"
#include "cluster/node_spec.h"
#include "cluster/remote.h"

namespace shaketable {

// Any thread may call; the work itself runs on the node's own thread, in order. Work must not wait for more work of the
// same node. Callers wait while the queue is full (64 entries). Every future becomes ready: what a Node that goes away
// drops is answered with not_started, an error, or (with_remote) std::runtime_error.
class Node {
 public:
  Node(NodeSpec spec, std::unique_ptr<Remote> remote);
  ~Node();  // close(), then waits for the work begun
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  const NodeSpec& spec() const { return spec_; }
  const std::string& name() const { return spec_.name; }

  // Drops what is queued and whatever comes later. The work begun goes on to its end.
  void close();

  std::future<Result<void>> connect();
  std::future<CommandOutcome> run(Command command);
  std::future<Result<void>> upload(std::string content, std::string path, int mode);
  std::future<Result<std::string>> download(std::string path, std::size_t limit_bytes);
  // Anything else that needs the connection, such as a kept shell. A kept shell must be used and destroyed here too.
  // What `work` throws, the future throws.
  std::future<void> with_remote(std::function<void(Remote&)> work);

 private:
  void submit(std::function<void(Remote*)> work);

  const NodeSpec spec_;
  std::unique_ptr<Remote> remote_;
  BoundedQueue<std::function<void(Remote*)>> work_;  // called with nullptr when dropped
  std::jthread thread_;
};

// The nodes of one run, in the plan's order.
class Cluster {
 public:
  explicit Cluster(std::vector<std::unique_ptr<Node>> nodes) : nodes_(std::move(nodes)) {}
  std::size_t size() const { return nodes_.size(); }
  Node& node(std::size_t i) const { return *nodes_[i]; }
  Node* find(std::string_view name) const;
  std::vector<std::string> names() const;
  // Connects all at once; the error lists every node that cannot be reached and why, a line each.
  Result<void> connect() const;
  // One command on several nodes at once; outcomes in the order of `nodes`.
  std::vector<CommandOutcome> run(const std::vector<Node*>& nodes,
                                  const std::function<Command(const Node&)>& command) const;
  std::vector<CommandOutcome> run_on_all(const Command& command) const;
  std::vector<Node*> all() const;

 private:
  std::vector<std::unique_ptr<Node>> nodes_;
};

// Makes the product's Remote for a node: libssh (cluster/ssh_remote.cpp).
std::unique_ptr<Remote> make_ssh_remote(const NodeSpec& spec);
Cluster make_cluster(const std::vector<NodeSpec>& specs);

}  // namespace shaketable

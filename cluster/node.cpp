#include "cluster/node.h"

#include <fmt/format.h>

#include <stdexcept>

#include "base/text.h"

namespace shaketable {
namespace {

constexpr std::size_t kQueuedMax = 64;

std::string dropped(const std::string& node) {
  return "node " + node + ": dropped, the connection is being closed";
}

}  // namespace

Node::Node(NodeSpec spec, std::unique_ptr<Remote> remote)
    : spec_(std::move(spec)), remote_(std::move(remote)), work_(kQueuedMax) {
  thread_ = std::jthread([this] {
    while (auto work = work_.pop()) (*work)(work_.closed() ? nullptr : remote_.get());
    remote_->disconnect();
  });
}

Node::~Node() {
  close();
}

void Node::close() {
  work_.close();
}

void Node::submit(std::function<void(Remote*)> work) {
  // A closed queue loses what is pushed, so its answer is given here.
  if (!work_.push(work)) work(nullptr);
}

std::future<Result<void>> Node::connect() {
  auto promise = std::make_shared<std::promise<Result<void>>>();
  submit([this, promise](Remote* remote) {
    promise->set_value(remote ? remote->connect() : Result<void>(infrastructure(dropped(name()))));
  });
  return promise->get_future();
}

std::future<CommandOutcome> Node::run(Command command) {
  auto promise = std::make_shared<std::promise<CommandOutcome>>();
  submit([this, promise, command = std::move(command)](Remote* remote) {
    if (remote) return promise->set_value(remote->run(command));
    CommandOutcome outcome;
    outcome.why = dropped(name());
    promise->set_value(std::move(outcome));
  });
  return promise->get_future();
}

std::future<Result<void>> Node::upload(std::string content, std::string path, int mode) {
  auto promise = std::make_shared<std::promise<Result<void>>>();
  submit([this, promise, content = std::move(content), path = std::move(path), mode](Remote* remote) {
    promise->set_value(remote ? remote->upload(content, path, mode) : Result<void>(infrastructure(dropped(name()))));
  });
  return promise->get_future();
}

std::future<Result<std::string>> Node::download(std::string path, std::size_t limit_bytes) {
  auto promise = std::make_shared<std::promise<Result<std::string>>>();
  submit([this, promise, path = std::move(path), limit_bytes](Remote* remote) {
    promise->set_value(remote ? remote->download(path, limit_bytes)
                              : Result<std::string>(infrastructure(dropped(name()))));
  });
  return promise->get_future();
}

std::future<void> Node::with_remote(std::function<void(Remote&)> work) {
  auto promise = std::make_shared<std::promise<void>>();
  submit([this, promise, work = std::move(work)](Remote* remote) {
    try {
      if (!remote) throw std::runtime_error(dropped(name()));
      work(*remote);
      promise->set_value();
    } catch (...) {
      promise->set_exception(std::current_exception());
    }
  });
  return promise->get_future();
}

Node* Cluster::find(std::string_view name) const {
  for (const auto& node : nodes_)
    if (node->name() == name) return node.get();
  return nullptr;
}

std::vector<std::string> Cluster::names() const {
  std::vector<std::string> out;
  for (const auto& node : nodes_) out.push_back(node->name());
  return out;
}

std::vector<Node*> Cluster::all() const {
  std::vector<Node*> out;
  for (const auto& node : nodes_) out.push_back(node.get());
  return out;
}

Result<void> Cluster::connect() const {
  std::vector<std::future<Result<void>>> attempts;
  for (const auto& node : nodes_) attempts.push_back(node->connect());
  std::vector<std::string> failures;
  for (std::size_t i = 0; i < attempts.size(); ++i)
    if (auto result = attempts[i].get(); !result)
      failures.push_back("node " + nodes_[i]->name() + ": " + result.error().message);
  if (failures.empty()) return {};
  return infrastructure(
      fmt::format("{} of {} nodes cannot be reached:\n  {}", failures.size(), nodes_.size(), join(failures, "\n  ")));
}

std::vector<CommandOutcome> Cluster::run(const std::vector<Node*>& nodes,
                                         const std::function<Command(const Node&)>& command) const {
  std::vector<std::future<CommandOutcome>> running;
  for (Node* node : nodes) running.push_back(node->run(command(*node)));
  std::vector<CommandOutcome> out;
  for (auto& outcome : running) out.push_back(outcome.get());
  return out;
}

std::vector<CommandOutcome> Cluster::run_on_all(const Command& command) const {
  return run(all(), [&](const Node&) { return command; });
}

Cluster make_cluster(const std::vector<NodeSpec>& specs) {
  std::vector<std::unique_ptr<Node>> nodes;
  for (const NodeSpec& spec : specs) nodes.push_back(std::make_unique<Node>(spec, make_ssh_remote(spec)));
  return Cluster(std::move(nodes));
}

}  // namespace shaketable

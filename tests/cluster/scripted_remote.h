#pragma once
// Nodes that answer by a script, for unit tests of whatever talks to nodes. Header only.
//
//   auto nodes = scripted_cluster(3);                       // n1 … n3, 10.0.0.1 …, fd00::1 …
//   nodes[0]->on("endpoint health", done("ok\n"));          // any script that contains the text, for ever
//   nodes[1]->on("iptables-restore", unknown("cut"), 1);    // the first one only, then older rules apply
//   … code under test, with nodes.cluster …
//   CHECK(nodes[0]->scripts().back() == "…");
//
// The newest rule that matches answers. A command that no rule answers exits 127 and says so on stderr.

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "cluster/node.h"

namespace shaketable::testing {

inline CommandOutcome done(std::string out = "", int exit_code = 0, std::string err = "") {
  CommandOutcome outcome;
  outcome.state = CommandState::done;
  outcome.exit_code = exit_code;
  outcome.out = std::move(out);
  outcome.err = std::move(err);
  return outcome;
}

inline CommandOutcome killed(std::string signal) {
  CommandOutcome outcome;
  outcome.state = CommandState::done;
  outcome.signal = std::move(signal);
  return outcome;
}

inline CommandOutcome unknown(std::string why) {
  CommandOutcome outcome;
  outcome.state = CommandState::unknown;
  outcome.why = std::move(why);
  return outcome;
}

inline CommandOutcome not_started(std::string why) {
  CommandOutcome outcome;
  outcome.state = CommandState::not_started;
  outcome.why = std::move(why);
  return outcome;
}

// What one node answers and what it was asked. Any thread: the test and the node's own thread share it.
class ScriptedNode {
 public:
  using Answer = std::function<CommandOutcome(const Command&)>;
  using LineAnswer = std::function<std::vector<std::string>(const std::string& line)>;

  // `times` < 0: for ever.
  void on(std::string part_of_script, Answer answer, int times = -1) {
    std::lock_guard lock(mutex_);
    rules_.push_front({std::move(part_of_script), std::move(answer), times});
  }
  void on(std::string part_of_script, CommandOutcome outcome, int times = -1) {
    on(
        std::move(part_of_script), [outcome](const Command&) { return outcome; }, times);
  }
  // Every command that no other rule answers.
  void otherwise(CommandOutcome outcome) {
    std::lock_guard lock(mutex_);
    otherwise_ = std::move(outcome);
  }
  // A line sent to a kept shell: the lines that come back. A line that no rule answers gets none.
  void on_line(std::string part_of_line, LineAnswer answer) {
    std::lock_guard lock(mutex_);
    line_rules_.push_front({std::move(part_of_line), std::move(answer)});
  }
  // From now on (until it is called with an empty text) nothing reaches the node.
  void unreachable(std::string why) {
    std::lock_guard lock(mutex_);
    unreachable_ = std::move(why);
  }
  void put_file(const std::string& path, std::string content) {
    std::lock_guard lock(mutex_);
    files_[path] = std::move(content);
  }

  std::vector<Command> commands() const {
    std::lock_guard lock(mutex_);
    return commands_;
  }
  std::vector<std::string> scripts() const {
    std::vector<std::string> out;
    for (const Command& command : commands()) out.push_back(command.script);
    return out;
  }
  bool was_asked(std::string_view part) const {
    const std::vector<std::string> all = scripts();
    return std::any_of(all.begin(), all.end(), [&](const std::string& s) { return s.find(part) != std::string::npos; });
  }
  std::vector<std::string> lines() const {
    std::lock_guard lock(mutex_);
    return lines_;
  }
  std::map<std::string, std::string> files() const {
    std::lock_guard lock(mutex_);
    return files_;
  }
  std::map<std::string, int> modes() const {
    std::lock_guard lock(mutex_);
    return modes_;
  }

 private:
  friend class ScriptedRemote;
  friend class ScriptedShell;
  struct Rule {
    std::string part;
    Answer answer;
    int times;
  };

  CommandOutcome answer(const Command& command) {
    Answer chosen;
    {
      std::lock_guard lock(mutex_);
      if (!unreachable_.empty()) return not_started(unreachable_);
      commands_.push_back(command);
      for (Rule& rule : rules_) {
        if (rule.times == 0 || command.script.find(rule.part) == std::string::npos) continue;
        if (rule.times > 0) --rule.times;
        chosen = rule.answer;
        break;
      }
      if (!chosen && otherwise_) return *otherwise_;
    }
    if (chosen) return chosen(command);  // outside the lock: an answer may look at the node or block
    return done("", 127, "no rule answers: " + command.script + "\n");
  }

  mutable std::mutex mutex_;
  std::deque<Rule> rules_;
  std::deque<std::pair<std::string, LineAnswer>> line_rules_;
  std::optional<CommandOutcome> otherwise_;
  std::string unreachable_;
  std::vector<Command> commands_;
  std::vector<std::string> lines_;
  std::map<std::string, std::string> files_;
  std::map<std::string, int> modes_;
};

class ScriptedShell final : public RemoteShell {
 public:
  explicit ScriptedShell(std::shared_ptr<ScriptedNode> node) : node_(std::move(node)) {}

  Result<void> send(std::string_view text) override {
    buffer_ += text;
    for (std::size_t end; (end = buffer_.find('\n')) != std::string::npos; buffer_.erase(0, end + 1)) {
      const std::string line = buffer_.substr(0, end);
      ScriptedNode::LineAnswer chosen;
      {
        std::lock_guard lock(node_->mutex_);
        if (!node_->unreachable_.empty()) return infrastructure(node_->unreachable_);
        node_->lines_.push_back(line);
        for (const auto& [part, answer] : node_->line_rules_)
          if (line.find(part) != std::string::npos) {
            chosen = answer;
            break;
          }
      }
      if (chosen)
        for (std::string& reply : chosen(line)) replies_.push_back(std::move(reply));
    }
    return {};
  }

  // A scripted node never makes one wait: what it has not said at once it will not say.
  Result<std::string> receive_line(Nanos) override {
    if (replies_.empty()) return infrastructure("the scripted shell has nothing more to say");
    std::string line = std::move(replies_.front());
    replies_.pop_front();
    return line;
  }

 private:
  std::shared_ptr<ScriptedNode> node_;
  std::string buffer_;
  std::deque<std::string> replies_;
};

class ScriptedRemote final : public Remote {
 public:
  explicit ScriptedRemote(std::shared_ptr<ScriptedNode> node) : node_(std::move(node)) {}

  Result<void> connect() override { return reachable(); }
  CommandOutcome run(const Command& command) override { return node_->answer(command); }
  Result<void> upload(std::string_view content, const std::string& path, int mode) override {
    if (auto ok = reachable(); !ok) return ok;
    std::lock_guard lock(node_->mutex_);
    node_->files_[path] = std::string(content);
    node_->modes_[path] = mode;
    return {};
  }
  Result<std::string> download(const std::string& path, std::size_t limit_bytes) override {
    if (auto ok = reachable(); !ok) return tl::unexpected(ok.error());
    std::lock_guard lock(node_->mutex_);
    const auto found = node_->files_.find(path);
    if (found == node_->files_.end()) return infrastructure(path + ": no such file");
    const std::string& content = found->second;
    return content.size() <= limit_bytes ? content : content.substr(content.size() - limit_bytes);
  }
  Result<std::unique_ptr<RemoteShell>> open_shell(bool) override {
    if (auto ok = reachable(); !ok) return tl::unexpected(ok.error());
    return std::unique_ptr<RemoteShell>(std::make_unique<ScriptedShell>(node_));
  }
  void disconnect() override {}

 private:
  Result<void> reachable() const {
    std::lock_guard lock(node_->mutex_);
    if (!node_->unreachable_.empty()) return infrastructure(node_->unreachable_);
    return {};
  }
  std::shared_ptr<ScriptedNode> node_;
};

// A cluster of scripted nodes and the scripts behind it.
struct ScriptedCluster {
  std::vector<std::shared_ptr<ScriptedNode>> nodes;
  Cluster cluster;
  ScriptedNode* operator[](std::size_t i) const { return nodes[i].get(); }
};

inline NodeSpec scripted_node_spec(int number) {
  NodeSpec spec;
  spec.name = "n" + std::to_string(number);
  spec.address = "10.0.0." + std::to_string(number);
  spec.address6 = "fd00::" + std::to_string(number);
  spec.host = spec.address;
  return spec;
}

inline ScriptedCluster scripted_cluster(int count) {
  std::vector<std::shared_ptr<ScriptedNode>> scripts;
  std::vector<std::unique_ptr<Node>> nodes;
  for (int i = 1; i <= count; ++i) {
    scripts.push_back(std::make_shared<ScriptedNode>());
    nodes.push_back(std::make_unique<Node>(scripted_node_spec(i), std::make_unique<ScriptedRemote>(scripts.back())));
  }
  return {std::move(scripts), Cluster(std::move(nodes))};
}

}  // namespace shaketable::testing

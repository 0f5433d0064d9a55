#pragma once
// The node's side by shell: node_script() on the node, one kept shell for what has to be quick, commands for the rest.

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cluster/node_spec.h"
#include "cluster/remote.h"
#include "nemesis/node_side.h"

namespace shaketable {

class ShellNodeSide final : public NodeSide {
 public:
  // `remote` must outlive this.
  ShellNodeSide(NodeSpec spec, Remote& remote);

  NodeCleanliness heal() override;
  Result<void> install() override;
  Result<NodeFacts> probe() override;
  Result<void> start_guard(Nanos lease) override;
  Result<std::string> renew(Nanos lease) override;
  Result<void> arm(const FirewallChange& change, Nanos lease) override;
  Result<void> commit(const FirewallChange& change, const Clock& clock, CommitTimes& times) override;
  Result<void> start_probes(const std::string& key, const std::vector<PeerProbe>& probes) override;
  Result<FirewallProof> proof(const FirewallChange& change) override;
  Result<UndoOutcome> undo(const FirewallChange& change) override;

 private:
  struct Answer {
    int code = 0;
    std::vector<std::pair<std::string, std::string>> lines;  // first word, rest
    std::vector<std::string> values(std::string_view key) const;
    bool has(std::string_view key) const;
    std::string problem(std::string_view doing) const;  // for messages
  };
  static Answer to_answer(const std::vector<std::string>& lines);

  // The whole script with an argument, as a command of its own.
  Result<Answer> run_script(std::string_view argument);
  // A function of the script in the kept shell, which is opened again if it has ended.
  Result<Answer> call(std::string_view what, Nanos timeout);
  Result<void> open_shell();
  Result<std::vector<std::string>> receive(const std::string& end, Nanos timeout, int& code);

  const NodeSpec spec_;
  Remote& remote_;
  std::unique_ptr<RemoteShell> shell_;
  std::uint64_t calls_ = 0;
  struct Found {
    std::vector<std::string> rules4, rules6;
  };
  std::map<std::string, Found> found_;  // by key, as read before the change
};

}  // namespace shaketable

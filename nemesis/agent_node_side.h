#pragma once
// The node's side by the agent: put on the node when it is not there, spoken to over one kept channel, one round trip a
// request. docs/agent.md.

#include <memory>
#include <string>

#include "cluster/node_spec.h"
#include "cluster/remote.h"
#include "nemesis/agent/protocol.h"
#include "nemesis/node_side.h"

namespace shaketable {

class AgentNodeSide final : public NodeSide {
 public:
  // `remote` must outlive this.
  AgentNodeSide(NodeSpec spec, Remote& remote);

  NodeCleanliness heal() override;
  Result<void> install() override;
  Result<NodeFacts> probe() override;
  Result<ForeignState> foreign() override;
  Result<void> start_guard(Nanos lease) override;
  Result<std::string> renew(Nanos lease) override;
  Result<void> look(const NodeChange& change) override;
  Result<ClockSample> read_clock(const Clock& clock, Nanos timeout) override;
  Result<void> arm(const NodeChange& change, Nanos lease) override;
  Result<void> commit(const NodeChange& change, std::chrono::steady_clock::time_point start, const Clock& clock,
                      CommitTimes& times) override;
  Result<void> start_probes(const std::string& key, const std::vector<PeerProbe>& probes) override;
  Result<NodeProof> proof(const std::string& key) override;
  Result<UndoOutcome> undo(const NodeChange& change) override;

  // How the node's raw clock stands to our steady one: raw = steady + offset, give or take the error.
  struct ClockRelation {
    Nanos offset{0}, error{Nanos::max()};
  };
  // The best of several round trips; the error is half of that one.
  Result<ClockRelation> compare_clocks();

 private:
  // Starts the agent if none is at the other end; puts it on the node first if it must.
  Result<void> open();
  Result<agent::Greeting> start_program();
  Result<void> upload(const std::string& machine);
  Result<std::string> machine_there();
  // Opens if need be. An error of the agent's is the message it gave.
  Result<agent::Fields> call(const std::string& word, agent::Fields fields, Nanos timeout);
  Result<agent::Fields> exchange(const std::string& word, agent::Fields fields, Nanos timeout);

  const NodeSpec spec_;
  Remote& remote_;
  std::string path_;  // of the program there
  std::unique_ptr<RemoteShell> shell_;
  std::uint64_t requests_ = 0;
  ClockRelation relation_;
};

}  // namespace shaketable

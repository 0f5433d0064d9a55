#pragma once
// What the nemesis asks of one node. In product the agent answers (agent_node_side.h), in unit tests a fake.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "nemesis/agent/protocol.h"

namespace shaketable {

// How the controller reaches the node, as the node sees it.
struct ControlPath {
  std::string client;  // address of the controller (or of the last host on the way)
  int port = 22;       // where sshd listens
  bool is_ipv6() const { return client.find(':') != std::string::npos; }
};

struct NodeFacts {
  std::string name;
  std::string role;                                 // of the plan; may be empty
  std::vector<std::string> addresses4, addresses6;  // what peers may send from; no loopback. The plan's own come first
  std::string iptables, ip6tables;  // version line ("iptables v1.8.9 (nf_tables)"); empty: cannot be used
  std::string problem4, problem6;   // why not
  ControlPath control;
};

// Of others than shaketable: packet filter rules (with the command that lists them), and qdiscs that somebody chose.
struct ForeignState {
  std::vector<std::string> rules, qdiscs;
};

enum class Cleanliness { clean, unclean, unknown };
std::string_view to_string(Cleanliness state);

struct NodeCleanliness {
  std::string node;
  Cleanliness state = Cleanliness::unknown;
  std::string reason;               // when not clean: one sentence, with the remedy
  std::vector<std::string> undone;  // what was found and undone, in words
};

// What one fault changes on one node.
struct NodeChange {
  std::int64_t fault = 0;
  std::string key;          // names the journal entry; unique over runs, [A-Za-z0-9.-]
  std::string kind;         // of the agent's (nemesis/agent/kind.h): "firewall"
  agent::Fields arguments;  // as the kind describes them
  Nanos limit{0};           // the node undoes it after this, whatever is renewed
};

// What a node's time of day was at some moment between the two, which are on the run's clock.
struct ClockSample {
  Nanos asked{0}, answered{0};
  std::int64_t node_wall_ns = 0;  // since 1970
};

struct CommitTimes {
  Nanos earliest{0}, latest{0};                       // on the run's clock; the change lies between the two
  std::optional<std::int64_t> node_begun, node_done;  // on the node's raw clock
};

// Port 0: an echo request.
struct PeerProbe {
  std::string address;
  int port = 0;
};

struct ProbeResult {
  std::string address;
  std::string seen;  // open, cut, refused, untold
};

struct NodeProof {
  agent::Fields values;  // as the kind describes them
  std::vector<ProbeResult> probes;
};

struct UndoOutcome {
  bool gone = false;     // the node had undone it by itself
  std::string gone_why;  // as its guard said; empty: nobody knows any more
  Nanos gone_for{0};     // so long before the answer; 0: nobody knows
  std::string missing;   // what was found before and is not there now; empty: all of it is
  std::string added;     // what was not there before and is not ours
  std::string note;
};

// Blocking, each call with a deadline of its own. All calls on one node's thread (NodeFleet sees to it).
class NodeSide {
 public:
  virtual ~NodeSide() = default;

  // Looks for what older runs left, undoes it and reads back. Needs nothing but a connection, and no guard.
  virtual NodeCleanliness heal() = 0;
  // Puts the node's side in place.
  virtual Result<void> install() = 0;
  virtual Result<NodeFacts> probe() = 0;
  // What is there of others, and must be there still when a run is over.
  virtual Result<ForeignState> foreign() = 0;
  // Returns once the guard has been seen alive.
  virtual Result<void> start_guard(Nanos lease) = 0;
  // Starts the guard again if it is dead, and says so in the value.
  virtual Result<std::string> renew(Nanos lease) = 0;

  // Whether such a change could be made here and now; changes nothing. Errors say why not.
  virtual Result<void> look(const NodeChange& change) = 0;

  // The node's time of day: of a few questions the one that was answered fastest. Puts nothing in place: an error when
  // the node's side is not there.
  virtual Result<ClockSample> read_clock(const Clock& clock, Nanos timeout) = 0;

  // Journal on disk, programs started and waiting. An error: nothing has changed and nothing is waiting.
  virtual Result<void> arm(const NodeChange& change, Nanos lease) = 0;
  // Changes the node at `start`, on the node's clock as it was compared with ours when the change was armed; at once if
  // that is over. An error: it may have changed; undo it. `times` is set in any case.
  virtual Result<void> commit(const NodeChange& change, std::chrono::steady_clock::time_point start, const Clock& clock,
                              CommitTimes& times) = 0;
  virtual Result<void> start_probes(const std::string& key, const std::vector<PeerProbe>& probes) = 0;
  virtual Result<NodeProof> proof(const std::string& key) = 0;
  // From every state of the change, armed included. On success nothing of ours is left of this fault; the journal entry
  // is removed when nothing is missing.
  virtual Result<UndoOutcome> undo(const NodeChange& change) = 0;
};

}  // namespace shaketable

#pragma once
// What the nemesis asks of one node. The shell side (shell_node_side.h) needs nothing on the node but sh and iptables;
// another implementation can take its place.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace shaketable {

// How the controller reaches the node, as the node sees it.
struct ControlPath {
  std::string client;  // address of the controller (or of the last host on the way)
  int port = 22;       // where sshd listens
  bool is_ipv6() const { return client.find(':') != std::string::npos; }
};

struct NodeFacts {
  std::string name;
  std::vector<std::string> addresses4, addresses6;  // what peers may send from; no loopback. The plan's own come first
  std::string iptables, ip6tables;  // version line ("iptables v1.8.9 (nf_tables)"); empty: cannot be used
  std::string problem4, problem6;   // why not
  std::vector<std::string> tools;   // of ping, bash, nc, timeout, setsid, sync, mkfifo
  ControlPath control;
  bool has(std::string_view tool) const;
};

enum class Cleanliness { clean, unclean, unknown };
std::string_view to_string(Cleanliness state);

struct NodeCleanliness {
  std::string node;
  Cleanliness state = Cleanliness::unknown;
  std::string reason;               // when not clean: one sentence, with the remedy
  std::vector<std::string> undone;  // what was found and undone, in words
};

// One fault's rules on one node.
struct FirewallChange {
  std::int64_t fault = 0;
  std::string key;             // names the journal entry; unique over runs, [A-Za-z0-9.-]
  std::string rules4, rules6;  // for iptables-restore --noflush, without COMMIT; empty: that family is not changed
  Nanos limit{0};              // the node undoes it after this, whatever is renewed
};

struct CommitTimes {
  Nanos sent{0}, acknowledged{0};  // the change lies between the two
};

struct PeerProbe {
  std::string address;
  int port = 22;
};

struct ProbeResult {
  std::string address;
  std::string seen;  // open, cut, untold
};

struct FirewallProof {
  std::optional<std::uint64_t> dropped4, dropped6;  // packets that our rules dropped; nullopt: no rules in that family
  std::vector<ProbeResult> probes;
};

struct UndoOutcome {
  bool gone = false;    // the node had undone it by itself
  std::string missing;  // rules of others that were found before and are not there now; empty: all are
  std::string added;    // rules of others that were not there before
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
  // Returns once the guard has been seen alive.
  virtual Result<void> start_guard(Nanos lease) = 0;
  // Starts the guard again if it is dead, and says so in the value.
  virtual Result<std::string> renew(Nanos lease) = 0;

  // Journal on disk, commands started and waiting. An error: nothing has changed and nothing is waiting.
  virtual Result<void> arm(const FirewallChange& change, Nanos lease) = 0;
  // An error: it may have changed; undo it. `times` is set in any case.
  virtual Result<void> commit(const FirewallChange& change, const Clock& clock, CommitTimes& times) = 0;
  virtual Result<void> start_probes(const std::string& key, const std::vector<PeerProbe>& probes) = 0;
  virtual Result<FirewallProof> proof(const FirewallChange& change) = 0;
  // From every state of the change, armed included. On success none of our rules of this fault is left; the journal
  // entry is removed when nothing is missing.
  virtual Result<UndoOutcome> undo(const FirewallChange& change) = 0;
};

// Lines that `before` has and `after` lacks, order minded, and the other way round; "" and "" when equal.
struct RuleDifference {
  std::string missing, added;
};
RuleDifference compare_rules(const std::vector<std::string>& before, const std::vector<std::string>& after);

}  // namespace shaketable

#pragma once
// A kind of change on a node, as the agent and its guard know it: look, arm, commit, prove, undo. Faults of the
// catalogue are made of these.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "nemesis/agent/journal.h"
#include "nemesis/agent/protocol.h"

namespace shaketable::agent {

// A change that is ready and waits for its moment. Destroying it takes back what was made ready and not committed.
class Armed {
 public:
  virtual ~Armed() = default;
  // Quick: this is what happens at the start time. An error: it may have changed something.
  virtual Result<void> commit() = 0;
  // What the commit learned, for the entry's fields; asked after it, whatever came of it.
  virtual Fields kept() const { return {}; }
};

// What was read back after an undo.
struct Undone {
  std::string missing;  // what was found before and is not there now; empty: all of it is
  std::string added;    // what was not there before and is not ours
  std::string note;
};

// Without state; used by the agent, its guard, and `heal`.
class Kind {
 public:
  virtual ~Kind() = default;
  virtual std::string_view name() const = 0;
  // Whether the change outlives a reboot of the node.
  virtual bool survives_reboot(const Entry& entry) const = 0;
  // Reads the state found into the entry's fields. Changes nothing. An error says why it cannot be done here.
  virtual Result<void> look(Entry& entry) const = 0;
  // Makes it ready; what the undo needs to know of it goes into the fields, and then into the journal.
  virtual Result<std::unique_ptr<Armed>> arm(Entry& entry) const = 0;
  // Evidence that it bites, as names and values.
  virtual Fields prove(const Entry& entry) const = 0;
  // From every state of the entry; may be called again. An error: it is in force still, or nobody could look.
  virtual Result<Undone> undo(const Entry& entry) const = 0;
  // How long commit and undo may take; the lease is not over meanwhile. 0: less than any lease.
  virtual Nanos patience() const { return Nanos(0); }
};

const std::vector<const Kind*>& kinds();
const Kind* find_kind(std::string_view name);  // nullptr: a newer version's

}  // namespace shaketable::agent

#pragma once
// Undoing what the journal names: one fault, all of them, and all of them with an account of it.

#include <string>
#include <vector>

#include "base/result.h"
#include "nemesis/agent/journal.h"
#include "nemesis/agent/kind.h"

namespace shaketable::agent {

// The caller holds the ChangeLock. A fault of an older boot that does not outlive one is gone already. Whoever ran when
// the fault began (fields ended.pids, ended.start) and does not run any more is started again; if that fails the note
// says so.
Result<Undone> undo_entry(const Entry& entry);

// Before the fault begins: keeps whether those processes run now. undo_entry() looks at it.
void note_running(Entry& entry);

// The entry is forgotten when nothing is missing; else it is kept as undone, for whoever looks next. True: nothing is
// in force any more.
bool undo_and_forget(const Journal& journal, const Entry& entry);

// Every fault, and whatever of ours has no journal. True: nothing is in force any more.
bool undo_all(const Journal& journal);

struct Healed {
  enum class State { clean, unclean, unknown } state = State::unknown;
  std::string reason;               // when not clean
  std::vector<std::string> undone;  // what was found and undone, in words
};
// Undoes all, reads back, ends the guard and removes our files when all is clean. Knows what older versions, whose side
// on the node was POSIX sh, left as well.
Healed heal(const Journal& journal);

// Lines for people: lease, faults, rules in force.
std::vector<std::string> status(const Journal& journal);

}  // namespace shaketable::agent

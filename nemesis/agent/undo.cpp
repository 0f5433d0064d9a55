#include "nemesis/agent/undo.h"

#include <signal.h>
#include <unistd.h>

#include <map>

#include "nemesis/agent/lease.h"
#include "nemesis/agent/leftovers.h"
#include "nemesis/agent/lost_writes.h"
#include "nemesis/agent/process.h"
#include "nemesis/agent/processes.h"
#include "nemesis/agent/rules.h"
#include "nemesis/agent/system.h"

namespace shaketable::agent {
namespace {

using namespace std::chrono_literals;

std::string first_line(const Result<std::string>& text) {
  if (!text) return {};
  const auto lines = lines_of(*text);
  return lines.empty() ? "" : lines.front();
}

// What older versions had on the node: a directory an entry, and programs that waited in a file of their own.
void kill_old_waiters() {
  const std::string path = std::string(kRunDirectory) + "/armed";
  const auto text = read_file(path);
  if (!text) return;
  for (std::string line : lines_of(*text)) {
    if (const std::size_t space = line.find(' '); space != std::string::npos) line[space] = ':';
    if (const auto process = to_process(line)) signal_process(*process, SIGKILL);
  }
  unlink(path.c_str());
}

// The rules that an old entry found, as an entry of ours: undo() compares with them.
Entry old_entry(const Journal& journal, const std::string& key) {
  Entry entry;
  entry.key = key;
  entry.kind = "firewall";
  const std::string directory = journal.path(key);
  entry.boot = first_line(read_file(directory + "/boot"));
  entry.fault = to_number(first_line(read_file(directory + "/id"))).value_or(-1);
  for (const std::string found : {"found4", "found6"})
    if (const auto text = read_file(directory + "/" + found); text && text->size() > 1)
      set_field(entry.fields, found, *text);
  return entry;
}

}  // namespace

Result<Undone> undo_entry(const Entry& entry) {
  const Kind* kind = find_kind(entry.kind);
  if (!kind) return infrastructure("this agent does not know how to undo \"" + entry.kind + "\"");
  if (entry.boot != boot_id() && !kind->survives_reboot(entry)) {
    Undone undone;
    undone.note = "the node was rebooted since, and it went with that";
    return undone;
  }
  auto undone = kind->undo(entry);
  if (undone && entry.state == EntryState::applied && field(entry.fields, "ended.running") == "yes" &&
      !find_processes(std::string(field(entry.fields, "ended.pids")))) {
    const Output started = run_script(std::string(field(entry.fields, "ended.start")), 45s);
    undone->note += (undone->note.empty() ? "" : "; ") + std::string("the system had ended meanwhile and ") +
                    (started.code == 0 ? "was started again" : "could not be started again: " + started.describe());
  }
  return undone;
}

void note_running(Entry& entry) {
  if (field(entry.fields, "ended.start").empty()) return;
  const bool running = find_processes(std::string(field(entry.fields, "ended.pids"))).has_value();
  set_field(entry.fields, "ended.running", running ? "yes" : "no");
}

bool undo_and_forget(const Journal& journal, const Entry& entry) {
  const auto undone = undo_entry(entry);
  if (!undone) return false;
  if (undone->missing.empty()) return journal.forget(entry.key);
  Entry kept = entry;
  kept.state = EntryState::undone;
  (void)journal.save(kept, false).has_value();
  return true;
}

bool undo_all(const Journal& journal) {
  bool gone = true;
  kill_old_waiters();
  for (const std::string& key : journal.keys()) {
    if (journal.is_directory(key)) {
      gone = journal.forget(key) && gone;
      continue;
    }
    // What cannot be read is left for heal, which says so.
    if (const auto entry = journal.load(key)) gone = undo_and_forget(journal, *entry) && gone;
  }
  return remove_leftovers().in_force.empty() && gone;
}

Healed heal(const Journal& journal) {
  Healed healed;
  if (geteuid() != 0) {
    healed.reason = "this is not root there";
    return healed;
  }
  const ChangeLock lock(10s);
  kill_old_waiters();
  std::vector<std::string> force, gone, unreadable;
  const auto account = [&](const std::string& key, const Result<Undone>& undone) {
    if (!undone)
      force.push_back("fault " + key + ": " + undone.error().message);
    else if (!undone->missing.empty())
      gone.push_back("fault " + key + ": " + undone->missing);
    return undone && undone->missing.empty();
  };
  bool named = false, chains = false;
  // First by what the kernel has: the account of it must not depend on the journal.
  for (const std::string& command : table_commands()) {
    const auto rules = list_rules(command);
    if (!rules) {
      healed.reason = "it could not be looked at: " + rules.error().message;
      return healed;
    }
    for (const std::string& rule : *rules)
      if (is_own_rule(rule, std::nullopt)) {
        healed.undone.push_back("chains of shaketable in " + command);
        chains = true;
        break;
      }
  }
  std::vector<std::string> done;
  for (const std::string& key : journal.keys()) {
    const bool old = journal.is_directory(key);
    const auto entry = old ? std::optional(old_entry(journal, key)) : journal.load(key);
    if (!entry) {
      unreadable.push_back(journal.path(key));
      continue;
    }
    named = true;
    const std::string state =
        old ? first_line(read_file(journal.path(key) + "/state")) : std::string(to_string(entry->state));
    healed.undone.insert(healed.undone.begin(),
                         "fault " + key + " (journal: " + (state.empty() ? "unreadable" : state) + ")");
    if (account(key, undo_entry(*entry))) done.push_back(key);
  }
  // Whatever is there still is named by no journal.
  Leftovers left = remove_leftovers();
  remove_fills(left);
  healed.undone.insert(healed.undone.end(), left.undone.begin(), left.undone.end());
  force.insert(force.end(), left.in_force.begin(), left.in_force.end());
  healed.state = Healed::State::unclean;
  if (!force.empty()) {
    healed.reason = "not undone: " + joined(force, "; ");
    return healed;
  }
  for (const std::string& key : done)
    if (!journal.forget(key)) {
      healed.reason = "all is undone, but " + journal.path(key) + " cannot be removed";
      return healed;
    }
  if (!gone.empty()) {
    healed.reason = "nothing of shaketable is left, but what was there before is gone: " + joined(gone, "; ") +
                    " (put it back, or, if that was meant, remove " + std::string(kJournalDirectory) + " there)";
    return healed;
  }
  // Something of ours was there that no journal names. What has no name of ours might have been there too.
  if (unreadable.empty() && (!left.undone.empty() || (chains && !named)) &&
      (!doubtful().empty() || !left.doubts.empty())) {
    const std::string lost = journal.path("lost");
    if (auto made = make_directory(std::string(kJournalDirectory), 0700)) {
      const std::string text = "faults of shaketable were found here without their journal\n";
      if (write_file(lost, text, true)) unreadable.push_back(lost);
    }
    if (unreadable.empty()) unreadable.emplace_back("lost");
  }
  if (!unreadable.empty()) {
    healed.state = Healed::State::unknown;
    auto doubts = doubtful();
    doubts.insert(doubts.end(), left.doubts.begin(), left.doubts.end());
    healed.reason = "its journal cannot be read: " + joined(unreadable, ", ") +
                    " (no rules, qdiscs or processes of shaketable are left; " +
                    (doubts.empty() ? "no process stands still and the clock's rate is usual; look for files that fill "
                                      "a disk or are damaged"
                                    : "whether it was shaketable nobody can tell: " + joined(doubts, "; ")) +
                    "; then remove the file)";
    return healed;
  }
  end_guard();
  journal.tidy();
  remove_tree(std::string(kRunDirectory));
  if (exists(std::string(kRunDirectory)) || exists(std::string(kJournalDirectory))) {
    healed.reason = "all is undone, but files of shaketable cannot be removed";
    return healed;
  }
  healed.state = Healed::State::clean;
  return healed;
}

std::vector<std::string> status(const Journal& journal) {
  std::vector<std::string> out;
  const auto guard = living_guard();
  const auto end = lease_end();
  if (guard) {
    out.push_back("guard " + std::to_string(guard->process.pid) +
                  (end ? ", lease ends in " + std::to_string((*end - raw_now()).count() / 1'000'000) + " ms" : ""));
  } else {
    out.emplace_back("no guard");
  }
  const std::string boot = boot_id();
  for (const std::string& key : journal.keys()) {
    const auto entry = journal.load(key);
    if (!entry) {
      out.push_back("fault " + key + ": " + (journal.is_directory(key) ? "of an older version" : "unreadable journal"));
      continue;
    }
    out.push_back("fault " + key + ": " + entry->kind + ", " + std::string(to_string(entry->state)) +
                  (entry->boot == boot ? "" : ", from before a reboot"));
  }
  for (const std::string& device : dropping_devices(node_disks()))
    out.push_back("the device " + device + " drops writes, or is about to");
  for (const std::string& command : table_commands()) {
    const auto rules = list_rules(command);
    if (!rules) {
      out.push_back(rules.error().message);
      continue;
    }
    for (const std::string& rule : *rules)
      if (is_own_rule(rule, std::nullopt)) out.push_back(command + " " + rule);
  }
  return out;
}

}  // namespace shaketable::agent

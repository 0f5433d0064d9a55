#include "nemesis/agent/guard.h"

#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "nemesis/agent/lease.h"
#include "nemesis/agent/process.h"
#include "nemesis/agent/protocol.h"
#include "nemesis/agent/system.h"
#include "nemesis/agent/undo.h"

namespace shaketable::agent {
namespace {

using namespace std::chrono_literals;

constexpr Nanos kNap = 100ms;
constexpr Nanos kLockTimeout = 5s;
constexpr std::size_t kNotesMax = 1000;
constexpr const char* kOwner = "agent";  // in an entry's fields

std::string notes_file() {
  return std::string(kRunDirectory) + "/undone";
}

// Lines "KEY RAW TOLD WHY".
std::vector<std::string> notes() {
  const auto text = read_file(notes_file());
  return text ? lines_of(*text) : std::vector<std::string>();
}

void keep_notes(const std::vector<std::string>& lines) {
  (void)write_file(notes_file(), joined(lines, "\n") + "\n", false).has_value();
}

void note(const std::string& key, const std::string& why) {
  auto lines = notes();
  if (lines.size() < kNotesMax) lines.push_back(key + " " + std::to_string(raw_now().count()) + " new " + why);
  keep_notes(lines);
}

// The words before `why`, which may have blanks.
std::vector<std::string> parts_of(const std::string& line) {
  std::vector<std::string> out;
  std::size_t begin = 0;
  while (out.size() < 3) {
    const std::size_t end = line.find(' ', begin);
    if (end == std::string::npos) return {};
    out.push_back(line.substr(begin, end - begin));
    begin = end + 1;
  }
  out.push_back(line.substr(begin));
  return out;
}

// Until something ends, or a moment passes: who is watched is undone for in the moment of his end.
void nap(const std::vector<ProcessName>& watched) {
  std::vector<pollfd> ends;
  for (const ProcessName& process : watched)
    // An older kernel has no such descriptors: then the next look finds it.
    if (const auto end = static_cast<int>(syscall(SYS_pidfd_open, process.pid, 0)); end >= 0)
      ends.push_back({end, POLLIN, 0});
  const bool all_there = std::all_of(watched.begin(), watched.end(), alive);
  if (all_there) poll(ends.data(), ends.size(), static_cast<int>(kNap.count() / 1'000'000));
  for (const pollfd& end : ends) close(end.fd);
}

std::string why_now(const Entry& entry, const std::string& boot) {
  if (entry.boot != boot) return "the node was rebooted";
  if (raw_now() >= entry.limit) return "its longest time was over";
  const auto owner = to_process(field(entry.fields, kOwner));
  if (owner && !alive(*owner)) return "the agent that made it had ended (killed, or the SSH connection was cut)";
  return "";
}

// Undoes what has to be undone while the lease is held; gives those who are to be watched.
std::vector<ProcessName> watch_faults(const Journal& journal, const std::string& boot) {
  std::vector<ProcessName> owners;
  for (const std::string& key : journal.keys()) {
    const auto entry = journal.load(key);
    if (!entry || entry->state == EntryState::undone) continue;
    if (why_now(*entry, boot).empty()) {
      const auto owner = to_process(field(entry->fields, kOwner));
      if (owner && std::find(owners.begin(), owners.end(), *owner) == owners.end()) owners.push_back(*owner);
      continue;
    }
    const ChangeLock lock(kLockTimeout);
    // While we waited for the lock somebody else may have undone it, or said more of it.
    const auto now = journal.load(key);
    if (!now || now->state == EntryState::undone) continue;
    const std::string why = why_now(*now, boot);
    if (!why.empty() && undo_and_forget(journal, *now)) note(key, why);
  }
  return owners;
}

}  // namespace

void set_owner(Entry& entry) {
  set_field(entry.fields, kOwner, to_text(own_name()));
}

std::optional<SelfUndone> self_undone(std::string_view key) {
  std::optional<SelfUndone> last;
  for (const std::string& line : notes()) {
    const auto parts = parts_of(line);
    if (parts.empty() || parts[0] != key) continue;
    if (const auto at = to_number(parts[1])) last = SelfUndone{Nanos(*at), parts[3]};
  }
  return last;
}

std::vector<std::string> untold_of_guard() {
  std::vector<std::string> out, lines = notes();
  for (std::string& line : lines) {
    const auto parts = parts_of(line);
    if (parts.empty() || parts[2] != "new") continue;
    out.push_back("fault " + parts[0] + " was undone by the guard: " + parts[3]);
    line = parts[0] + " " + parts[1] + " told " + parts[3];
  }
  if (!out.empty()) keep_notes(lines);
  return out;
}

int run_guard(int ready) {
  for (const int number : {SIGHUP, SIGINT, SIGTERM, SIGPIPE}) signal(number, SIG_IGN);
  (void)!chdir("/");
  umask(077);
  harden();
  const ProcessName own = own_name();
  const std::string version = own_version();
  const Journal journal;
  Nanos end = lease_end().value_or(raw_now() + 10s);
  if (auto written = write_guard_record(version); !written) return 1;
  if (ready >= 0) {
    (void)!write(ready, "r", 1);
    close(ready);
  }
  const std::string boot = boot_id();
  for (int clean = 0;;) {
    // One guard only: who finds another one alive goes.
    const auto guard = living_guard();
    if (guard && !(guard->process == own)) return 0;
    if (!guard) (void)write_guard_record(version).has_value();
    end = lease_end().value_or(end);
    std::vector<ProcessName> watched;
    if (raw_now() >= end) {
      const ChangeLock lock(kLockTimeout);
      // Renewed while we waited for the lock, or on a file that came back.
      if (lease_end().value_or(end) > raw_now()) continue;
      clean = undo_all(journal) ? clean + 1 : 0;
      // Twice, so that what was being committed at that moment is not left behind.
      if (clean >= 2) {
        journal.tidy();
        remove_tree(std::string(kRunDirectory));
        return 0;
      }
    } else {
      clean = 0;
      watched = watch_faults(journal, boot);
    }
    nap(watched);
  }
}

}  // namespace shaketable::agent

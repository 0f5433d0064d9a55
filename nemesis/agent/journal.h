#pragma once
// What the node would need to undo a fault: on its disk, flushed, before anything changes.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "nemesis/agent/protocol.h"

namespace shaketable::agent {

enum class EntryState { planned, applied, undone };
std::string_view to_string(EntryState state);

// One fault on this node. A file of the directory of journals, named by its key.
struct Entry {
  std::string key;   // unique over runs, [A-Za-z0-9.-]
  std::string kind;  // who undoes it (kind.h)
  std::int64_t fault = 0;
  EntryState state = EntryState::planned;
  std::string boot;  // boot id of the kernel it was made under
  Nanos limit{0};    // on the raw clock of that boot: undone after this, whatever is renewed
  Fields fields;     // the kind's own: what was asked, what was found
};

std::string to_text(const Entry& entry);
// nullopt: half a file, or not ours. What can be read of it is not guessed at.
std::optional<Entry> parse_entry(std::string_view key, std::string_view text);

// With a copy below /run, in memory: where the one on the disk is lost or damaged, what can only be known (who was
// stopped, what a clock was) is known still. The disk's counts where it can be read. A reboot ends the copy.
class Journal {
 public:
  explicit Journal(std::string directory = std::string(kJournalDirectory), std::string copy = std::string(kJournalCopy))
      : directory_(std::move(directory)), copy_(std::move(copy)) {}

  // `durable`: on the disk when this returns. An error names the room that is left.
  Result<void> save(const Entry& entry, bool durable) const;
  std::optional<Entry> load(const std::string& key) const;
  bool has(const std::string& key) const;
  // Keys of files of ours, unreadable ones included, and of directories that an older version wrote.
  std::vector<std::string> keys() const;
  bool is_directory(const std::string& key) const;
  // The key of another fault of one of these kinds that is in force since this boot.
  std::optional<std::string> beside(const Entry& entry, const std::vector<std::string_view>& kinds) const;
  std::string path(const std::string& key) const { return directory_ + "/" + key; }
  bool forget(const std::string& key) const;
  // Half-written files, and the directory if nothing is in it any more.
  void tidy() const;

 private:
  std::string directory_, copy_;
};

}  // namespace shaketable::agent

#include "nemesis/agent/journal.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>

#include "nemesis/agent/system.h"

namespace shaketable::agent {
namespace {

constexpr std::string_view kFirstLine = "shaketable journal 1";
constexpr std::string_view kLastLine = "end";

std::string room_left(const std::string& path) {
  struct statvfs disk {};
  if (statvfs(path.c_str(), &disk) != 0) return {};
  return "; " + std::to_string(disk.f_bavail * disk.f_frsize / 1024) + " kB free";
}

}  // namespace

std::string_view to_string(EntryState state) {
  switch (state) {
    case EntryState::planned:
      return "planned";
    case EntryState::applied:
      return "applied";
    case EntryState::undone:
      return "undone";
  }
  return "unknown";
}

std::string to_text(const Entry& entry) {
  std::string out = std::string(kFirstLine) + "\n";
  const auto line = [&](std::string_view name, std::string_view value) {
    out += std::string(name) + " " + encode(value) + "\n";
  };
  line("kind", entry.kind);
  line("fault", std::to_string(entry.fault));
  line("state", to_string(entry.state));
  line("boot", entry.boot);
  line("limit", std::to_string(entry.limit.count()));
  for (const auto& [name, value] : entry.fields) line("." + name, value);
  return out + std::string(kLastLine) + "\n";
}

std::optional<Entry> parse_entry(std::string_view key, std::string_view text) {
  const auto lines = lines_of(text);
  if (lines.size() < 7 || lines.front() != kFirstLine || lines.back() != kLastLine) return std::nullopt;
  Entry entry;
  entry.key = key;
  bool stated = false;
  for (std::size_t i = 1; i + 1 < lines.size(); ++i) {
    const std::size_t space = lines[i].find(' ');
    if (space == std::string::npos) return std::nullopt;
    const std::string name = lines[i].substr(0, space);
    auto value = decode(std::string_view(lines[i]).substr(space + 1));
    if (!value) return std::nullopt;
    if (name.starts_with('.')) {
      entry.fields.emplace_back(name.substr(1), std::move(*value));
    } else if (name == "kind") {
      entry.kind = *value;
    } else if (name == "fault") {
      entry.fault = to_number(*value).value_or(0);
    } else if (name == "boot") {
      entry.boot = *value;
    } else if (name == "limit") {
      entry.limit = Nanos(to_number(*value).value_or(0));
    } else if (name == "state") {
      for (const EntryState state : {EntryState::planned, EntryState::applied, EntryState::undone})
        if (*value == to_string(state)) {
          entry.state = state;
          stated = true;
        }
    }
  }
  if (!stated || entry.kind.empty()) return std::nullopt;
  return entry;
}

Result<void> Journal::save(const Entry& entry, bool durable) const {
  auto made = make_directory(directory_, 0700);
  if (made) made = write_file(path(entry.key), to_text(entry), durable);
  if (made) {
    // Beside the one that counts: where there is no room for it, there is none.
    if (make_directory(copy_, 0700)) (void)write_file(copy_ + "/" + entry.key, to_text(entry), false).has_value();
    return {};
  }
  const std::string above = directory_.substr(0, directory_.rfind('/'));
  tidy();
  return infrastructure("the undo journal cannot be written to " + directory_ + ": " + made.error().message +
                        room_left(exists(above) ? above : "/"));
}

std::optional<Entry> Journal::load(const std::string& key) const {
  for (const std::string& directory : {directory_, copy_})
    if (const auto text = read_file(directory + "/" + key))
      if (auto entry = parse_entry(key, *text)) return entry;
  return std::nullopt;
}

bool Journal::has(const std::string& key) const {
  return exists(path(key)) || exists(copy_ + "/" + key);
}

std::vector<std::string> Journal::keys() const {
  auto names = list_directory(directory_);
  for (const std::string& name : list_directory(copy_)) names.push_back(name);
  std::erase_if(names, [](const std::string& name) { return name.starts_with('.'); });
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

bool Journal::is_directory(const std::string& key) const {
  struct stat found {};
  return lstat(path(key).c_str(), &found) == 0 && S_ISDIR(found.st_mode);
}

std::optional<std::string> Journal::beside(const Entry& entry, const std::vector<std::string_view>& kinds) const {
  for (const std::string& key : keys()) {
    const auto other = is_directory(key) || key == entry.key ? std::nullopt : load(key);
    if (other && other->state != EntryState::undone && other->boot == entry.boot &&
        std::find(kinds.begin(), kinds.end(), other->kind) != kinds.end())
      return key;
  }
  return std::nullopt;
}

bool Journal::forget(const std::string& key) const {
  remove_tree(copy_ + "/" + key);
  rmdir(copy_.c_str());
  remove_tree(path(key));
  sync_directory(directory_);
  rmdir(directory_.c_str());  // if that was the last
  return !has(key);
}

void Journal::tidy() const {
  for (const std::string& directory : {directory_, copy_}) {
    for (const std::string& name : list_directory(directory))
      if (name.starts_with(".new.")) remove_tree(directory + "/" + name);
    rmdir(directory.c_str());
  }
}

}  // namespace shaketable::agent

#include "nemesis/agent/damage.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "nemesis/agent/process.h"
#include "nemesis/agent/system.h"

namespace shaketable::agent {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kSavedBytesMax = 4 << 20;  // of all spots: it goes into the journal
constexpr std::size_t kFilesMax = 100'000;

// splitmix64: the same choice for the same seed.
class Draw {
 public:
  explicit Draw(std::uint64_t seed) : state_(seed) {}
  std::uint64_t below(std::uint64_t bound) {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return (z ^ (z >> 31)) % bound;
  }

 private:
  std::uint64_t state_;
};

struct File {
  int descriptor = -1;
  struct stat found {};
  explicit File(const std::string& path, int flags) : descriptor(open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW)) {
    if (descriptor >= 0 && fstat(descriptor, &found) != 0) found = {};
  }
  ~File() {
    if (descriptor >= 0) close(descriptor);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  std::string identity() const { return std::to_string(found.st_dev) + ":" + std::to_string(found.st_ino); }
};

// Where bytes change. A truncation has no new bytes: the file ends at `offset`.
struct Spot {
  std::string identity, path, before, after;
  std::int64_t offset = 0, size = 0;
};

std::string to_text(const Spot& spot) {
  return spot.identity + " " + std::to_string(spot.offset) + " " + std::to_string(spot.size) + " " + spot.path;
}

std::optional<Spot> to_spot(const std::string& text, std::string before, std::string after) {
  Spot out;
  std::size_t a = text.find(' '), b = a == std::string::npos ? a : text.find(' ', a + 1),
              c = b == std::string::npos ? b : text.find(' ', b + 1);
  if (c == std::string::npos) return std::nullopt;
  const auto offset = to_number(text.substr(a + 1, b - a - 1)), size = to_number(text.substr(b + 1, c - b - 1));
  if (!offset || !size) return std::nullopt;
  out.identity = text.substr(0, a);
  out.offset = *offset;
  out.size = *size;
  out.path = text.substr(c + 1);
  out.before = std::move(before);
  out.after = std::move(after);
  return out;
}

std::vector<Spot> spots_in(const Entry& entry) {
  std::vector<Spot> out;
  const auto places = all_fields(entry.fields, "spot"), before = all_fields(entry.fields, "old"),
             after = all_fields(entry.fields, "new");
  for (std::size_t i = 0; i < places.size() && i < before.size() && i < after.size(); ++i)
    if (auto spot = to_spot(places[i], before[i], after[i])) out.push_back(std::move(*spot));
  return out;
}

Result<std::string> read_at(int file, std::int64_t offset, std::size_t size) {
  std::string out(size, '\0');
  for (std::size_t done = 0; done < size;) {
    const ssize_t got = pread(file, out.data() + done, size - done, offset + static_cast<std::int64_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failure("read", errno);
    if (got == 0) {
      out.resize(done);
      break;
    }
    done += static_cast<std::size_t>(got);
  }
  return out;
}

Result<void> write_at(int file, std::int64_t offset, std::string_view bytes) {
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t put =
        pwrite(file, bytes.data() + done, bytes.size() - done, offset + static_cast<std::int64_t>(done));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return failure("write", put < 0 ? errno : ENOSPC);
    done += static_cast<std::size_t>(put);
  }
  return {};
}

// Whether the spot holds what we put there.
bool as_put(const File& file, const Spot& spot) {
  if (file.descriptor < 0 || file.identity() != spot.identity) return false;
  if (spot.after.empty()) return file.found.st_size == spot.offset;
  const auto now = read_at(file.descriptor, spot.offset, spot.after.size());
  return now && *now == spot.after;
}

Result<void> change(const Spot& spot, const std::string& to, std::string_view what) {
  const File file(spot.path, O_RDWR);
  if (file.descriptor < 0) return failure(spot.path, errno);
  if (file.identity() != spot.identity) return infrastructure(spot.path + " is another file now");
  Result<void> done;
  if (to.empty())
    done = ftruncate(file.descriptor, spot.offset) == 0 ? Result<void>() : failure("truncate", errno);
  else
    done = write_at(file.descriptor, spot.offset, to);
  if (!done) return infrastructure(spot.path + ": " + done.error().message);
  fsync(file.descriptor);
  const auto now = read_at(file.descriptor, spot.offset, std::max(to.size(), spot.before.size()));
  if (!now || now->substr(0, to.size()) != to || (to.empty() && !now->empty()))
    return infrastructure(spot.path + ": " + std::string(what) + " was not read back");
  return {};
}

class ArmedDamage final : public Armed {
 public:
  explicit ArmedDamage(std::vector<Spot> spots) : spots_(std::move(spots)) {}
  Result<void> commit() override {
    for (const Spot& spot : spots_) {
      // Its owner may have written since we looked: what is then saved would not be what was there.
      const File file(spot.path, O_RDONLY);
      const auto now = file.descriptor < 0 ? Result<std::string>(failure(spot.path, errno))
                                           : read_at(file.descriptor, spot.offset, spot.before.size());
      const bool grown = spot.after.empty() && file.found.st_size != spot.size;
      if (!now || *now != spot.before || grown) {
        ++skipped_;
        continue;
      }
      if (auto done = change(spot, spot.after, "the damage"); !done) return done;
    }
    if (skipped_ == spots_.size()) return infrastructure("its owner wrote to every file between look and moment");
    return {};
  }

 private:
  std::vector<Spot> spots_;
  std::size_t skipped_ = 0;
};

Result<std::vector<std::string>> files_of(const std::string& list) {
  const Output listed = run_script(list, 20s);
  if (listed.code != 0 && listed.out.empty())
    return infrastructure("its files could not be listed: " + listed.describe());
  auto names = lines_of(listed.out);
  std::erase_if(names, [](const std::string& name) {
    struct stat found {};
    return !name.starts_with('/') || lstat(name.c_str(), &found) != 0 || !S_ISREG(found.st_mode) || found.st_size == 0;
  });
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  if (names.empty()) return infrastructure("no file with content is there to be damaged");
  if (names.size() > kFilesMax) return infrastructure("more than 100000 files are there to choose from: name fewer");
  return names;
}

// What is to change in one file.
Result<std::vector<Spot>> plan(const std::string& path, const Entry& entry, Draw& draw) {
  const File file(path, O_RDONLY);
  if (file.descriptor < 0) return failure(path, errno);
  const std::int64_t size = file.found.st_size;
  const std::string_view action = field(entry.fields, "action");
  const std::int64_t bytes = std::clamp<std::int64_t>(to_number(field(entry.fields, "bytes")).value_or(0), 1, size);
  std::vector<Spot> out;
  const auto add = [&](std::int64_t offset, std::size_t length) -> Result<Spot*> {
    auto before = read_at(file.descriptor, offset, length);
    if (!before) return Failure(before.error());
    if (before->size() != length) return infrastructure(path + " became shorter while it was looked at");
    out.push_back({file.identity(), path, std::move(*before), "", offset, size});
    return &out.back();
  };
  if (action == "truncate") {
    if (auto added = add(size - bytes, static_cast<std::size_t>(bytes)); !added) return Failure(added.error());
  } else if (action == "bitflip") {
    std::vector<std::int64_t> offsets;
    const std::int64_t flips = std::clamp<std::int64_t>(to_number(field(entry.fields, "flips")).value_or(1), 1, 1000);
    for (std::int64_t i = 0; i < flips; ++i) {
      const auto offset = static_cast<std::int64_t>(draw.below(static_cast<std::uint64_t>(size)));
      const int bit = static_cast<int>(draw.below(8));
      if (std::find(offsets.begin(), offsets.end(), offset) != offsets.end()) continue;
      offsets.push_back(offset);
      auto spot = add(offset, 1);
      if (!spot) return Failure(spot.error());
      (*spot)->after = std::string(1, static_cast<char>((*spot)->before[0] ^ (1 << bit)));
    }
  } else {
    const std::int64_t chunk = std::min(bytes, size / 2);
    if (chunk < 1) return infrastructure(path + " is too short for a chunk of it to be copied");
    const auto places = static_cast<std::uint64_t>(size / chunk);
    const std::uint64_t from = draw.below(places);
    std::uint64_t to = draw.below(places - 1);
    if (to >= from) ++to;
    const auto source =
        read_at(file.descriptor, static_cast<std::int64_t>(from) * chunk, static_cast<std::size_t>(chunk));
    if (!source) return Failure(source.error());
    auto spot = add(static_cast<std::int64_t>(to) * chunk, source->size());
    if (!spot) return Failure(spot.error());
    (*spot)->after = *source;
    if ((*spot)->after == (*spot)->before) out.clear();  // the same bytes already: no damage
  }
  return out;
}

}  // namespace

Result<void> Damage::look(Entry& entry) const {
  const std::string_view action = field(entry.fields, "action");
  if (action != "truncate" && action != "bitflip" && action != "copy-chunk")
    return infrastructure("\"" + std::string(action) + "\" is no damage to a file");
  auto files = files_of(std::string(field(entry.fields, "list")));
  if (!files) return Failure(files.error());
  std::uint64_t seed = 0;
  const std::string_view text = field(entry.fields, "seed");
  std::from_chars(text.data(), text.data() + text.size(), seed);
  Draw draw(seed);
  const auto count =
      static_cast<std::size_t>(std::max<std::int64_t>(to_number(field(entry.fields, "count")).value_or(1), 1));
  std::int64_t saved = 0;
  std::size_t chosen = 0;
  while (!files->empty() && chosen < count) {
    const std::size_t at = draw.below(files->size());
    const std::string path = (*files)[at];
    files->erase(files->begin() + static_cast<std::ptrdiff_t>(at));
    const auto spots = plan(path, entry, draw);
    if (!spots) return Failure(spots.error());
    if (spots->empty()) continue;
    ++chosen;
    for (const Spot& spot : *spots) {
      saved += static_cast<std::int64_t>(spot.before.size());
      if (saved > kSavedBytesMax)
        return infrastructure("more than 4 MiB would change, which is more than is kept for the undo");
      entry.fields.emplace_back("spot", to_text(spot));
      entry.fields.emplace_back("old", spot.before);
      entry.fields.emplace_back("new", spot.after);
    }
  }
  if (chosen == 0) return infrastructure("no file is there in which that would change anything");
  return {};
}

Result<std::unique_ptr<Armed>> Damage::arm(Entry& entry) const {
  return std::make_unique<ArmedDamage>(spots_in(entry));
}

Fields Damage::prove(const Entry& entry) const {
  const auto spots = spots_in(entry);
  const auto there = std::count_if(spots.begin(), spots.end(),
                                   [](const Spot& spot) { return as_put(File(spot.path, O_RDONLY), spot); });
  Fields out{{"spots", std::to_string(spots.size())}, {"still_there", std::to_string(there)}};
  std::string last;
  for (const Spot& spot : spots)
    if (spot.path != last) out.emplace_back("file", last = spot.path);
  // It was read back when it was done, else the commit had failed.
  out.emplace_back("bit", entry.state == EntryState::applied ? "yes" : "no");
  return out;
}

Result<Undone> Damage::undo(const Entry& entry) const {
  std::size_t left = 0;
  for (const Spot& spot : spots_in(entry)) {
    const bool ours = as_put(File(spot.path, O_RDONLY), spot);
    if (!ours) {
      const File file(spot.path, O_RDONLY);
      const auto now = file.descriptor < 0 ? Result<std::string>(failure(spot.path, errno))
                                           : read_at(file.descriptor, spot.offset, spot.before.size());
      if (!now || *now != spot.before) ++left;
      continue;
    }
    if (auto put_back = change(spot, spot.before, "what was there"); !put_back) return Failure(put_back.error());
  }
  Undone undone;
  if (left > 0)
    undone.note = std::to_string(left) + " damaged places were written by their owner since, and are left as they are";
  return undone;
}

}  // namespace shaketable::agent

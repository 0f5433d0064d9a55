// Files that fill a disk and that no journal names any more.

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <set>
#include <sstream>

#include "nemesis/agent/leftovers.h"
#include "nemesis/agent/pressure.h"
#include "nemesis/agent/protocol.h"
#include "nemesis/agent/system.h"

namespace shaketable::agent {
namespace {

constexpr std::size_t kDirectoriesMost = 20'000;

struct Mounts {
  std::vector<std::string> disks;  // that can be written to, and are this machine's own
  std::set<std::string> points;    // of everything: what is remote may never answer, so nobody walks into one
};

Mounts read_mounts() {
  static const std::set<std::string> of_disks{"ext2", "ext3", "ext4", "xfs",     "btrfs", "f2fs",
                                              "zfs",  "jfs",  "vfat", "overlay", "tmpfs", "bcachefs"};
  Mounts out;
  const auto text = read_file("/proc/self/mountinfo");
  if (!text) return out;
  for (const std::string& line : lines_of(*text)) {
    std::istringstream words(line);
    std::string id, parent, device, root, point, options;
    if (!(words >> id >> parent >> device >> root >> point >> options)) continue;
    out.points.insert(point);
    const std::size_t dash = line.find(" - ");
    std::istringstream rest(dash == std::string::npos ? "" : line.substr(dash + 3));
    std::string type;
    rest >> type;
    if (of_disks.contains(type) && (options == "rw" || options.starts_with("rw,"))) out.disks.push_back(point);
  }
  return out;
}

bool is_fill(const std::string& name) {
  std::string key = name;
  if (key.ends_with(".probe")) key.resize(key.size() - 6);
  const std::size_t dot = key.rfind('.');
  return key.starts_with(kFillPrefix) && dot >= kFillPrefix.size() && to_number(key.substr(dot + 1)).has_value();
}

class Search {
 public:
  Search(Leftovers& out, const Mounts& mounts) : out_(out), mounts_(mounts) {}

  void look(const std::string& directory, int depth) {
    if (seen_.size() >= kDirectoriesMost || !seen_.insert(directory).second) return;
    for (const std::string& name : list_directory(directory)) {
      const std::string path = (directory == "/" ? "" : directory) + "/" + name;
      struct stat found {};
      if (mounts_.points.contains(path)) continue;
      if (is_fill(name) && lstat(path.c_str(), &found) == 0 && S_ISREG(found.st_mode)) {
        if (unlink(path.c_str()) == 0)
          out_.undone.push_back("a file that filled a disk, " + path);
        else
          out_.in_force.push_back("the filling file " + path + ": " + error_text(errno));
      } else if (depth > 0 && lstat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode)) {
        look(path, depth - 1);
      }
    }
  }

 private:
  Leftovers& out_;
  const Mounts& mounts_;
  std::set<std::string> seen_;
};

}  // namespace

void remove_fills(Leftovers& out) {
  const Mounts mounts = read_mounts();
  Search search(out, mounts);
  // Where systems keep their data, deeper than elsewhere.
  for (const char* usual : {"/var/lib", "/srv", "/opt"})
    if (!mounts.points.contains(usual)) search.look(usual, 3);
  for (const std::string& disk : mounts.disks) search.look(disk, disk == "/" ? 2 : 3);
}

}  // namespace shaketable::agent

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "nemesis/agent/pressure.h"
#include "nemesis/agent/system.h"

namespace shaketable::agent {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kProbeBytes = 64 * 1024;
constexpr std::int64_t kWriteBytesMax = 8LL << 30;  // where the disk cannot reserve room without writing it

std::int64_t room(const std::string& path) {
  struct statvfs disk {};
  if (statvfs(path.c_str(), &disk) != 0) return -1;
  return static_cast<std::int64_t>(disk.f_bfree) * static_cast<std::int64_t>(disk.f_frsize);
}

bool can_write(const std::string& path, std::int64_t bytes) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return false;
  const std::string content(static_cast<std::size_t>(bytes), 'x');
  const bool done =
      write(file, content.data(), content.size()) == static_cast<ssize_t>(content.size()) && fsync(file) == 0;
  close(file);
  unlink(path.c_str());
  return done;
}

Result<void> write_room(int file, std::int64_t bytes) {
  const std::string content(1 << 20, 'x');
  for (std::int64_t done = 0; done < std::min(bytes, kWriteBytesMax);) {
    const ssize_t put =
        write(file, content.data(), static_cast<std::size_t>(std::min<std::int64_t>(bytes - done, 1 << 20)));
    if (put < 0 && errno == ENOSPC) return {};
    if (put < 0) return failure("the filling file", errno);
    done += put;
  }
  if (bytes > kWriteBytesMax) return infrastructure("the disk has too much room to be filled byte by byte");
  return {};
}

class ArmedFill final : public Armed {
 public:
  ArmedFill(std::string file, std::string directory, std::int64_t leave)
      : file_(std::move(file)), directory_(std::move(directory)), leave_(leave) {}
  Result<void> commit() override {
    const int file = open(file_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) return failure(file_, errno);
    Result<void> done;
    std::int64_t size = 0;
    // What a disk says is free is not quite what it gives: ever smaller pieces, until not even a block is left.
    for (std::int64_t piece = room(directory_) - leave_; piece >= 4096;) {
      const int problem = posix_fallocate_or_errno(file, size, piece);
      if (problem == EOPNOTSUPP) {
        done = write_room(file, piece);
        break;
      }
      if (problem == 0)
        size += piece;
      else if (problem != ENOSPC && problem != EDQUOT && problem != EFBIG)
        return close_with(file, failure(file_, problem));
      else
        piece /= 2;
      piece = std::min(piece, room(directory_) - leave_);
    }
    // With room left over in the last blocks only; a write finds it.
    if (leave_ == 0 && done) {
      lseek(file, 0, SEEK_END);
      done = write_room(file, 16 << 20);
    }
    fsync(file);
    close(file);
    return done;
  }

 private:
  // fallocate(2) itself: the C library's posix_fallocate writes where the disk cannot.
  static int posix_fallocate_or_errno(int file, std::int64_t from, std::int64_t size) {
    return fallocate(file, 0, from, size) == 0 ? 0 : errno;
  }
  static Result<void> close_with(int file, Failure why) {
    close(file);
    return why;
  }
  std::string file_, directory_;
  std::int64_t leave_;
};

}  // namespace

Result<void> Fill::look(Entry& entry) const {
  const std::string path(field(entry.fields, "path"));
  struct stat found {};
  if (!path.starts_with('/') || stat(path.c_str(), &found) != 0 || !S_ISDIR(found.st_mode))
    return infrastructure("\"" + path + "\" is not a directory of this node");
  const std::int64_t free = room(path);
  const auto leave = to_number(field(entry.fields, "leave"));
  if (!leave || *leave < 0) return infrastructure("leave must be a number of bytes");
  if (free <= *leave) return infrastructure("no more than that is free already");
  const std::string file = path + "/" + std::string(kFillPrefix) + entry.key;
  if (exists(file)) return infrastructure(file + " is there already");
  set_field(entry.fields, "file", file);
  set_field(entry.fields, "free_before", std::to_string(free));
  return {};
}

Result<std::unique_ptr<Armed>> Fill::arm(Entry& entry) const {
  return std::make_unique<ArmedFill>(std::string(field(entry.fields, "file")), std::string(field(entry.fields, "path")),
                                     to_number(field(entry.fields, "leave")).value_or(0));
}

Fields Fill::prove(const Entry& entry) const {
  const std::string path(field(entry.fields, "path"));
  const std::int64_t leave = to_number(field(entry.fields, "leave")).value_or(0);
  const std::int64_t free = room(path);
  const bool full = leave > 0 ? free >= 0 && free <= leave + (1 << 20)
                              : !can_write(std::string(field(entry.fields, "file")) + ".probe", kProbeBytes);
  return {{"free_bytes", std::to_string(free)}, {"bit", full ? "yes" : "no"}};
}

Result<Undone> Fill::undo(const Entry& entry) const {
  const std::string file(field(entry.fields, "file"));
  if (file.empty()) return Undone();
  for (const std::string& path : {file + ".probe", file})
    if (unlink(path.c_str()) != 0 && errno != ENOENT) return failure(path, errno);
  Undone undone;
  if (exists(file)) return infrastructure(file + " is still there");
  return undone;
}

}  // namespace shaketable::agent

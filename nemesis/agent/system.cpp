#include "nemesis/agent/system.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "nemesis/agent/protocol.h"

namespace shaketable::agent {
namespace {

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

Nanos raw_now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_RAW, &now);
  return std::chrono::seconds(now.tv_sec) + Nanos(now.tv_nsec);
}

TimeOfDay look_at_clocks() {
  TimeOfDay best;
  std::int64_t shortest = INT64_MAX;
  for (int i = 0; i < 7; ++i) {
    const std::int64_t before = raw_now().count();
    timespec real{};
    clock_gettime(CLOCK_REALTIME, &real);
    const std::int64_t after = raw_now().count();
    if (after - before >= shortest) continue;
    shortest = after - before;
    best = {before + (after - before) / 2, real.tv_sec * 1'000'000'000 + real.tv_nsec};
  }
  return best;
}

void sleep_until_raw(Nanos moment) {
  // There is no clock_nanosleep on the raw clock. The last stretch is slept in short naps, so that a bent
  // CLOCK_MONOTONIC does not make us late.
  for (Nanos left = moment - raw_now(); left > Nanos(0); left = moment - raw_now()) {
    const Nanos nap = std::min<Nanos>(left, std::chrono::milliseconds(200));
    timespec wait{static_cast<time_t>(nap.count() / 1'000'000'000), static_cast<long>(nap.count() % 1'000'000'000)};
    nanosleep(&wait, nullptr);
  }
}

std::string boot_id() {
  auto id = read_file("/proc/sys/kernel/random/boot_id");
  if (!id) return {};
  while (!id->empty() && id->back() == '\n') id->pop_back();
  return *id;
}

std::string error_text(int number) {
  return std::strerror(number);
}

Failure failure(const std::string& what, int number) {
  return infrastructure(what + ": " + error_text(number));
}

Result<std::string> read_file(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return failure(path, errno);
  std::string out;
  char buffer[65536];
  while (true) {
    const ssize_t got = read(file, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const int why = errno;
      close(file);
      return failure(path, why);
    }
    if (got == 0) break;
    out.append(buffer, static_cast<std::size_t>(got));
  }
  close(file);
  return out;
}

Result<void> write_file(const std::string& path, std::string_view content, bool durable) {
  const std::string temporary = directory_of(path) + "/.new." + path.substr(path.rfind('/') + 1);
  const int file = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return failure(temporary, errno);
  const auto failed = [&](int why) -> Result<void> {
    close(file);
    unlink(temporary.c_str());
    return failure(temporary, why);
  };
  for (std::size_t at = 0; at < content.size();) {
    const ssize_t put = write(file, content.data() + at, content.size() - at);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return failed(put < 0 ? errno : ENOSPC);
    at += static_cast<std::size_t>(put);
  }
  if (durable && fsync(file) != 0) return failed(errno);
  if (close(file) != 0 || rename(temporary.c_str(), path.c_str()) != 0) {
    const int why = errno;
    unlink(temporary.c_str());
    return failure(path, why);
  }
  if (durable) sync_directory(directory_of(path));
  return {};
}

Result<void> make_directory(const std::string& path, int mode) {
  if (exists(path)) return {};
  if (const std::string above = directory_of(path); above != "/" && above != ".")
    if (auto made = make_directory(above, 0755); !made) return made;
  // The mode is what is asked for, whatever the umask.
  if (mkdir(path.c_str(), static_cast<mode_t>(mode)) != 0 && errno != EEXIST) return failure(path, errno);
  chmod(path.c_str(), static_cast<mode_t>(mode));
  return {};
}

void remove_tree(const std::string& path) {
  struct stat found {};
  if (lstat(path.c_str(), &found) != 0) return;
  if (!S_ISDIR(found.st_mode)) {
    unlink(path.c_str());
    return;
  }
  for (const std::string& name : list_directory(path)) remove_tree(path + "/" + name);
  rmdir(path.c_str());
}

bool exists(const std::string& path) {
  struct stat found {};
  return lstat(path.c_str(), &found) == 0;
}

std::vector<std::string> list_directory(const std::string& path) {
  std::vector<std::string> out;
  DIR* directory = opendir(path.c_str());
  if (!directory) return out;
  while (const dirent* entry = readdir(directory)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") out.push_back(name);
  }
  closedir(directory);
  std::sort(out.begin(), out.end());
  return out;
}

void sync_directory(const std::string& path) {
  const int directory = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return;
  fsync(directory);
  close(directory);
}

Result<void> write_to(int descriptor, std::string_view text, Nanos timeout) {
  const Nanos deadline = raw_now() + timeout;
  while (!text.empty()) {
    const ssize_t put = write(descriptor, text.data(), text.size());
    if (put > 0) {
      text.remove_prefix(static_cast<std::size_t>(put));
      continue;
    }
    if (put < 0 && errno != EAGAIN && errno != EINTR) return failure("write", errno);
    if (raw_now() >= deadline) return infrastructure("nobody took what was written in time");
    pollfd waiting{descriptor, POLLOUT, 0};
    poll(&waiting, 1, 100);
  }
  return {};
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (end > 0) out.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::string joined(const std::vector<std::string>& items, std::string_view separator) {
  std::string out;
  for (const std::string& item : items) {
    if (!out.empty()) out += separator;
    out += item;
  }
  return out;
}

std::string find_program(std::string_view name) {
  const char* path = std::getenv("PATH");
  std::string_view left = path ? path : "";
  while (!left.empty()) {
    const std::size_t end = std::min(left.find(':'), left.size());
    const std::string candidate = std::string(left.substr(0, end)) + "/" + std::string(name);
    if (end > 0 && access(candidate.c_str(), X_OK) == 0) return candidate;
    left.remove_prefix(std::min(end + 1, left.size()));
  }
  return {};
}

ChangeLock::ChangeLock(Nanos timeout) {
  if (!make_directory(std::string(kRunDirectory), 0700)) return;
  descriptor_ = open((std::string(kRunDirectory) + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor_ < 0) return;
  const Nanos deadline = raw_now() + timeout;
  while (flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    if (raw_now() >= deadline) return;
    usleep(2000);
  }
  held_ = true;
}

ChangeLock::~ChangeLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

}  // namespace shaketable::agent

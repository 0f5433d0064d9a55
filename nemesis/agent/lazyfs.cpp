#include "nemesis/agent/lazyfs.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "nemesis/agent/lost_writes.h"
#include "nemesis/agent/processes.h"
#include "nemesis/agent/system.h"

namespace shaketable::agent {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kClear = "lazyfs::clear-cache\n", kCleared = "finished::clear-cache";
constexpr Nanos kTakeTimeout = 10s, kClearTimeout = 20s;

std::string text_of(const Entry& entry, std::string_view name) {
  return std::string(field(entry.fields, name));
}

struct File {
  explicit File(int opened) : descriptor(opened) {}
  ~File() {
    if (descriptor >= 0) close(descriptor);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int descriptor;
};

bool is_fifo(const std::string& path) {
  struct stat found {};
  return stat(path.c_str(), &found) == 0 && S_ISFIFO(found.st_mode);
}

// Between two commands LazyFS may have its end closed for a moment.
Result<void> tell(const std::string& fifo) {
  for (const Nanos deadline = raw_now() + kTakeTimeout;;) {
    const File to(open(fifo.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    if (to.descriptor >= 0) return write_to(to.descriptor, kClear, kTakeTimeout);
    if (errno != ENXIO) return failure(fifo, errno);
    if (raw_now() >= deadline) return infrastructure("nobody reads " + fifo + ": does LazyFS run?");
    usleep(20'000);
  }
}

// What was said earlier is of no interest.
void drain(int descriptor) {
  char buffer[4096];
  while (read(descriptor, buffer, sizeof buffer) > 0) {
  }
}

Result<void> wait_for_word(int descriptor) {
  std::string said;
  for (const Nanos deadline = raw_now() + kClearTimeout; raw_now() < deadline;) {
    pollfd waiting{descriptor, POLLIN, 0};
    poll(&waiting, 1, 100);
    char buffer[4096];
    const ssize_t got = read(descriptor, buffer, sizeof buffer);
    if (got > 0) said.append(buffer, static_cast<std::size_t>(got));
    if (said.find(kCleared) != std::string::npos) return {};
  }
  return infrastructure("LazyFS did not say that its cache is cleared");
}

Result<void> end_system(const std::string& pids) {
  const auto processes = find_processes(pids);
  if (!processes) return infrastructure("the system ended before its moment came");
  for (const ProcessName& process : *processes) signal_process(process, SIGKILL);
  for (const Nanos deadline = raw_now() + 5s; std::any_of(processes->begin(), processes->end(), alive);) {
    if (raw_now() >= deadline) return infrastructure("a process lives on after SIGKILL");
    usleep(5000);
  }
  return {};
}

class ArmedLazyFs final : public Armed {
 public:
  explicit ArmedLazyFs(const Entry& entry) : entry_(entry) {}
  Result<void> commit() override {
    const std::string completed = text_of(entry_, "completed"), probe = text_of(entry_, "probe");
    // Read and write: so it can be opened before anybody writes to it, and LazyFS never waits for a reader.
    const File answer(completed.empty() ? -1 : open(completed.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (!completed.empty() && answer.descriptor < 0) return failure(completed, errno);
    if (answer.descriptor >= 0) drain(answer.descriptor);
    if (auto written = write_probe(probe); !written) return written;
    if (auto ended = end_system(text_of(entry_, "pids")); !ended) return ended;
    if (auto told = tell(text_of(entry_, "fifo")); !told) return told;
    if (answer.descriptor >= 0) {
      if (auto done = wait_for_word(answer.descriptor); !done) return done;
    } else {
      // It says nothing: then the probe shows it, or the proof will say that it did not bite.
      for (const Nanos deadline = raw_now() + kClearTimeout; raw_now() < deadline && probe_survived(probe);)
        usleep(20'000);
    }
    return start_system(entry_);
  }

 private:
  Entry entry_;
};

}  // namespace

LazyFsPipes pipes_of_config(std::string_view text) {
  LazyFsPipes out;
  for (const std::string& line : lines_of(text)) {
    const std::size_t begin = line.find_first_not_of(" \t"), equals = line.find('=');
    if (begin == std::string::npos || equals == std::string::npos) continue;
    std::string name = line.substr(begin, equals - begin);
    name.erase(name.find_last_not_of(" \t") + 1);
    const std::size_t open = line.find_first_of("\"'", equals);
    const std::size_t end = open == std::string::npos ? open : line.find(line[open], open + 1);
    if (end == std::string::npos) continue;
    const std::string value = line.substr(open + 1, end - open - 1);
    if (name == "fifo_path") out.fifo = value;
    if (name == "fifo_path_completed") out.completed = value;
  }
  return out;
}

Result<std::vector<Mount>> LazyFs::mounts() const {
  const auto text = read_file(proc_ + "/self/mountinfo");
  if (!text) return Failure(text.error());
  return to_mounts(*text);
}

Result<LazyFsPipes> LazyFs::pipes_of(const Mount& mount) const {
  for (const std::string& name : list_directory(proc_)) {
    if (!to_number(name)) continue;
    const auto line = read_file(proc_ + "/" + name + "/cmdline");
    if (!line) continue;
    std::vector<std::string> words;
    for (std::size_t at = 0; at < line->size();) {
      const std::size_t end = std::min(line->find('\0', at), line->size());
      words.push_back(line->substr(at, end - at));
      at = end + 1;
    }
    if (words.empty() || words[0].substr(words[0].rfind('/') + 1) != "lazyfs" ||
        std::find(words.begin(), words.end(), mount.point) == words.end())
      continue;
    std::string path;
    for (std::size_t i = 1; i < words.size(); ++i) {
      if (words[i] == "--config-path" && i + 1 < words.size()) path = words[i + 1];
      if (words[i].starts_with("--config-path=")) path = words[i].substr(words[i].find('=') + 1);
    }
    if (path.empty()) return infrastructure("LazyFS (process " + name + ") was started without --config-path");
    if (!path.starts_with('/')) path = proc_ + "/" + name + "/cwd/" + path;
    const auto config = read_file(path);
    if (!config) return infrastructure("the configuration of LazyFS: " + config.error().message);
    const LazyFsPipes pipes = pipes_of_config(*config);
    if (pipes.fifo.empty()) return infrastructure(path + " names no fifo_path, so LazyFS takes no commands");
    return pipes;
  }
  return infrastructure("no process of LazyFS is found that has " + mount.point +
                        " mounted: say where it takes commands (fifo)");
}

Result<void> LazyFs::look(Entry& entry) const {
  if (text_of(entry, "start").empty())
    return infrastructure("the system's file does not say how to start it (start), so nothing could undo this");
  const std::string path = text_of(entry, "path");
  const auto directory = existing_directory(path);
  if (!directory) return Failure(directory.error());
  const auto all = mounts();
  if (!all) return Failure(all.error());
  const auto mount = mount_of(*all, *directory);
  if (!mount || mount->type != "fuse.lazyfs")
    return infrastructure(path + " lies on " + (mount ? mount->point + " (" + mount->type + ")" : "nothing known") +
                          ", not on LazyFS (fuse.lazyfs)" +
                          (find_program("lazyfs").empty() ? ", and LazyFS is not on this node" : ""));
  LazyFsPipes pipes{text_of(entry, "fifo"), text_of(entry, "completed")};
  if (pipes.fifo.empty()) {
    auto told = pipes_of(*mount);
    if (!told) return Failure(told.error());
    pipes = std::move(*told);
  }
  for (const std::string& pipe : {pipes.fifo, pipes.completed})
    if (!pipe.empty() && !is_fifo(pipe)) return infrastructure(pipe + " is no named pipe");
  const auto found = find_processes(text_of(entry, "pids"));
  if (!found) return Failure(found.error());
  set_field(entry.fields, "fifo", pipes.fifo);
  set_field(entry.fields, "completed", pipes.completed);
  set_field(entry.fields, "point", mount->point);
  set_field(entry.fields, "processes", to_text(*found));
  set_field(entry.fields, "probe", *directory + "/.shaketable-unsynced." + entry.key);
  return {};
}

Result<std::unique_ptr<Armed>> LazyFs::arm(Entry& entry) const {
  return std::make_unique<ArmedLazyFs>(entry);
}

Fields LazyFs::prove(const Entry& entry) const {
  const bool survived = probe_survived(text_of(entry, "probe"));
  return {{"unsynced_file", survived ? "still there" : "lost"}, {"bit", survived ? "no" : "yes"}};
}

Result<Undone> LazyFs::undo(const Entry& entry) const {
  Undone undone;
  const auto all = mounts();
  const std::string point = text_of(entry, "point");
  const auto mount = all ? mount_of(*all, point) : std::nullopt;
  if (!mount || mount->point != point || mount->type != "fuse.lazyfs") {
    // On the bare directory below it the system would find other data, or none.
    const std::string what = "LazyFS is not mounted on " + point + " any more: the system was not started";
    (entry.boot == boot_id() ? undone.missing : undone.note) = what;
    return undone;
  }
  if (auto started = start_system(entry); !started) return Failure(started.error());
  unlink(text_of(entry, "probe").c_str());
  return undone;
}

}  // namespace shaketable::agent

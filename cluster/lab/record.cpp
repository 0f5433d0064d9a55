#include "cluster/lab/record.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <thread>

#include "base/duration.h"

namespace shaketable::lab {

using namespace std::chrono_literals;

Result<Record> read_record(const std::string& directory) {
  const Result<std::string> content = read_file(directory + "/record");
  if (!content) return Failure(content.error());
  Record record;
  std::istringstream lines(*content);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t space = line.find(' ');
    const std::string key = line.substr(0, space), value = space == std::string::npos ? "" : line.substr(space + 1);
    std::istringstream numbers(value);
    if (key == "kind")
      record.kind = value;
    else if (key == "name")
      record.name = value;
    else if (key == "nodes")
      numbers >> record.nodes;
    else if (key == "memory")
      numbers >> record.memory_bytes;
    else if (key == "disk")
      numbers >> record.disk_bytes;
    else if (key == "timeout_ns")
      record.timeout = Nanos(std::strtoll(value.c_str(), nullptr, 10));
    else if (key == "rootless")
      record.rootless = value == "1";
    else if (key == "ipv6")
      record.ipv6 = value == "1";
    else if (key == "layer")
      record.layer = value;
    else if (key == "package")
      record.packages.push_back(value);
    else if (key == "installed")
      record.installed.push_back(value);
    else if (key == "limit")
      record.limits.push_back(value);
    else if (key == "boot")
      record.boot = value;
    else if (key == "cgroup")
      record.cgroup = value;
    else if (key == "first")
      numbers >> record.first.pid >> record.first.start;
    else if (key == "node") {
      ProcessName process;
      numbers >> process.pid >> process.start;
      record.node_processes.push_back(process);
    }
  }
  if (record.nodes < 1 || record.name.empty()) return infrastructure(directory + "/record is not a lab's record");
  return record;
}

Result<void> write_record(const std::string& directory, const Record& record) {
  std::string text = fmt::format(
      "kind {}\nname {}\nnodes {}\nmemory {}\ndisk {}\ntimeout_ns {}\nrootless {}\nipv6 {}\nlayer {}\nboot {}\n",
      record.kind, record.name, record.nodes, record.memory_bytes, record.disk_bytes, record.timeout.count(),
      record.rootless ? 1 : 0, record.ipv6 ? 1 : 0, record.layer, record.boot);
  for (const std::string& package : record.packages) text += "package " + package + "\n";
  for (const std::string& package : record.installed) text += "installed " + package + "\n";
  for (const std::string& limit : record.limits) text += "limit " + limit + "\n";
  if (!record.cgroup.empty()) text += "cgroup " + record.cgroup + "\n";
  if (record.first.pid != 0) text += fmt::format("first {} {}\n", record.first.pid, record.first.start);
  for (const ProcessName& process : record.node_processes)
    text += fmt::format("node {} {}\n", process.pid, process.start);
  const std::string path = directory + "/record";
  if (auto written = write_file(path + ".new", text); !written) return written;
  if (std::rename((path + ".new").c_str(), path.c_str()) != 0) return system_failure("cannot write " + path);
  return {};
}

Result<std::string> state_root() {
  std::string root;
  if (const char* set = std::getenv("SHAKETABLE_STATE_DIR"); set && *set) {
    root = set;
  } else if (geteuid() == 0) {
    root = "/var/lib/shaketable";
  } else if (const char* state = std::getenv("XDG_STATE_HOME"); state && *state) {
    root = std::string(state) + "/shaketable";
  } else if (const char* home = std::getenv("HOME"); home && *home) {
    root = std::string(home) + "/.local/state/shaketable";
  } else {
    return infrastructure("there is no place for the lab's state: set SHAKETABLE_STATE_DIR to a directory");
  }
  std::error_code error;
  root = std::filesystem::weakly_canonical(std::filesystem::absolute(root), error);
  while (root.size() > 1 && root.back() == '/') root.pop_back();
  if (error || root.find_first_of(":,\\ \n") != std::string::npos)
    return infrastructure(
        fmt::format("the lab's state directory {} cannot be used: its name must be free of blanks and of : , \\ "
                    "(overlay mounts take them specially); set SHAKETABLE_STATE_DIR to another",
                    root));
  for (const char* lower : {"/usr/", "/etc/", "/opt/"})
    if ((root + "/").starts_with(lower))
      return infrastructure(
          fmt::format("the lab's state directory {} lies in {}, which the nodes' root is made of; set "
                      "SHAKETABLE_STATE_DIR to another",
                      root, lower));
  return root;
}

std::string lab_directory(const std::string& root, const std::string& name) {
  return root + "/labs/" + name;
}

Result<Descriptor> lock_file(const std::string& path, bool shared, Nanos timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    Descriptor file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!file) return system_failure("cannot open the lock " + path);
    if (flock(file.get(), (shared ? LOCK_SH : LOCK_EX) | LOCK_NB) == 0) {
      // Who held it may have removed the file: then this lock is on a file that nobody else will find.
      struct stat ours, there;
      if (fstat(file.get(), &ours) == 0 && stat(path.c_str(), &there) == 0 && ours.st_ino == there.st_ino &&
          ours.st_dev == there.st_dev)
        return file;
      continue;
    }
    if (errno != EWOULDBLOCK && errno != EINTR) return system_failure("cannot lock " + path);
    if (std::chrono::steady_clock::now() > deadline)
      return infrastructure(
          fmt::format("another process has held {} for more than {}", path, format_duration(timeout)));
    std::this_thread::sleep_for(20ms);
  }
}

Result<LabLock> LabLock::take(const std::string& root, const std::string& name, Nanos timeout) {
  if (auto made = make_directory(root + "/labs"); !made) return Failure(made.error());
  const std::string path = root + "/labs/." + name + ".lock";
  Result<Descriptor> file = lock_file(path, false, timeout);
  if (!file) return Failure(std::move(file.error()).in("lab " + name + " is being brought up or down elsewhere"));
  return LabLock(std::move(*file), path);
}

LabLock::~LabLock() {
  if (file_) unlink(path_.c_str());
}

}  // namespace shaketable::lab

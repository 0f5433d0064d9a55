#pragma once
// An sshd of the test's own: a child process on a free port of 127.0.0.1 with throwaway keys and its own home
// directory.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "cluster/local_process.h"
#include "cluster/node_spec.h"
#include "cluster/unique_fd.h"

namespace shaketable::testing {

namespace fs = std::filesystem;

// Gone with its content when it goes out of scope.
class Folder {
 public:
  Folder() {
    std::string pattern = (fs::temp_directory_path() / "shaketable-test-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()));
    path_ = pattern;
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  std::string path() const { return path_.string(); }

 private:
  fs::path path_;
};

inline void write_file(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

inline std::string read_file(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

// Runs a program to its end and gives back its standard output's first line.
inline std::string run_local(std::vector<std::string> arguments, std::map<std::string, std::string> environment = {}) {
  LocalProcessSpec spec;
  spec.arguments = std::move(arguments);
  spec.environment = std::move(environment);
  auto process = LocalProcess::start(spec);
  REQUIRE(process);
  (*process)->close_input();
  const auto line = (*process)->read_line(std::chrono::seconds(20));
  const auto exit = (*process)->wait(std::chrono::seconds(20));
  INFO(spec.arguments.front() << ": " << (*process)->error_output());
  REQUIRE(exit);
  REQUIRE(exit->exit_code == 0);
  return line ? *line : "";
}

inline void make_key(const std::string& path) {
  run_local({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", path});
}

inline std::string user_name() {
  return ::getpwuid(::getuid())->pw_name;
}

// A port that was free a moment ago; `keep` gets the listening socket when it is to stay taken.
inline int free_port(UniqueFd* keep = nullptr) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  if (keep) {
    REQUIRE(::listen(fd.get(), 1) == 0);
    *keep = std::move(fd);
  }
  return ntohs(address.sin_port);
}

// Every process below `pid`, children before grandchildren. One that ends meanwhile has none.
inline std::vector<pid_t> descendants(pid_t pid) {
  std::vector<pid_t> found{pid};
  for (std::size_t i = 0; i < found.size(); ++i) {
    std::error_code ended;
    for (fs::directory_iterator task("/proc/" + std::to_string(found[i]) + "/task", ended), end; !ended && task != end;
         task.increment(ended)) {
      std::ifstream children(task->path() / "children");
      for (pid_t child = 0; children >> child;) found.push_back(child);
    }
  }
  found.erase(found.begin());
  return found;
}

inline std::string command_of(pid_t pid) {
  std::string name = read_file("/proc/" + std::to_string(pid) + "/comm");
  if (!name.empty()) name.pop_back();
  return name;
}

// Zombies count as dead: who has to reap them is none of the test's business.
inline bool is_alive(pid_t pid) {
  const std::string stat = read_file("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t end = stat.rfind(')');
  return end != std::string::npos && stat.size() > end + 2 && stat[end + 2] != 'Z' && stat[end + 2] != 'X';
}

// For what happens "soon": looks every few milliseconds for up to 10 s.
template <class Condition>
bool eventually(Condition condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    ::usleep(5000);
  }
  return false;
}

class OwnSshd {
 public:
  explicit OwnSshd(const std::string& more_settings = "Subsystem sftp internal-sftp\n") : port_(free_port()) {
    if (::getuid() == 0) fs::create_directories("/run/sshd");  // sshd insists on it
    fs::create_directories(home());
    make_key(folder_ / "host_key");
    make_key(identity());
    write_file(known_hosts(), "[127.0.0.1]:" + std::to_string(port_) + " " + host_public_key() + "\n");
    // HOME is what bash sources ~/.bashrc from: the tester's own is none of our business.
    write_file(folder_ / "authorized_keys", "environment=\"HOME=" + home() + "\" " + read_file(identity() + ".pub"));
    write_file(folder_ / "sshd_config",
               "ListenAddress 127.0.0.1\nPort " + std::to_string(port_) + "\nHostKey " + (folder_ / "host_key") +
                   "\nPidFile none\nAuthorizedKeysFile " + (folder_ / "authorized_keys") +
                   "\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\n"
                   "KbdInteractiveAuthentication no\nPermitUserEnvironment yes\nPrintMotd no\nMaxStartups 50\n"
                   "KexAlgorithms curve25519-sha256\n" +
                   more_settings);
    start();
  }

  void start() {
    LocalProcessSpec spec;
    spec.arguments = {"/usr/sbin/sshd", "-D", "-e", "-f", folder_ / "sshd_config"};
    auto process = LocalProcess::start(spec);
    REQUIRE(process);
    process_ = std::move(*process);
    const bool listens = eventually([&] {
      return process_->error_output(1 << 16).find("Server listening") != std::string::npos || process_->wait(Nanos(0));
    });
    INFO(log());
    REQUIRE(listens);
    REQUIRE_FALSE(process_->wait(Nanos(0)));
  }
  ~OwnSshd() { stop(); }
  OwnSshd(const OwnSshd&) = delete;
  OwnSshd& operator=(const OwnSshd&) = delete;
  // Its sessions are process groups of their own.
  void stop() {
    if (!process_) return;
    const auto sessions = session_processes();
    process_.reset();
    for (const pid_t pid : sessions) ::kill(pid, SIGKILL);
  }

  int port() const { return port_; }
  std::string identity() const { return folder_ / "identity"; }
  std::string known_hosts() const { return folder_ / "known_hosts"; }
  std::string home() const { return folder_ / "home"; }
  std::string folder() const { return folder_.path(); }
  std::string log() const { return process_->error_output(1 << 16); }
  std::string host_public_key() const {  // type and base64
    std::istringstream in(read_file(folder_ / "host_key.pub"));
    std::string type, key;
    in >> type >> key;
    return type + " " + key;
  }

  NodeSpec node() const {
    NodeSpec spec;
    spec.name = "n1";
    spec.host = "127.0.0.1";
    spec.address = "127.0.0.1";
    spec.ssh.user = user_name();
    spec.ssh.port = port_;
    spec.ssh.identity_files = {identity()};
    spec.ssh.use_agent = false;
    spec.ssh.known_hosts = known_hosts();
    spec.ssh.config = "none";
    return spec;
  }

  // The processes of sshd that serve connections, not what they run.
  std::vector<pid_t> session_processes() const {
    std::vector<pid_t> out;
    for (const pid_t pid : descendants(process_->pid()))
      if (command_of(pid) == "sshd") out.push_back(pid);
    return out;
  }
  void signal_sessions(int signal) const {
    const auto processes = session_processes();
    REQUIRE_FALSE(processes.empty());
    for (const pid_t pid : processes) REQUIRE(::kill(pid, signal) == 0);
  }

 private:
  Folder folder_;
  int port_;
  std::unique_ptr<LocalProcess> process_;
};

}  // namespace shaketable::testing

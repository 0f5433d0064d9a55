#include "cluster/lab/node_files.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <sstream>
#include <system_error>

#include "cluster/lab/processes.h"

namespace shaketable::lab {
namespace {

constexpr std::string_view kSshdConfig = R"(ListenAddress 0.0.0.0
ListenAddress ::
HostKey /etc/ssh/lab_host_key
AuthorizedKeysFile .ssh/authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
X11Forwarding no
PrintMotd no
# The default, sntrup761, costs 0.2 s of processor time a connection.
KexAlgorithms curve25519-sha256
MaxStartups 200
MaxSessions 200
LogLevel ERROR
PidFile none
Subsystem sftp internal-sftp
)";

// No password of the host's is of use in a node, and sshd takes an account whose password starts with ! for locked.
std::string without_passwords(const std::string& shadow) {
  std::istringstream lines(shadow);
  std::string out;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t from = line.find(':'), to = from == std::string::npos ? from : line.find(':', from + 1);
    if (to != std::string::npos) line.replace(from + 1, to - from - 1, 1, '*');
    out += line + "\n";
  }
  return out;
}

// For those who may not read the machine's.
Result<std::string> shadow_of(const std::string& accounts) {
  const Result<std::string> passwd = read_file(accounts);
  if (!passwd) return Failure(passwd.error());
  std::istringstream lines(*passwd);
  std::string out;
  for (std::string line; std::getline(lines, line);)
    if (const std::size_t colon = line.find(':'); colon != std::string::npos)
      out += line.substr(0, colon) + ":*:19000:0:99999:7:::\n";
  return out;
}

}  // namespace

Result<void> write_node_files(const Record& record, const std::string& directory, const std::string& name,
                              const std::string& root) {
  const Result<std::string> host_key = read_file(directory + "/host_" + name);
  const Result<std::string> authorized = read_file(directory + "/id.pub");
  const bool synthetic = record.rootless && access((root + "/etc/shadow").c_str(), R_OK) != 0;
  const Result<std::string> shadow = synthetic ? shadow_of(root + "/etc/passwd") : read_file(root + "/etc/shadow");
  const Result<std::string> random = read_file("/proc/sys/kernel/random/uuid");
  for (const auto* part : {&host_key, &authorized, &shadow, &random})
    if (!*part) return Failure(part->error());
  std::string machine = *random;
  std::erase(machine, '-');
  struct File {
    std::string path, content;
    int mode;
  };
  for (const char* needed : {"/root/.ssh", "/run/sshd", "/etc/ssh"})
    if (auto made = make_directory(root + needed, needed == std::string_view("/root/.ssh") ? 0700 : 0755); !made)
      return made;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(root + "/etc/ssh", error))
    if (entry.path().filename().string().starts_with("ssh_host_")) unlink(entry.path().c_str());  // the host's own keys
  rmdir((root + "/data/lost+found").c_str());  // databases like their directories empty
  for (const char* path : {"/etc/resolv.conf", "/etc/nologin", "/etc/hosts.deny"}) unlink((root + path).c_str());
  for (const File& file : {File{"/etc/hosts", hosts_file(record), 0644},
                           {"/etc/hostname", name + "\n", 0644},
                           {"/etc/machine-id", machine, 0444},
                           {"/etc/shadow", without_passwords(*shadow), 0640},
                           {"/etc/ssh/lab_host_key", *host_key, 0600},
                           {"/root/.ssh/authorized_keys", *authorized, 0600},
                           {"/etc/ssh/lab_sshd_config", std::string(kSshdConfig), 0644}})
    if (auto written = write_file(root + file.path, file.content, file.mode); !written) return written;
  return {};
}

pid_t start_sshd() {
  const pid_t child = fork();
  if (child != 0) return child;
  setsid();
  signal(SIGPIPE, SIG_DFL);
  // Its log lies in the node, under the node's cap. -D: it stays in the foreground, so that its end is seen.
  execl("/usr/sbin/sshd", "/usr/sbin/sshd", "-D", "-f", "/etc/ssh/lab_sshd_config", "-E", "/var/log/sshd.log", nullptr);
  dprintf(2, "cannot start /usr/sbin/sshd: errno %d\n", errno);
  _exit(127);
}

}  // namespace shaketable::lab

#pragma once
// Slurm on this machine for as long as a test needs it: munged, slurmctld and slurmd on loopback, all their files in a
// folder of the test's own, nothing of the machine's own Slurm touched.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <thread>
#include <vector>

#include "base/random.h"
#include "tests/orchestrator/program.h"

namespace shaketable::testing {

inline int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool good = fd >= 0 && ::bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  if (fd >= 0) ::close(fd);
  return good ? ntohs(address.sin_port) : 0;
}

class OwnSlurm {
 public:
  static bool installed() {
    for (const char* program : {"/usr/bin/sbatch", "/usr/sbin/slurmctld", "/usr/sbin/slurmd", "/usr/sbin/munged"})
      if (::access(program, X_OK) != 0) return false;
    return true;
  }

  OwnSlurm() {
    for (const char* folder : {"munge", "state", "spool"}) std::filesystem::create_directory(scratch_ / folder);
    std::filesystem::permissions(scratch_ / "munge", std::filesystem::perms::owner_all);
    {
      std::ofstream key(scratch_ / "munge/key", std::ios::binary);
      Random random(static_cast<std::uint64_t>(::getpid()));
      for (int i = 0; i < 128; ++i) key.put(static_cast<char>(random.below(256)));
    }
    std::filesystem::permissions(scratch_ / "munge/key",
                                 std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    char host[256] = {};
    ::gethostname(host, sizeof host - 1);
    std::string name = host;
    name = name.substr(0, name.find('.'));
    // Without cgroups, accounts and e-mail; two tasks at once, however many processors there are.
    std::ofstream(conf()) << "ClusterName=test\nSlurmctldHost=" << name
                          << "(127.0.0.1)\nSlurmUser=root\nSlurmdUser=root\n"
                          << "SlurmctldPort=" << free_port() << "\nSlurmdPort=" << free_port()
                          << "\nAuthType=auth/munge\nAuthInfo=socket=" << scratch_ / "munge/socket"
                          << "\nStateSaveLocation=" << scratch_ / "state"
                          << "\nSlurmdSpoolDir=" << scratch_ / "spool"
                          << "\nSlurmctldPidFile=" << scratch_ / "ctld.pid"
                          << "\nSlurmdPidFile=" << scratch_ / "d.pid"
                          << "\nSlurmctldLogFile=" << scratch_ / "ctld.log"
                          << "\nSlurmdLogFile=" << scratch_ / "d.log"
                          << "\nMailProg=/bin/true\nProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\n"
                             "SelectType=select/cons_tres\nSelectTypeParameters=CR_CPU\n"
                             "AccountingStorageType=accounting_storage/none\nJobAcctGatherType=jobacct_gather/none\n"
                             "MpiDefault=none\nSwitchType=switch/none\nReturnToService=2\n"
                             "CommunicationParameters=NoCtldInAddrAny,NoInAddrAny\n"
                             "SlurmdParameters=config_overrides\nPropagateResourceLimits=NONE\n"
                             "NodeName=node NodeAddr=127.0.0.1 CPUs=2 RealMemory=100 State=UNKNOWN\n"
                             "PartitionName=debug Nodes=node Default=YES MaxTime=INFINITE State=UP\n";
    start({"/usr/sbin/munged", "--foreground", "--force", "--key-file=" + (scratch_ / "munge/key"),
           "--socket=" + (scratch_ / "munge/socket"), "--pid-file=" + (scratch_ / "munge/pid"),
           "--log-file=" + (scratch_ / "munge/log"), "--seed-file=" + (scratch_ / "munge/seed")});
    for (int i = 0; i < 400 && !std::filesystem::exists(scratch_ / "munge/socket"); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    start({"/usr/sbin/slurmctld", "-D", "-f", conf()});
    start({"/usr/sbin/slurmd", "-D", "-N", "node", "-f", conf()});
  }

  // slurmd and slurmctld end when asked; killed, they would leave the steps of jobs behind.
  ~OwnSlurm() {
    for (auto process = processes_.rbegin(); process != processes_.rend(); ++process) {
      ::kill((*process)->pid(), SIGTERM);
      (void)(*process)->wait(std::chrono::seconds(30)).has_value();
    }
  }

  std::string conf() const { return scratch_ / "slurm.conf"; }
  // Its node is ready for jobs.
  bool ready(std::chrono::seconds timeout) const {
    for (const auto end = std::chrono::steady_clock::now() + timeout; std::chrono::steady_clock::now() < end;) {
      LocalProcessSpec spec;
      spec.arguments = {"/usr/bin/sinfo", "--noheader", "--format=%t"};
      spec.environment["SLURM_CONF"] = conf();
      if (const auto sinfo = LocalProcess::start(spec)) {
        const auto state = (*sinfo)->read_line(std::chrono::seconds(20));
        (void)(*sinfo)->wait(std::chrono::seconds(20)).has_value();
        if (state && state->starts_with("idle")) return true;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
    }
    return false;
  }
  std::string logs() const { return content_of(scratch_ / "ctld.log") + content_of(scratch_ / "d.log"); }

 private:
  void start(const std::vector<std::string>& arguments) {
    LocalProcessSpec spec;
    spec.arguments = arguments;
    spec.environment["SLURM_CONF"] = conf();
    spec.error_file = scratch_ / "said";
    auto process = LocalProcess::start(spec);
    if (process) processes_.push_back(std::move(*process));
  }

  Scratch scratch_;
  std::vector<std::unique_ptr<LocalProcess>> processes_;
};

}  // namespace shaketable::testing

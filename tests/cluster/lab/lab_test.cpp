// The lab for real: needs root, and apt's mirrors the first time.
#include "cluster/lab/lab.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <sstream>
#include <thread>

#include "base/text.h"
#include "cluster/lab/plumbing.h"
#include "cluster/lab/record.h"
#include "tests/cluster/lab/test_lab.h"

namespace shaketable {

using namespace testing;

TEST_CASE("five nodes answer ssh under their own names and keys, and leave nothing behind") {
  if (!lab_is_possible()) return;
  const Traces before;
  LabStatus status;
  std::string cgroup;
  std::vector<lab::ProcessName> processes;
  {
    TestLab lab(5);
    status = lab.status;
    cgroup = lab::read_record(status.directory)->cgroup;
    processes = descendants(status.first_process);
    CHECK(processes.size() >= 11);  // the first process, and for each node its own and sshd
    CHECK(Traces() == before);
    REQUIRE(status.nodes.size() == 5);
    CHECK(status.nodes[4].name == "n5");
    CHECK(status.nodes[4].address == "10.77.0.5");
    CHECK(status.nodes[4].address6 == "fd77::5");
    CHECK(status.nodes[4].host_key_alias == "n5");
    CHECK(fs::exists(status.nodes[4].ssh.identity_files.at(0)));
    CHECK(Lab::status(lab.name)->nodes.size() == 5);
    for (const NodeSpec& node : status.nodes) {
      const Ended there = ssh(lab.name, node.name, "hostname; cat /proc/1/comm");
      CHECK(there.out == node.name + "\nlab-" + node.name + "\n");
      CHECK(there.code == 0);
    }
    const Ended pings =
        ssh(lab.name, "n1",
            "for i in 1 2 3 4 5; do ping -q -n -c1 -W2 10.77.0.$i >/dev/null && ping -q -n -c1 -W2 fd77::$i >/dev/null "
            "|| echo no $i; done; ping -q -n -c1 -W2 fd77::fe >/dev/null && echo controller");
    CHECK(pings.out == "controller\n");
  }
  CHECK(eventually([&] { return is_gone(status, cgroup, processes); }));
  CHECK(Traces() == before);
}

TEST_CASE("a node whose host key is another one's is refused") {
  if (!lab_is_possible()) return;
  const TestLab lab(2);
  const Ended refused = in_child([&] {
    (void)Lab::exec(lab.name, {"ssh", "-F", lab.status.directory + "/ssh_config", "-o", "HostKeyAlias=n2", "-o",
                               "BatchMode=yes", "n1", "true"});
    return 99;
  });
  CHECK(refused.code == 255);
  CHECK_THAT(refused.out, Catch::Contains("Host key verification failed"));
}

TEST_CASE("a process that enters the lab's network reaches the nodes") {
  if (!lab_is_possible()) return;
  const TestLab lab(1);
  const auto reach = [] {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(22);
    inet_pton(AF_INET, "10.77.0.1", &address.sin_addr);
    const lab::Descriptor connection(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval patience{1, 0};
    setsockopt(connection.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    return connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : 1;
  };
  CHECK(in_child([&] { return Lab::enter_network(lab.name) ? reach() : 2; }).code == 0);
  const Ended named = in_child([&] {
    (void)Lab::exec(lab.name, {"getent", "ahostsv4", "n1"});
    return 99;
  });
  CHECK_THAT(named.out, Catch::StartsWith("10.77.0.1"));
}

TEST_CASE("killing the lab's first process takes everything along") {
  if (!lab_is_possible()) return;
  const Traces before;
  const TestLab lab(3);
  const std::string cgroup = lab::read_record(lab.status.directory)->cgroup;
  CHECK(ssh(lab.name, "n2", "setsid sleep 1000 >/dev/null 2>&1 </dev/null & echo begun").out == "begun\n");
  const auto processes = descendants(lab.status.first_process);
  CHECK(processes.size() >= 8);
  CHECK_FALSE(loop_files(lab.status.directory).empty());
  REQUIRE(kill(lab.status.node_processes.at(0), SIGKILL) == 0);  // one node alone first
  CHECK(eventually([&] { return Lab::status(lab.name)->node_processes.at(0) == 0; }));
  CHECK(ssh(lab.name, "n3", "hostname").out == "n3\n");
  REQUIRE(kill(lab.status.first_process, SIGKILL) == 0);
  CHECK(eventually([&] { return std::none_of(processes.begin(), processes.end(), lab::is_alive); }));
  CHECK(eventually([&] { return loop_files(lab.status.directory).empty(); }));
  CHECK(Traces() == before);
  const Result<LabStatus> after = Lab::status(lab.name);
  REQUIRE(after);
  CHECK_FALSE(after->running);
  CHECK(is_gone(lab.status, cgroup, processes));
}

TEST_CASE("a node cannot touch the machine that it runs on") {
  if (!lab_is_possible()) return;
  const TestLab lab(1);
  // Looked at before it is tried: were CAP_SYS_TIME there, `date -s` would set this machine's clock.
  const Ended bounding = ssh(lab.name, "n1", "grep -E 'Cap(Bnd|Eff|Prm|Inh|Amb)' /proc/self/status | cut -f2");
  std::istringstream sets(bounding.out);
  int seen = 0;
  for (std::string set; sets >> set; ++seen) {
    const std::uint64_t bits = std::strtoull(set.c_str(), nullptr, 16);
    for (const int forbidden :
         {25 /* sys_time */, 16 /* sys_module */, 17 /* sys_rawio */, 21 /* sys_admin */, 22 /* sys_boot */,
          27 /* mknod */, 34 /* syslog */, 2 /* dac_read_search */, 39 /* bpf */})
      REQUIRE((bits >> forbidden & 1) == 0);
  }
  REQUIRE(seen == 5);
  const Ended clock = ssh(lab.name, "n1", "date -s \"@$(date +%s)\"");
  CHECK(clock.code == 1);
  CHECK_THAT(clock.out, Catch::Contains("Operation not permitted"));
  CHECK(ssh(lab.name, "n1", "mount -t tmpfs none /mnt").code != 0);
  CHECK(ssh(lab.name, "n1", "mknod /tmp/disk b 254 0").code != 0);
  CHECK_THAT(ssh(lab.name, "n1", "cat /proc/sys/kernel/panic > /proc/sys/kernel/panic").out,
             Catch::Contains("Read-only"));
  CHECK(ssh(lab.name, "n1", "cat /proc/sys/net/ipv4/ip_forward > /proc/sys/net/ipv4/ip_forward").code == 0);
}

TEST_CASE("a node sees programs and configuration of the host, and nothing of its data") {
  if (!lab_is_possible()) return;
  const TestLab lab(1);
  CHECK(ssh(lab.name, "n1", "ls -A /home /srv /mnt /media /data /tmp").out ==
        "/data:\n\n/home:\n\n/media:\n\n/mnt:\n\n/srv:\n\n/tmp:\n");
  CHECK(ssh(lab.name, "n1", "ls -A /root").out == ".ssh\n");
  CHECK(ssh(lab.name, "n1", "ls /etc/ssh/ssh_host_* 2>/dev/null | wc -l").out == "0\n");
  CHECK(ssh(lab.name, "n1",
            "find /var/lib -name postmaster.pid; find /var/log -type f | grep -v -e sshd.log -e dpkg.log -e apt/ -e "
            "alternatives")
            .out == "");
  CHECK(ssh(lab.name, "n1", "cut -d: -f2 /etc/shadow | sort -u").out == "*\n");
  // Both protocols can be filtered: what partitions are made of.
  CHECK(ssh(lab.name, "n1",
            "iptables -A INPUT -s 10.77.0.9 -j DROP && ip6tables -A INPUT -s fd77::9 -j DROP && echo both")
            .out == "both\n");
}

TEST_CASE("a node's disk and memory end where they should") {
  if (!lab_is_possible()) return;
  const TestLab lab(2, [](LabSpec& spec) {
    spec.node_disk_bytes = 64 << 20;
    spec.node_memory_bytes = 96 << 20;
  });
  const Ended full = ssh(lab.name, "n1", "head -c 100M /dev/zero > /data/much");
  CHECK_THAT(full.out, Catch::Contains("No space left on device"));
  CHECK(ssh(lab.name, "n2", "echo room > /data/file && cat /data/file").out == "room\n");
  CHECK_THAT(ssh(lab.name, "n1", "head -c 60M /dev/zero > /tmp/much").out, Catch::Contains("No space left on device"));
  CHECK(ssh(lab.name, "n1", "rm /data/much /tmp/much; echo again").out == "again\n");
  const bool bounded = std::none_of(lab.status.limits.begin(), lab.status.limits.end(),
                                    [](const std::string& limit) { return limit.starts_with("memory"); });
  if (!bounded) {
    WARN("skipped in part: " << join(lab.status.limits));
    return;
  }
  // tail keeps the whole last line, and there is only one.
  CHECK(ssh(lab.name, "n1", "head -c 400M /dev/zero | tail -n1 >/dev/null").code == 137);
  CHECK(ssh(lab.name, "n1", "head -c 20M /dev/zero | tail -n1 >/dev/null; echo alive").out == "alive\n");
}

TEST_CASE("two labs with the same addresses live side by side") {
  if (!lab_is_possible()) return;
  const TestLab one(1), other(1);
  CHECK(ssh(one.name, "n1", "echo one > /tmp/mark").code == 0);
  CHECK(ssh(other.name, "n1", "cat /tmp/mark").code != 0);
  CHECK(ssh(one.name, "n1", "cat /tmp/mark").out == "one\n");
  const auto names = Lab::names();
  for (const TestLab* lab : {&one, &other}) CHECK(std::count(names.begin(), names.end(), lab->name) == 1);
}

TEST_CASE("a lab that is up is not brought up again, whoever comes first") {
  if (!lab_is_possible()) return;
  LabSpec spec;
  spec.name = fmt::format("test-{}-race", getpid());
  spec.nodes = 1;
  Result<LabStatus> first = infrastructure(""), second = infrastructure("");
  {
    const std::jthread one([&] { first = Lab::up(spec); }), other([&] { second = Lab::up(spec); });
  }
  CHECK(first.has_value() != second.has_value());
  const Error& error = first ? second.error() : first.error();
  CHECK_THAT(error.message,
             Catch::Contains("is up already") && Catch::Contains("shaketable lab down --lab " + spec.name));
  CHECK(Lab::down(spec.name));
  CHECK(Lab::down(spec.name));  // fine when it is not up
  CHECK_FALSE(fs::exists((first ? *first : *second).directory));
}

TEST_CASE("the record of a dead lab is recognised, also when its process number lives on") {
  if (!lab_is_possible()) return;
  const TestLab lab(1);
  REQUIRE(Lab::down(lab.name));
  lab::Record record;
  record.name = lab.name;
  record.nodes = 1;
  record.boot = lab::boot_id();
  record.first = lab::name_process(getpid()).value();
  const auto leave = [&] {
    REQUIRE(lab::make_directory(lab.status.directory));
    REQUIRE(lab::write_record(lab.status.directory, record));
  };
  leave();
  CHECK(Lab::status(lab.name)->running);
  record.first.start += 1;
  leave();
  CHECK_FALSE(Lab::status(lab.name)->running);
  CHECK_FALSE(fs::exists(lab.status.directory));
  record.first.start -= 1;
  record.boot = "another";
  leave();
  LabSpec spec;
  spec.name = lab.name;
  spec.nodes = 1;
  CHECK(Lab::up(spec));
}

TEST_CASE("packages go into the nodes and not onto the machine, and nothing is started") {
  if (!lab_is_possible()) return;
  const std::string books = contents("/var/lib/dpkg/status");
  const bool had = fs::exists("/usr/bin/etcd");
  const TestLab lab(2, [](LabSpec& spec) { spec.packages = {"etcd-server"}; });
  CHECK_THAT(ssh(lab.name, "n2", "etcd --version").out, Catch::StartsWith("etcd Version"));
  CHECK(ssh(lab.name, "n2", "dpkg-query -W -f='${Status}' etcd-server").out == "install ok installed");
  CHECK(ssh(lab.name, "n1", "ls -A /var/lib/etcd").out.find("member") == std::string::npos);
  CHECK_THAT(ssh(lab.name, "n1", "ps -eo args").out, !Catch::Contains("etcd"));
  const auto installed = Lab::install(lab.name, {"etcd-client"});
  if (!installed) FAIL(installed.error().message);
  CHECK_THAT(ssh(lab.name, "n1", "etcdctl version").out + ssh(lab.name, "n2", "etcdctl version").out,
             Catch::Contains("etcdctl version"));
  CHECK(Lab::status(lab.name)->packages == std::vector<std::string>{"etcd-server", "etcd-client"});
  CHECK(contents("/var/lib/dpkg/status") == books);
  CHECK(fs::exists("/usr/bin/etcd") == had);
}

TEST_CASE("what cannot be is refused in words") {
  LabSpec spec;
  const auto message = [&] {
    const Result<LabStatus> up = Lab::up(spec);
    return up ? "it came up" : up.error().message;
  };
  spec.name = "../x";
  CHECK(message() == "../x cannot be a lab's name: it takes up to 32 of a-z, 0-9 and -");
  spec.name = fmt::format("test-{}-refused", getpid());
  spec.nodes = 65;
  CHECK(message() == "a lab has 1 to 64 nodes, not 65");
  spec.nodes = 1;
  spec.packages = {"-oDebug=1"};
  CHECK(message() == "-oDebug=1 is not the name of a Debian package");
  CHECK(Lab::enter_network(spec.name).error().message ==
        fmt::format("lab {0} is not up; `shaketable lab up --lab {0}` brings it up", spec.name));
  if (!lab_is_possible()) return;
  const Ended plain = in_child([&] {
    spec.packages.clear();
    if (setresuid(65534, 65534, 65534) != 0) return 99;
    dprintf(1, "%s", message().c_str());
    return 0;
  });
  CHECK(plain.out ==
        "the lab needs root, for network namespaces and mounts: run it with sudo (user 65534 lacks CAP_SYS_ADMIN, "
        "CAP_NET_ADMIN, "
        "CAP_SYS_CHROOT, CAP_MKNOD, CAP_CHOWN, CAP_DAC_OVERRIDE)");
  spec.packages = {"no-such-package-anywhere"};
  CHECK_THAT(message(), Catch::Contains("Unable to locate package no-such-package-anywhere"));
  const TestLab lab(1);
  CHECK(ssh(lab.name, "n7", "true").out == fmt::format("lab {} has no node n7; it has n1 to n1\n", lab.name));
}

}  // namespace shaketable

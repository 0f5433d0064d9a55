// Nodes with kernels of their own: what the other kind of lab cannot do.
#include <fmt/format.h>
#include <signal.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <ctime>

#include "tests/cluster/lab/test_lab.h"

namespace shaketable {

using namespace testing;

namespace {

void own_kernels(LabSpec& spec) {
  spec.kind = "uml";
  spec.node_memory_bytes = 192ull << 20;
  spec.node_disk_bytes = 64ull << 20;
}

std::int64_t seconds_on(const std::string& lab, const std::string& node) {
  return std::strtoll(ssh(lab, node, "date +%s").out.c_str(), nullptr, 10);
}

}  // namespace

TEST_CASE("uml: clocks and packet faults are each node's own and the machine stays untouched") {
  if (!lab_is_possible()) return;
  const Traces before;
  std::vector<lab::ProcessName> processes;
  LabStatus status;
  {
    const TestLab lab(2, own_kernels);
    status = lab.status;
    CHECK(status.kind == "uml");
    processes = descendants(status.first_process);
    CHECK(ssh(lab.name, "n1", "hostname; uname -r").out != "n1\n" + contents("/proc/sys/kernel/osrelease"));

    // An hour back, by n1's clock alone.
    REQUIRE(ssh(lab.name, "n1", "date -s @$(($(date +%s) - 3600))").code == 0);
    CHECK(std::abs(std::time(nullptr) - 3600 - seconds_on(lab.name, "n1")) < 60);
    CHECK(std::abs(std::time(nullptr) - seconds_on(lab.name, "n2")) < 60);

    // netem, measured by ping in both families.
    REQUIRE(ssh(lab.name, "n1", "tc qdisc add dev eth0 root netem delay 200ms").code == 0);
    for (const char* ping : {"ping -4", "ping -6"}) {
      const Ended pinged =
          ssh(lab.name, "n1", fmt::format("{} -c 3 -q n2 | sed -n 's/^rtt[^=]*= \\([0-9]*\\).*/\\1/p'", ping));
      INFO(ping << ": " << pinged.out);
      CHECK(std::strtol(pinged.out.c_str(), nullptr, 10) >= 200);
    }
    REQUIRE(ssh(lab.name, "n1", "tc qdisc del dev eth0 root").code == 0);

    // Both families are cut by the node's own iptables.
    for (const char* tables : {"iptables", "ip6tables"}) {
      const std::string ping = tables == std::string("iptables") ? "ping -4" : "ping -6";
      CHECK(ssh(lab.name, "n1",
                fmt::format("{} -A INPUT -p {} -j DROP && ! {} -c 1 -W 1 n2 >/dev/null", tables,
                            ping == "ping -4" ? "icmp" : "ipv6-icmp", ping))
                .code == 0);
    }

    // The guest's root may mount the machine's tree, and can write nothing of it.
    const Ended tried = ssh(lab.name, "n2",
                            "mkdir /tmp/m && mount -t hostfs none /tmp/m && for d in tmp root etc; do touch "
                            "/tmp/m/$d/shaketable-evil && echo wrote $d; done; true");
    CHECK(tried.out.find("wrote") == std::string::npos);
    for (const char* directory : {"/tmp", "/root", "/etc"})
      CHECK_FALSE(fs::exists(std::string(directory) + "/shaketable-evil"));
    CHECK_FALSE(Lab::install(lab.name, {"hello"}));
  }
  CHECK(std::none_of(processes.begin(), processes.end(), lab::is_alive));
  CHECK_FALSE(fs::exists(status.directory));
  CHECK(Traces() == before);
}

TEST_CASE("uml: a power cut loses what was not synced and nothing that was") {
  if (!lab_is_possible()) return;
  const TestLab lab(2, own_kernels);
  REQUIRE(ssh(lab.name, "n1",
              "echo kept >/data/synced && sync /data/synced /data && echo lost >/data/unsynced && cat /data/unsynced")
              .out == "lost\n");
  REQUIRE(Lab::cut_power(lab.name, "n1"));
  CHECK(ssh(lab.name, "n1", "true").code != 0);
  CHECK(ssh(lab.name, "n2", "hostname").out == "n2\n");
  const auto booted = Lab::boot(lab.name, "n1", 60s);
  INFO((booted ? "" : booted.error().message));
  REQUIRE(booted);
  CHECK(eventually([&] { return ssh(lab.name, "n1", "true").code == 0; }));
  CHECK(ssh(lab.name, "n1", "cat /data/synced").out == "kept\n");
  CHECK(ssh(lab.name, "n1", "test -s /data/unsynced").code == 1);
  const auto unknown = Lab::cut_power(lab.name, "n9");
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().kind == ErrorKind::bad_input);
}

TEST_CASE("uml: killing the lab's first process takes every kernel along") {
  if (!lab_is_possible()) return;
  const Traces before;
  const TestLab lab(2, own_kernels);
  const auto processes = descendants(lab.status.first_process);
  CHECK(processes.size() >= 7);
  REQUIRE(kill(lab.status.first_process, SIGKILL) == 0);
  CHECK(eventually([&] { return std::none_of(processes.begin(), processes.end(), lab::is_alive); }));
  CHECK(Traces() == before);
  const Result<LabStatus> after = Lab::status(lab.name);
  REQUIRE(after);
  CHECK_FALSE(after->running);
  CHECK_FALSE(fs::exists(lab.status.directory));
}

TEST_CASE("uml: a lab of the other kind cannot cut power and says so") {
  if (!lab_is_possible()) return;
  const TestLab lab(1);
  const auto cut = Lab::cut_power(lab.name, "n1");
  REQUIRE_FALSE(cut);
  CHECK(cut.error().message.find("--kernel uml") != std::string::npos);
}

}  // namespace shaketable

// Both kinds of lab for a user who is not root. The user is made for the test: in a mount namespace of a child's own,
// where /etc/passwd and the ranges of numbers are ours.
#include <grp.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "tests/cluster/lab/test_lab.h"

namespace shaketable {

using namespace testing;

namespace {

constexpr unsigned kUser = 12345;
constexpr const char* kKind = "SHAKETABLE_TEST_KIND";

void show(const std::string& place, const std::string& name, const std::string& content, const std::string& over) {
  const std::string file = place + "/" + name;
  if (!lab::write_file(file, content) || mount(file.c_str(), over.c_str(), nullptr, MS_BIND, nullptr) != 0) {
    dprintf(2, "cannot show %s over %s: errno %d\n", file.c_str(), over.c_str(), errno);
    _exit(98);
  }
}

// This program again as that user, for the hidden case below.
Ended as_user(const std::string& place, const std::string& kind, bool with_range) {
  return in_child([&] {
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return 98;
    show(place, "passwd", contents("/etc/passwd") + "tester:x:12345:12345::/nonexistent:/bin/sh\n", "/etc/passwd");
    const std::string range = with_range ? "tester:200000:65536\n" : "";
    for (const char* file : {"/etc/subuid", "/etc/subgid"}) {
      if (!fs::exists(file)) return 97;
      show(place, fs::path(file).filename(), range, file);
    }
    const std::string program = place + "/program", state = place + "/state";
    fs::copy_file("/proc/self/exe", program, fs::copy_options::overwrite_existing);
    fs::create_directories(state);
    if (chown(state.c_str(), kUser, kUser) != 0 || chmod(place.c_str(), 0755) != 0) return 98;
    chmod(program.c_str(), 0755);
    setenv("SHAKETABLE_STATE_DIR", state.c_str(), 1);
    setenv(kKind, kind.c_str(), 1);
    if (chdir("/") != 0 || setgroups(0, nullptr) != 0 || setresgid(kUser, kUser, kUser) != 0 ||
        setresuid(kUser, kUser, kUser) != 0)
      return 98;
    execl(program.c_str(), program.c_str(), "a user who is not root", nullptr);
    return 99;
  });
}

struct Place {
  std::string path;
  Place() {
    char name[] = "/tmp/shaketable-rootless-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    path = name;
  }
  ~Place() { fs::remove_all(path); }
};

}  // namespace

TEST_CASE("a user who is not root", "[.]") {
  const char* kind = std::getenv(kKind);
  REQUIRE(kind != nullptr);
  REQUIRE(geteuid() == kUser);
  const std::string name = "rootless";
  const auto become = Lab::become_root(name);
  INFO((become ? std::string() : become.error().message));
  REQUIRE(become.has_value());
  CHECK(geteuid() == 0);
  LabSpec spec;
  spec.name = name;
  spec.nodes = 2;
  spec.kind = kind;
  spec.node_memory_bytes = 192ull << 20;
  spec.node_disk_bytes = 64ull << 20;
  const auto up = Lab::up(spec);
  INFO((up ? std::string() : up.error().message));
  REQUIRE(up.has_value());

  CHECK(ssh(name, "n1", "id -u; hostname").out == "0\nn1\n");
  CHECK(ssh(name, "n1", "ping -4 -c 1 -q n2 && ping -6 -c 1 -q n2").code == 0);
  CHECK(ssh(name, "n1", "iptables -A INPUT -s 10.77.0.2 -j DROP && ! ping -4 -c 1 -W 1 n2").code == 0);
  CHECK(ssh(name, "n2", "touch /etc/own /usr/bin/own /data/own && ls /usr/bin/env").code == 0);
  const std::time_t before = std::time(nullptr);
  const Ended set = ssh(name, "n1", "date -s @1000000000");
  CHECK((set.code == 0) == (spec.kind == "uml"));
  CHECK(std::time(nullptr) - before < 100);
  if (spec.kind == "uml") CHECK(ssh(name, "n1", "tc qdisc add dev eth0 root netem delay 1ms").code == 0);

  CHECK(Lab::down(name).has_value());
  CHECK_FALSE(fs::exists(up->directory));
}

TEST_CASE("without root: nodes in a user namespace of the caller's") {
  if (!lab_is_possible()) return;
  const Place place;
  const Ended ended = as_user(place.path, "netns", true);
  INFO(ended.out);
  CHECK(ended.code == 0);
}

TEST_CASE("without root: nodes with kernels of their own") {
  if (!lab_is_possible()) return;
  const Place place;
  const Ended ended = as_user(place.path, "uml", true);
  INFO(ended.out);
  CHECK(ended.code == 0);
}

TEST_CASE("without root and without a range of numbers the remedy is named") {
  if (!lab_is_possible()) return;
  const Place place;
  const Ended ended = as_user(place.path, "netns", false);
  CHECK(ended.code != 0);
  CHECK(ended.out.find("usermod --add-subuids") != std::string::npos);
}

}  // namespace shaketable

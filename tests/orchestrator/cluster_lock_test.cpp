// The cluster's lock: its scripts for real on this machine, and who gets which nodes.

#include "orchestrator/cluster_lock.h"

#include <catch2/catch.hpp>

#include "cluster/local_process.h"
#include "tests/cluster/scripted_remote.h"
#include "tests/orchestrator/program.h"

namespace shaketable {
namespace {

using namespace shaketable::testing;
using namespace std::chrono_literals;

Said sh(const std::string& script) {
  LocalProcessSpec spec;
  spec.arguments = {"/bin/sh", "-c", script};
  auto process = LocalProcess::start(spec).value();
  process->close_input();
  Said said;
  while (const auto line = process->read_line(20s)) said.out += *line + "\n";
  const auto exit = process->wait(20s);
  REQUIRE(exit);
  said.exit_code = exit->exit_code;
  said.err = process->error_output();
  return said;
}

TEST_CASE("a lock is taken once and renewed by its holder and let go by nobody else") {
  const Scratch scratch;
  const std::string file = scratch / "lock file";
  const auto take = [&](const std::string& token, Nanos lease = 90s) {
    return sh(lock_script(file, token, lease, "run-" + token + " by o'neil@ci (process 7)"));
  };
  CHECK(take("a").exit_code == 0);
  CHECK(take("a").exit_code == 0);
  const Said second = take("b");
  CHECK(second.exit_code == 75);
  CHECK(second.out.find(" a run-a by o'neil@ci (process 7)\n") != std::string::npos);
  CHECK(std::stoi(second.out) > 60);
  // Who is known to be dead holds nobody off.
  CHECK(sh(lock_script(file, "b", 90s, "b", "c")).exit_code == 75);
  CHECK(sh(lock_script(file, "a2", 90s, "a2", "a")).exit_code == 0);
  CHECK(sh(lock_script(file, "a", 90s, "a", "a2")).exit_code == 0);
  CHECK(sh(unlock_script(file, "b")).exit_code == 0);
  CHECK(take("b").exit_code == 75);
  CHECK(sh(unlock_script(file, "a")).exit_code == 0);
  CHECK_FALSE(std::filesystem::exists(file));
  CHECK(sh(unlock_script(file, "a")).exit_code == 0);
  CHECK(take("b").exit_code == 0);
}

TEST_CASE("a lock whose lease is over or that is of another boot holds nobody off") {
  const Scratch scratch;
  const std::string file = scratch / "lock";
  CHECK(sh(lock_script(file, "dead", 0s, "dead")).exit_code == 0);
  CHECK(sh(lock_script(file, "a", 90s, "a")).exit_code == 0);
  std::ofstream(file) << "other\n999999999\nanother-boot\nsomebody\n";
  CHECK(sh(lock_script(file, "a", 90s, "a")).exit_code == 0);
  std::ofstream(file) << "half";
  CHECK(sh(lock_script(file, "a", 90s, "a")).exit_code == 0);
}

TEST_CASE("a process of this machine is known to be dead and others are given the benefit of the doubt") {
  const std::string ours = lock_token();
  INFO(ours);
  CHECK_FALSE(is_dead_token(ours));
  const std::string place = ours.substr(0, ours.rfind('/', ours.rfind('/') - 1) + 1);
  CHECK(is_dead_token(place + std::to_string(::getpid()) + "/1"));  // its number was given to another since
  CHECK(is_dead_token(place + "4194304/77"));
  CHECK_FALSE(is_dead_token("another-boot/pid:[1]/4194304/77"));
  CHECK_FALSE(is_dead_token(place + "4194304/0"));
  CHECK_FALSE(is_dead_token("token"));
  CHECK_FALSE(is_dead_token(""));
}

TEST_CASE("of many at once one gets the lock") {
  const Scratch scratch;
  std::string script;
  for (int i = 0; i < 12; ++i)
    script += "(" + lock_script(scratch / "lock", "t" + std::to_string(i), 90s, "x") + ") >/dev/null && echo got &\n";
  CHECK(sh(script + "wait\n").out == "got\n");
}

TEST_CASE("who finds a node held lets go of the others and names the holder") {
  auto nodes = scripted_cluster(3);
  for (std::size_t i = 0; i < 3; ++i) nodes[i]->on("flock", done());
  nodes[1]->on("printf", done("42 token nightly-7 by ci@runner (process 12)\n", 75));
  const auto lock = ClusterLock::take(nodes.cluster, "me", 0s, {});
  REQUIRE_FALSE(lock);
  CHECK(lock.error().kind == ErrorKind::infrastructure);
  CHECK(lock.error().message ==
        "node n2 is in use: nightly-7 by ci@runner (process 12) holds it, for 42 s more unless it goes on; wait for it "
        "with "
        "--wait-for-lock, or end it");
  CHECK(nodes[0]->scripts().back().find("rm -f") != std::string::npos);
  CHECK(nodes[2]->scripts().empty());
}

TEST_CASE("a lock is let go of at the end and nodes without flock are passed over") {
  auto nodes = scripted_cluster(2);
  nodes[0]->on("flock", done());
  nodes[1]->on("flock", done("", 77));
  {
    const auto lock = ClusterLock::take(nodes.cluster, "me", 0s, {});
    REQUIRE(lock);
    CHECK(nodes[0]->scripts().size() == 1);
  }
  CHECK(nodes[0]->scripts().size() == 2);
  CHECK(nodes[1]->scripts().size() == 1);
  nodes[0]->on("flock", unknown("cut"));
  CHECK_FALSE(ClusterLock::take(nodes.cluster, "me", 0s, {}));
}

}  // namespace
}  // namespace shaketable

// Nodes that are not as they should be: the run ends with 4 and says what is wrong where, and nothing stays changed.
#include <catch2/catch.hpp>

#include "history/run_file.h"
#include "history/text.h"
#include "tests/orchestrator/program.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class BadNodes {
 public:
  BadNodes() {
    REQUIRE(run_shaketable({"lab", "up", "--lab", lab_, "--nodes", "3", "--packages", "etcd-server,etcd-client"}, 200s)
                .exit_code == 0);
    std::ofstream(plan_) << "name: bad\nsystem: etcd\nclient: etcd\nworkload: register\ncluster: {lab: {nodes: 3}}\n"
                            "faults: {schedule: random, first_after: 1s, choose: [partition: halves]}\n"
                            "time_limit: 5s\nhealth_before: 3s\n";
  }
  const std::string& lab() const { return lab_; }
  // A plan with one fault.
  std::string plan(const std::string& fault) {
    const std::string path = scratch_ / "fault.yaml";
    std::ofstream(path) << "name: bad\nsystem: etcd\nclient: etcd\nworkload: register\ncluster: {lab: {nodes: 3}}\n"
                           "faults: {schedule: random, choose: [{" +
                               fault + "}]}\n";
    return path;
  }
  ~BadNodes() { run_shaketable({"lab", "down", "--lab", lab_}); }

  void on(const std::string& node, const std::string& script) {
    const Said said = run_shaketable({"lab", "ssh", "--lab", lab_, node, script});
    INFO(script << "\n" << said.err);
    REQUIRE(said.exit_code == 0);
  }

  // A run that must end with 4 and name n2 and `why`, in its log, in its summary and in its file.
  void refuses(const std::string& why) {
    const std::string out = scratch_ / std::to_string(++runs_);
    const Said said = run_shaketable({"run", plan_, "--lab", lab_, "--out", out}, 60s);
    INFO(said.out << said.err);
    CHECK(said.exit_code == 4);
    CHECK(said.out.starts_with("FAILED: "));
    for (const std::string& text : {said.out, said.err}) {
      CHECK(contains(text, "node n2: "));
      CHECK(contains(text, why));
    }
    const auto file = open_run(out);
    REQUIRE(file);
    CHECK(file->events() == 0);
    for (const char* node : {"n1", "n2", "n3"})
      on(node, "! { iptables -S; ip6tables -S; } | grep SHAKETABLE && ! pgrep -x etcd");
  }

 private:
  // Two of these run side by side.
  const std::string lab_ = "test-bad-nodes-" + std::to_string(getpid());
  Scratch scratch_;
  const std::string plan_ = scratch_ / "plan.yaml";
  int runs_ = 0;
};

}  // namespace

TEST_CASE("a full disk or an absent program on one node ends the run before its load with 4") {
  if (getuid() != 0) {
    WARN("skipped: the lab needs root");
    return;
  }
  BadNodes nodes;
  nodes.on("n2", "dd if=/dev/zero of=/var/fill bs=1M 2>/dev/null; true");
  nodes.refuses("No space left on device");
  nodes.on("n2", "rm /var/fill; mv /usr/bin/etcdctl /usr/bin/put-away");
  nodes.refuses("etcdctl: not found");
  nodes.on("n2", "mv /usr/bin/put-away /usr/bin/etcdctl; mv /usr/bin/etcd /usr/bin/put-away");
  nodes.refuses("etcd: No such file or directory");
}

TEST_CASE("doctor says for every node which fault it takes and why not the others") {
  if (geteuid() != 0) {
    WARN("skipped: the lab needs root");
    return;
  }
  BadNodes nodes;
  // Namespaces share the machine's clock, so a plan that turns clocks is not for them.
  const Said said = run_shaketable({"doctor", nodes.plan("jump: {by: 1s}"), "--lab", nodes.lab(), "--json"}, 60s);
  INFO(said.out << said.err);
  CHECK(said.exit_code == 4);
  const auto told = parse_json(said.out);
  REQUIRE(told);
  CHECK(*told->find("ready") == Value(false));
  REQUIRE(told->find("nodes")->size() == 3);
  const Value& faults = *told->find("nodes")->items()[1].find("faults");
  CHECK(*faults.find("partition")->find("ability") == Value("can"));
  CHECK(*faults.find("kill")->find("ability") == Value("can"));
  CHECK(*faults.find("jump")->find("ability") == Value("cannot"));
  CHECK(*faults.find("jump")->find("in_plan") == Value(true));
  CHECK(*faults.find("disk-full")->find("ability") == Value("untold"));
  CHECK(faults.find("command") == nullptr);

  nodes.on("n2", "rm /usr/sbin/iptables-restore");
  const Said cut = run_shaketable({"doctor", nodes.plan("partition: halves"), "--lab", nodes.lab()}, 60s);
  INFO(cut.out << cut.err);
  CHECK(cut.exit_code == 4);
  CHECK(contains(cut.out, "n1: reached"));
  CHECK(contains(cut.out, "cannot: partition (in the plan)"));
  CHECK(contains(cut.out, "iptables"));
}

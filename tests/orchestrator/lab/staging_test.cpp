// A cluster that runs already, as a CI job meets it on staging: reached by a login with sudo, etcd behind TLS with
// users, nothing of it installed, started or stopped by us.
#include <catch2/catch.hpp>
#include <cstdlib>

#include "base/text.h"
#include "history/text.h"
#include "tests/orchestrator/program.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

namespace {

const std::string kPassword = "s3cr3t-of-the-tester";

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

void shell(const std::string& script) {
  INFO(script);
  REQUIRE(std::system(script.c_str()) == 0);
}

// The lab as somebody else's machines, named `lab`.
class Staging {
 public:
  explicit Staging(std::string lab) : lab_(std::move(lab)) {
    REQUIRE(
        run_shaketable({"lab", "up", "--lab", lab_, "--nodes", "3", "--packages", "etcd-server,etcd-client,sudo"}, 200s)
            .exit_code == 0);
    const auto status = parse_json(run_shaketable({"lab", "status", "--lab", lab_, "--json"}).out);
    REQUIRE(status);
    const Value& node = (*status->find("nodes"))[0];
    identity_ = node.find("identity")->text();
    known_hosts_ = node.find("known_hosts")->text();
    make_certificates();
    for (int i = 1; i <= 3; ++i) start_node(i);
    // Users exist on the whole cluster once one member has them.
    on(1, "for round in $(seq 50); do " + etcdctl("endpoint health --cluster") + " && break; sleep 0.2; done >&2; " +
              etcdctl("user add root:rootpw") + " && " + etcdctl("user grant-role root root") + " && " +
              etcdctl("user add tester:" + kPassword) + " && " + etcdctl("role add tests") + " && " +
              etcdctl("role grant-permission tests --prefix=true readwrite /shaketable/") + " && " +
              etcdctl("user grant-role tester tests") + " && " + etcdctl("auth enable"));
  }
  ~Staging() { run_shaketable({"lab", "down", "--lab", lab_}); }

  std::string on(int node, const std::string& script) {
    const Said said = run_shaketable({"lab", "ssh", "--lab", lab_, "n" + std::to_string(node), script}, 30s);
    INFO(script << "\n" << said.out << said.err);
    CHECK(said.exit_code == 0);
    return said.out;
  }

  static std::string etcdctl(const std::string& arguments) {
    return "ETCDCTL_API=3 etcdctl --endpoints https://127.0.0.1:2379 --cacert /etc/etcd/ca.pem"
           " --cert /etc/etcd/node.pem --key /etc/etcd/node.key " +
           arguments;
  }

  std::string plan(const std::string& name, const std::string& more) {
    const std::string path = scratch_ / name;
    std::ofstream out(path);
    out << "name: staging\ncluster:\n  manage: none\n  ssh: {user: deploy, sudo: true, identity: " << identity_
        << ", known_hosts: " << known_hosts_ << ", config: none, agent: false}\n  nodes:\n";
    for (int i = 1; i <= 3; ++i)
      out << "    - {name: n" << i << ", host: 10.77.0." << i << ", address6: \"fd77::" << i << "\", host_key_alias: n"
          << i << ", client: \"https://10.77.0." << i << ":2379\"}\n";
    out << "system:\n  name: etcd\n  options:\n    scheme: https\n"
           "    etcdctl_flags: --cacert /etc/etcd/ca.pem --cert /etc/etcd/node.pem --key /etc/etcd/node.key\n"
           "client: {name: etcd, timeout: 1s, user: tester, password: {env: STAGING_PASSWORD},"
           " tls: {ca: ca.pem, certificate: tester.pem, key: tester.key}}\n"
           "workload: {name: register, workers: 6, rate: 100}\n"
        << more;
    return path;
  }

  std::vector<std::string> beside(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(),
                     {"lab", "exec", "--lab", lab_, std::string(SHAKETABLE_BIN_DIR) + "/shaketable"});
    return arguments;
  }
  std::string operator/(const std::string& name) const { return scratch_ / name; }

 private:
  void make_certificates() {
    const std::string into = scratch_ / "";
    shell("cd " + into +
          "&& exec 2>/dev/null; openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=staging -keyout ca.key"
          " -out ca.pem && printf 'subjectAltName=IP:127.0.0.1,IP:10.77.0.1,IP:10.77.0.2,IP:10.77.0.3' >san");
    for (const char* who : {"node", "tester"}) shell(fmt_certificate(into, who));
  }

  static std::string fmt_certificate(const std::string& into, const std::string& who) {
    // No common name for the tester: etcd would take it for the user.
    const std::string subject = who == "tester" ? "/O=shaketable" : "/CN=root";
    return "cd " + into + "&& exec 2>/dev/null; openssl req -newkey rsa:2048 -nodes -subj " + subject + " -keyout " +
           who + ".key -out " + who + ".csr && openssl x509 -req -days 2 -in " + who + ".csr -CA ca.pem -CAkey ca.key" +
           " -CAcreateserial -extfile san -out " + who + ".pem";
  }

  void start_node(int i) {
    const std::string number = std::to_string(i), ip = "10.77.0." + number;
    std::string script =
        "set -e; useradd -m -p '*' deploy; echo 'deploy ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/deploy;"
        " mkdir -p /etc/etcd /data/own; install -d -o deploy -m 700 /home/deploy/.ssh; install -o deploy -m 600"
        " /root/.ssh/authorized_keys /home/deploy/.ssh/authorized_keys\n";
    for (const char* file : {"ca.pem", "node.pem", "node.key"})
      script += "cat >/etc/etcd/" + std::string(file) + " <<'END'\n" + content_of(scratch_ / file) + "END\n";
    script += "setsid etcd --name n" + number + " --data-dir /data/own --listen-peer-urls http://" + ip +
              ":2380 --initial-advertise-peer-urls http://" + ip + ":2380 --listen-client-urls https://" + ip +
              ":2379,https://127.0.0.1:2379 --advertise-client-urls https://" + ip +
              ":2379 --cert-file /etc/etcd/node.pem --key-file /etc/etcd/node.key --client-cert-auth"
              " --trusted-ca-file /etc/etcd/ca.pem --initial-cluster n1=http://10.77.0.1:2380,n2=http://10.77.0.2:2380,"
              "n3=http://10.77.0.3:2380 </dev/null >/var/log/etcd-own.log 2>&1 &\n";
    on(i, script);
  }

  const std::string lab_;
  Scratch scratch_;
  std::string identity_, known_hosts_;
};

// Every file of a folder, as one text.
std::string everything_in(const std::string& folder) {
  std::string all;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) all += content_of(entry.path());
  return all;
}

}  // namespace

TEST_CASE("a cluster that runs already is shaken behind TLS and users and left as it was") {
  if (getuid() != 0) {
    WARN("skipped: the lab needs root");
    return;
  }
  Staging staging("test-staging");
  ::setenv("STAGING_PASSWORD", kPassword.c_str(), 1);
  const std::string load = "time_limit: 15s\nrecovery: 30s\n";
  const std::string faults =
      "faults:\n  schedule: timeline\n  events:\n    - {at: 2s, for: 4s, partition: {shape: isolate}}\n"
      "safety: {lease: 5s, max_faulty: 1, allowed_hosts: [10.77.0.1, 10.77.0.2, 10.77.0.3]}\n";
  const std::string pids = staging.on(1, "pgrep -x etcd") + staging.on(2, "pgrep -x etcd");
  const std::string plan = staging.plan("plan.yaml", faults + load), out = staging / "run";

  const Said doctor = run_shaketable(staging.beside({"doctor", plan}), 60s);
  INFO(doctor.out << doctor.err);
  REQUIRE(doctor.exit_code == 0);

  const Said run = run_shaketable(staging.beside({"-v", "run", plan, "--out", out, "--json"}), 120s);
  INFO(run.out << run.err);
  REQUIRE(run.exit_code == 0);
  const auto said = parse_json(run.out);
  REQUIRE(said);
  CHECK(*said->find("valid") == Value(true));
  CHECK(said->find("unclean_nodes")->size() == 0);
  CHECK(*said->find("faults") == parse_json(R"({"applied":1,"proved":1,"undone":1})").value());

  // Nothing of it was started, stopped or left over, and the password is nowhere.
  CHECK(staging.on(1, "pgrep -x etcd") + staging.on(2, "pgrep -x etcd") == pids);
  CHECK(staging.on(1, Staging::etcdctl("--user root:rootpw get --prefix '' --keys-only")) == "");
  CHECK_FALSE(contains(staging.on(2, "iptables -S; ip6tables -S"), "SHAKETABLE"));
  CHECK_FALSE(contains(everything_in(out), kPassword));
  CHECK_FALSE(contains(run.out + run.err + doctor.out + doctor.err, kPassword));

  // A wrong password ends a run before its load.
  ::setenv("STAGING_PASSWORD", "not-the-password", 1);
  const Said refused = run_shaketable(staging.beside({"run", plan, "--out", staging / "refused"}), 60s);
  INFO(refused.out << refused.err);
  CHECK(refused.exit_code == 4);
  CHECK(contains(refused.err, "tester"));
  CHECK_FALSE(contains(refused.out + refused.err, "not-the-password"));
  ::setenv("STAGING_PASSWORD", kPassword.c_str(), 1);

  // A node that shows another's host key is not talked to.
  std::string swapped = content_of(plan);
  swapped.replace(swapped.find("host_key_alias: n2"), 18, "host_key_alias: n3");
  std::ofstream(staging / "swapped.yaml") << swapped;
  const Said stranger =
      run_shaketable(staging.beside({"run", staging / "swapped.yaml", "--out", staging / "stranger"}), 60s);
  INFO(stranger.out << stranger.err);
  CHECK(stranger.exit_code == 4);
  CHECK(contains(stranger.err, "host key"));
  CHECK(contains(stranger.err, "n2"));

  // A member that stays away is a liveness finding after the faults, and an error of its own before them.
  const std::string short_plan =
      staging.plan("short.yaml", faults + "time_limit: 8s\nrecovery: 3s\nhealth_before: 3s\n");
  Program program(staging.beside({"-v", "run", short_plan, "--out", staging / "lost"}));
  REQUIRE(program.says("load for", 60s));
  staging.on(3, "kill -9 $(pgrep -x etcd)");
  const Said lost = program.wait(90s);
  INFO(lost.out << lost.err);
  CHECK(lost.exit_code == 1);
  CHECK(contains(lost.out, "did not come back"));
  const Said before = run_shaketable(staging.beside({"run", short_plan, "--out", staging / "before"}), 60s);
  INFO(before.out << before.err);
  CHECK(before.exit_code == 4);
  CHECK(contains(before.err, "not healthy before the first fault"));
  CHECK(contains(before.err, "n3"));
}

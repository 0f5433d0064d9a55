#include "tests/nemesis/lab/lab_cluster.h"

#include <fmt/format.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <sstream>
#include <thread>

namespace shaketable::testing {
namespace {

using namespace std::chrono_literals;

// Every node listens on UDP and calls every other by UDP and TCP, on both families, all at the same time.
constexpr std::string_view kListen = R"perl(
use strict; use Socket qw(:DEFAULT inet_pton inet_ntop pack_sockaddr_in6 unpack_sockaddr_in6); use Time::HiRes qw(time sleep); use Errno;
my ($begin, @peers) = @ARGV;
sub address { my $a = shift; return $a =~ /:/ ? (AF_INET6, inet_pton(AF_INET6, $a)) : (AF_INET, inet_pton(AF_INET, $a)); }
sub target { my ($a, $port) = @_; my ($f, $n) = address($a); return ($f, $f == AF_INET6 ? pack_sockaddr_in6($port, $n) : pack_sockaddr_in($port, $n)); }
my %socket;
for my $f (AF_INET, AF_INET6) {
  socket(my $s, $f, SOCK_DGRAM, 0) or die "socket: $!";
  setsockopt($s, 41, 26, pack("i", 1)) if $f == AF_INET6;
  bind($s, $f == AF_INET6 ? pack_sockaddr_in6(7777, inet_pton(AF_INET6, "::")) : pack_sockaddr_in(7777, INADDR_ANY)) or die "bind: $!";
  $socket{$f} = $s;
}
sleep(0.01) while time < $begin;
my @tcp;
for my $p (@peers) {
  my ($f, $to) = target($p, 22);
  socket(my $s, $f, SOCK_STREAM, 0) or die; fcntl($s, 4, 2048);
  connect($s, $to); push @tcp, [$p, $s];
}
my $end = $begin + 1.5; my $next = 0; my $sent = 0; my %open;
while (time < $end) {
  if (time >= $next && $sent < 3) { for my $p (@peers) { my ($f, $to) = target($p, 7777); send($socket{$f}, "hello", 0, $to); } $next = time + 0.2; $sent++; }
  my ($r, $w) = ("", ""); vec($r, fileno($_), 1) = 1 for values %socket; vec($w, fileno($_->[1]), 1) = 1 for grep { !$open{$_->[0]} } @tcp;
  next unless select($r, $w, undef, 0.05) > 0;
  for my $s (values %socket) {
    next unless vec($r, fileno($s), 1);
    my $from = recv($s, my $text, 100, 0);
    if (length $from == 16) { my (undef, $n) = unpack_sockaddr_in($from); print "udp ", inet_ntoa($n), "\n"; }
    else { my (undef, $n) = unpack_sockaddr_in6($from); print "udp ", inet_ntop(AF_INET6, $n), "\n"; }
  }
  for my $t (@tcp) { next if $open{$t->[0]} || !vec($w, fileno($t->[1]), 1); $open{$t->[0]} = 1; my $e = unpack("i", getsockopt($t->[1], SOL_SOCKET, SO_ERROR)); print "tcp $t->[0]\n" if !$e; }
}
)perl";

}  // namespace

LabCluster& LabCluster::get() {
  LabSpec spec;
  spec.name = "nemesis-" + std::to_string(getpid());
  static LabCluster lab(spec, true);
  return lab;
}

LabCluster& LabCluster::with_own_kernels() {
  LabSpec spec;
  spec.name = "nemesis-uml-" + std::to_string(getpid());
  spec.kind = "uml";
  spec.nodes = 3;
  spec.node_memory_bytes = 192ull << 20;
  spec.node_disk_bytes = 64ull << 20;
  spec.packages = {"chrony"};
  static LabCluster lab(spec, true);
  return lab;
}

LabCluster& LabCluster::join(const std::string& name) {
  LabSpec spec;
  spec.name = name;
  static LabCluster lab(spec, false);
  return lab;
}

LabCluster::LabCluster(const LabSpec& spec, bool own) : name_(spec.name), own_(own) {
  auto status = own ? Lab::up(spec) : Lab::status(name_);
  if (!status) throw std::runtime_error("no lab: " + status.error().message);
  specs_ = status->nodes;
  if (auto entered = Lab::enter_network(name_); !entered) throw std::runtime_error(entered.error().message);
  hands_ = std::make_unique<Cluster>(connect());
}

LabCluster::~LabCluster() {
  hands_.reset();
  if (!own_) return;
  if (auto down = Lab::down(name_); !down) fmt::print(stderr, "lab {}: {}\n", name_, down.error().message);
}

std::vector<std::string> LabCluster::names() const {
  std::vector<std::string> out;
  for (const NodeSpec& spec : specs_) out.push_back(spec.name);
  return out;
}

CommandOutcome LabCluster::try_run(std::size_t node, const std::string& script) {
  // A node that was rebooted meanwhile has reset the connection, which shows when it is used; what was not started is
  // asked for again.
  for (int attempt = 1;; ++attempt) {
    Command command;
    command.script = script;
    CommandOutcome outcome = hands_->node(node).run(std::move(command)).get();
    const bool lost =
        outcome.state == CommandState::not_started && outcome.why.find("the connection was lost") != std::string::npos;
    if (!lost || attempt == 3) return outcome;
  }
}

std::string LabCluster::run(std::size_t node, const std::string& script) {
  const CommandOutcome outcome = try_run(node, script);
  if (!outcome.succeeded()) FAIL(specs_[node].name << ": " << script << ": " << outcome.describe());
  return outcome.out;
}

std::string LabCluster::rules(std::size_t node) {
  return run(node, "iptables -S; ip6tables -S");
}

std::string LabCluster::traces(std::size_t node) {
  return run(
      node,
      "for t in iptables ip6tables iptables-legacy ip6tables-legacy; do $t -S 2>/dev/null | grep SHAKETABLE | sed "
      "\"s/^/$t /\"; done; ls -d /run/shaketable-nemesis /var/lib/shaketable/node 2>/dev/null; "
      "pgrep -af '^shaketable-agent guard|^ip6?tables-restore|^tc -batch'; pgrep -l "
      "'^shaketable-(load|gate)$|^stall:'; "
      "find /sys/fs/cgroup -name 'shaketable-*' 2>/dev/null; "
      "dmsetup table 2>/dev/null | grep flakey; "
      "tc qdisc show | grep 5ba; ls /sys/class/net | grep ^stifb; ls -A /var/lib | grep shaketable-fill; true");
}

std::string LabCluster::traces() {
  std::string out;
  for (std::size_t i = 0; i < specs_.size(); ++i)
    if (const std::string here = traces(i); !here.empty()) out += specs_[i].name + ": " + here;
  return out;
}

std::chrono::system_clock::time_point LabCluster::undone() {
  const auto outcomes = hands_->run(hands_->all(), [](const Node&) {
    Command command;
    command.script =
        "for i in $(seq 600); do [ -e /run/shaketable-nemesis ] || [ -e /var/lib/shaketable/node ] || "
        "{ date +%s%3N; exit 0; }; sleep 0.05; done; ls -R /run/shaketable-nemesis /var/lib/shaketable/node; exit 1";
    return command;
  });
  std::int64_t last = 0;
  for (const CommandOutcome& outcome : outcomes) {
    INFO(outcome.describe() << outcome.out);
    REQUIRE(outcome.succeeded());
    last = std::max<std::int64_t>(last, std::stoll(outcome.out));
  }
  return std::chrono::system_clock::time_point(std::chrono::milliseconds(last));
}

Hearing LabCluster::listen() {
  const double begin = static_cast<double>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                               std::chrono::system_clock::now().time_since_epoch())
                                               .count()) /
                           1000 +
                       0.7;
  std::map<std::string, std::string> owner;
  for (const NodeSpec& spec : specs_) owner[spec.address] = owner[spec.address6] = spec.name;
  const auto outcomes = hands_->run(hands_->all(), [&](const Node& node) {
    Command command;
    command.script = fmt::format("perl - {:.3f}", begin);
    for (const NodeSpec& spec : specs_)
      if (spec.name != node.name()) command.script += " " + spec.address + " " + spec.address6;
    command.input = kListen;
    return command;
  });
  Hearing hearing;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    INFO(outcomes[i].err);
    REQUIRE(outcomes[i].succeeded());
    std::istringstream lines(outcomes[i].out);
    for (std::string kind, address; lines >> kind >> address;) {
      const bool six = address.find(':') != std::string::npos;
      auto& heard = kind == "udp" ? (six ? hearing.udp6 : hearing.udp4) : (six ? hearing.tcp6 : hearing.tcp4);
      heard[specs_[i].name].insert(owner.count(address) ? owner[address] : address);
    }
  }
  return hearing;
}

Hearing LabCluster::expected(const std::string& deafness) const {
  std::map<std::string, std::set<std::string>> hears;
  for (const std::string& listener : names())
    for (const std::string& speaker : names())
      if (listener != speaker) hears[listener].insert(speaker);
  std::istringstream words(deafness);
  std::vector<std::string> listeners;
  bool speakers = false;
  for (std::string word; words >> word;) {
    const bool last = word.back() == ';';
    if (last) word.pop_back();
    if (word == "deaf") continue;
    if (word == "to") {
      speakers = true;
      continue;
    }
    if (!speakers) listeners.push_back(word);
    if (speakers)
      for (const std::string& listener : listeners) hears[listener].erase(word);
    if (last) {
      listeners.clear();
      speakers = false;
    }
  }
  Hearing out;
  for (const auto& [listener, heard] : hears)
    for (const std::string& speaker : heard) {
      out.udp4[listener].insert(speaker);
      if (hears[speaker].count(listener)) out.tcp4[listener].insert(speaker);
    }
  out.udp6 = out.udp4;
  out.tcp6 = out.tcp4;
  return out;
}

bool operator==(const Hearing& a, const Hearing& b) {
  return a.udp4 == b.udp4 && a.udp6 == b.udp6 && a.tcp4 == b.tcp4 && a.tcp6 == b.tcp6;
}

std::ostream& operator<<(std::ostream& out, const Hearing& hearing) {
  const auto print = [&](const char* what, const std::map<std::string, std::set<std::string>>& heard) {
    for (const auto& [listener, speakers] : heard) {
      out << "\n" << what << " " << listener << ":";
      for (const std::string& speaker : speakers) out << " " << speaker;
    }
  };
  print("udp4", hearing.udp4);
  print("udp6", hearing.udp6);
  print("tcp4", hearing.tcp4);
  print("tcp6", hearing.tcp6);
  return out;
}

void KeptLog::record(const FaultReport& report) {
  std::lock_guard lock(mutex_);
  reports_.push_back(report);
}

std::vector<FaultReport> KeptLog::all() const {
  std::lock_guard lock(mutex_);
  return reports_;
}

FaultReport KeptLog::last() const {
  std::lock_guard lock(mutex_);
  return reports_.empty() ? FaultReport() : reports_.back();
}

bool KeptLog::wait_until_applied(Nanos timeout) const {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (std::chrono::steady_clock::now() < deadline) {
    const FaultReport report = last();
    if (!report.nodes.empty() && report.nodes.front().applied == Applied::done) return true;
    std::this_thread::sleep_for(20ms);
  }
  return false;
}

std::vector<ScheduledFault> one_partition(const std::string& shape, Nanos lasts, std::uint64_t seed,
                                          std::vector<std::string> target) {
  ScheduledFault fault;
  fault.id = 1;
  fault.lasts = lasts;
  fault.fault = "partition";
  fault.options = Parameters(find_fault("partition")->info().parameters);
  fault.options.set("shape", std::vector<std::string>{shape});
  fault.options.set("target", std::move(target));
  if (shape == "custom") fault.options.set("groups", std::vector<std::string>{"n1 n2", "n3 n4"});
  fault.seed = seed;
  return {fault};
}

ScheduledFault one_fault(const std::string& name, std::vector<std::string> target, const Changed& changed,
                         Nanos lasts) {
  ScheduledFault fault;
  fault.id = 1;
  fault.lasts = lasts;
  fault.fault = name;
  fault.options = Parameters(find_fault(name)->info().parameters);
  fault.options.set("target", std::move(target));
  for (const auto& [parameter, value] : changed) fault.options.set(parameter, value);
  return fault;
}

NemesisOptions lab_options(Nanos lease) {
  NemesisOptions options;
  options.run = "lab-test";
  options.lease = lease;
  options.primaries = []() -> Result<std::vector<std::string>> { return std::vector<std::string>{"n2", "n4"}; };
  return options;
}

AtWork::AtWork(LabCluster& lab_, NemesisOptions options, std::vector<ScheduledFault> schedule_)
    : lab(lab_), cluster(lab.connect()), nemesis(cluster, std::move(options)), schedule(std::move(schedule_)) {
  const auto prepared = nemesis.prepare(schedule);
  if (!prepared) FAIL(prepared.error().message);
  thread = std::jthread([this](std::stop_token stop) { ended = nemesis.run(schedule, clock, clock.now(), log, stop); });
}

FaultReport AtWork::applied() {
  if (!log.wait_until_applied(20s)) FAIL("not applied: " << log.last().notes);
  return log.last();
}

FaultReport AtWork::stop() {
  thread.request_stop();
  thread.join();
  const FaultReport report = log.last();
  INFO(report.notes);
  for (const NodeReport& node : report.nodes) {
    UNSCOPED_INFO(node.node << ": " << node.notes);
    for (const auto& [key, value] : node.proof)
      UNSCOPED_INFO(key << " " << std::visit([](const auto& it) { return fmt::format("{}", it); }, value));
  }
  CHECK(ended.has_value());
  CHECK(report.undone == Undone::verified);
  for (const NodeCleanliness& node : nemesis.heal_all()) {
    INFO(node.node << ": " << node.reason);
    CHECK(node.state == Cleanliness::clean);
    CHECK(node.undone.empty());
  }
  CHECK(lab.traces() == "");
  return report;
}

bool eventually(const std::function<bool()>& holds, Nanos patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  do {
    if (holds()) return true;
    std::this_thread::sleep_for(100ms);
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

std::int64_t number(const NodeReport& node, const std::string& name) {
  for (const auto& [key, value] : node.proof)
    if (key == name && std::holds_alternative<std::int64_t>(value)) return std::get<std::int64_t>(value);
  return -1;
}

}  // namespace shaketable::testing

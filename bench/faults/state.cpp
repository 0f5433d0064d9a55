// The system that is shaken, and what is looked at before and after.

#include <fmt/format.h>

#include <cstdlib>
#include <ctime>

#include "bench/faults/faults.h"

namespace shaketable::bench {
namespace {

constexpr const char* kStart = R"sh(
[ -r /tmp/bench.pid ] && kill -0 "$(cat /tmp/bench.pid)" 2>/dev/null && exit 0
mkdir -p /data/bench
[ -e /data/bench/file ] || head -c 1048576 /dev/urandom >/data/bench/file
setsid sleep 100000 </dev/null >/dev/null 2>&1 &
echo $! >/tmp/bench.pid
# Something for packet faults to bite; not much, for packets are what kernels in user mode are slow at.
pgrep -x ping >/dev/null && exit 0
for peer in 1 2 3; do
  setsid ping -4 -q -i 0.2 -s 400 10.77.0.$peer </dev/null >/dev/null 2>&1 &
  setsid ping -6 -q -i 0.2 -s 400 fd77::$peer </dev/null >/dev/null 2>&1 &
done
)sh";

// The process may be another one: it runs, and is not stopped. An agent that serves a controller changes nothing.
constexpr const char* kState = R"sh(
iptables -S; ip6tables -S
tc qdisc show | sed 's/ refcnt [0-9]*//'
ls /sys/class/net
ls /var/lib/shaketable/node /run/shaketable-nemesis 2>/dev/null
ls -A /data/bench
cut -d: -f2- /proc/$(cat /tmp/bench.pid)/cgroup
for d in $(find /sys/fs/cgroup -type d 2>/dev/null | sort); do echo $d: $(cat $d/cgroup.subtree_control); done
sha256sum </data/bench/file
pid=$(cat /tmp/bench.pid)
cut -d' ' -f3 /proc/$pid/stat
grep 'open files' /proc/$pid/limits
for p in /proc/[0-9]*; do
  read -r name <$p/comm || continue
  case $name in
    shaketable-agen) grep -q guard $p/cmdline && echo guard;;
    shaketable-*|tc|iptables-restor|ip6tables-resto) echo "$name";;
  esac
done 2>/dev/null | sort
perl -e '$b = "\0" x 256; syscall(159, $b); ($freq, $tick) = (unpack("x16 q", $b), unpack("x88 q", $b)); print "rate $freq $tick\n"'
true
)sh";

double seconds_now() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

std::string said_by(Node& node, const std::string& script) {
  Command command;
  command.script = script;
  const CommandOutcome outcome = node.run(command).get();
  return outcome.succeeded() ? outcome.out : "cannot be looked at: " + outcome.describe();
}

}  // namespace

SystemScripts small_system() {
  SystemScripts system{"pid=$(cat /tmp/bench.pid) && kill -0 $pid 2>/dev/null && echo $pid; true", kStart,
                       "/data/bench"};
  // Its members are those with a process.
  system.members = "[ -e /tmp/bench.removed ] || uname -n";
  system.member_remove = "touch /tmp/bench.removed && kill -9 $(cat /tmp/bench.pid)";
  system.member_add = "rm -f /tmp/bench.removed";
  return system;
}

void start_small_system(const Cluster& cluster) {
  Command command;
  command.script = kStart;
  (void)cluster.run_on_all(command);
}

std::string state_of(Node& node) {
  return said_by(node, kState);
}

double clock_ahead_ms(Node& node) {
  double best = 0, shortest = 1e9;
  for (int i = 0; i < 7; ++i) {
    const double before = seconds_now(), there = std::atof(said_by(node, "date +%s.%N").c_str()), after = seconds_now();
    if (after - before >= shortest) continue;
    shortest = after - before;
    best = (there - (before + after) / 2) * 1000;
  }
  return best;
}

}  // namespace shaketable::bench

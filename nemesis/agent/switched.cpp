#include "nemesis/agent/switched.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "nemesis/agent/firewall.h"
#include "nemesis/agent/helper.h"
#include "nemesis/agent/lease.h"
#include "nemesis/agent/peers.h"
#include "nemesis/agent/process.h"
#include "nemesis/agent/system.h"

namespace shaketable::agent {
namespace {

using namespace std::chrono_literals;

constexpr Nanos kTableTimeout = 15s;
constexpr Nanos kShortest = 50ms;  // a switch takes two forks a family

std::string count_file(const Entry& entry) {
  return std::string(kRunDirectory) + "/switched." + entry.key;
}

Nanos nanos(const Entry& entry, std::string_view name) {
  return Nanos(to_number(field(entry.fields, name)).value_or(0));
}

Result<void> restore(const std::string& family, const std::string& lines) {
  const Output done =
      run({(family == "4" ? "iptables-restore" : "ip6tables-restore"), "--noflush", "-w", "10"}, lines, kTableTimeout);
  if (done.code != 0) return infrastructure("iptables-restore: " + done.describe());
  return {};
}

// Where the lease is over the guard undoes: this only must not go on.
void wait_until(Nanos moment) {
  while (raw_now() < moment) {
    const auto end = lease_end();
    if (!end || *end < raw_now()) _exit(0);
    sleep_until_raw(std::min(moment, raw_now() + 200ms));
  }
}

class Gate {
 public:
  explicit Gate(const Entry& entry) : entry_(entry) {}

  [[noreturn]] void work() {
    const Nanos begin = raw_now();
    const Nanos cut = nanos(entry_, "cut_ns"), open = nanos(entry_, "open_ns");
    Nanos next = begin + nanos(entry_, "first_ns");
    for (int cuts = 1;; ++cuts) {
      wait_until(next);
      put_jumps("-I ");
      (void)write_file(count_file(entry_), std::to_string(cuts) + "\n", false).has_value();
      if (cuts == 1) call();
      if (cut <= Nanos(0)) break;
      wait_until(next + cut);
      put_jumps("-D ");
      if (open <= Nanos(0)) break;
      // From the moment that was meant, so that the period holds; a machine that is too slow for it skips none.
      next = std::max(next + cut + open, raw_now());
    }
    while (true) wait_until(raw_now() + 1s);
  }

 private:
  void put_jumps(const std::string& how) const {
    for (const std::string family : {"4", "6"}) {
      std::string lines;
      for (std::string line : lines_of(field(entry_.fields, "jumps" + family))) {
        if (how == "-D ") {
          // "-I INPUT 1 -m …" was put in; without the place it is taken away.
          line.replace(0, 3, how);
          if (const std::size_t place = line.find(" 1 "); place != std::string::npos) line.erase(place, 2);
        }
        lines += line + "\n";
      }
      if (lines.empty()) continue;
      for (int attempt = 0; attempt < 3; ++attempt)
        if (restore(family, "*filter\n" + lines + "COMMIT\n")) break;
    }
  }
  void call() const {
    std::vector<PeerCall> calls;
    for (const std::string& text : all_fields(entry_.fields, "call"))
      if (const auto one = to_peer_call(text)) calls.push_back(*one);
    if (calls.empty()) return;
    if (const auto said = start_calls(calls)) close(*said);
  }
  const Entry& entry_;
};

class ArmedGate final : public Armed {
 public:
  explicit ArmedGate(std::unique_ptr<WaitingHelper> gate) : gate_(std::move(gate)) {}
  Result<void> commit() override { return gate_->go(); }

 private:
  std::unique_ptr<WaitingHelper> gate_;
};

// The process and what it has started, all of one group.
Result<void> end_gate(const ProcessName& gate) {
  if (!alive(gate)) return {};
  kill(-gate.pid, SIGKILL);
  signal_process(gate, SIGKILL);  // if it leads no group yet
  for (const Nanos deadline = raw_now() + 5s; raw_now() < deadline; usleep(5000))
    if (!alive(gate) && kill(-gate.pid, 0) != 0) return {};
  return infrastructure("the process that switches does not end");
}

}  // namespace

Result<void> Switched::look(Entry& entry) const {
  const Nanos cut = nanos(entry, "cut_ns"), open = nanos(entry, "open_ns");
  if ((cut > Nanos(0) && cut < kShortest) || (open > Nanos(0) && open < kShortest))
    return infrastructure("50 ms is the shortest time between two switches");
  return Firewall().look(entry);
}

Result<std::unique_ptr<Armed>> Switched::arm(Entry& entry) const {
  for (const std::string family : {"4", "6"}) {
    const std::string rules(field(entry.fields, "rules" + family));
    if (rules.empty()) continue;
    if (auto done = restore(family, rules + "COMMIT\n"); !done) return Failure(done.error());
  }
  auto gate = WaitingHelper::start("shaketable-gate", [entry] { Gate(entry).work(); });
  if (!gate) return Failure(gate.error());
  set_field(entry.fields, "gate", to_text((*gate)->name()));
  return std::make_unique<ArmedGate>(std::move(*gate));
}

Fields Switched::prove(const Entry& entry) const {
  Fields out;
  const auto count = read_file(count_file(entry));
  const auto lines = count ? lines_of(*count) : std::vector<std::string>();
  const auto cuts = lines.empty() ? std::nullopt : to_number(lines.front());
  out.emplace_back("cuts", std::to_string(cuts.value_or(0)));
  std::int64_t dropped = 0;
  for (auto& [name, value] : Firewall().prove(entry)) {
    if (name.starts_with("dropped")) dropped += to_number(value).value_or(0);
    out.emplace_back(name, std::move(value));
  }
  out.emplace_back("bit", cuts.value_or(0) > 0 && dropped > 0 ? "yes" : "no");
  return out;
}

Result<Undone> Switched::undo(const Entry& entry) const {
  // First who could put them in again.
  if (const auto gate = to_process(field(entry.fields, "gate")))
    if (auto ended = end_gate(*gate); !ended) return Failure(ended.error());
  unlink(count_file(entry).c_str());
  return Firewall().undo(entry);
}

}  // namespace shaketable::agent

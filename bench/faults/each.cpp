// Every fault of the catalogue, one after the other.

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <thread>

#include "base/text.h"
#include "bench/faults/faults.h"
#include "nemesis/fault.h"
#include "nemesis/nemesis.h"
#include "orchestrator/client_children.h"
#include "workloads/clients/processes.h"

namespace shaketable::bench {
namespace {

using namespace std::chrono_literals;

class LastReport final : public FaultLog {
 public:
  void record(const FaultReport& report) override { last = report; }
  FaultReport last;
};

double ms(Nanos duration) {
  return static_cast<double>(duration.count()) / 1e6;
}

// Lines that are in one and not in the other, in short.
std::string difference(const std::string& before, const std::string& after) {
  const auto lines = [](const std::string& text) {
    std::vector<std::string> out;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      out.push_back(text.substr(at, end - at));
      at = end + 1;
    }
    return out;
  };
  std::vector<std::string> out;
  const auto was = lines(before), is = lines(after);
  for (const std::string& line : was)
    if (std::find(is.begin(), is.end(), line) == is.end()) out.push_back("-" + line);
  for (const std::string& line : is)
    if (std::find(was.begin(), was.end(), line) == was.end()) out.push_back("+" + line);
  if (out.empty() && before != after) out.push_back("the order differs");
  return join(out, "; ");
}

// A client that answers what it is asked, in a process of its own: for faults of clients.
class AskedClient {
 public:
  AskedClient() {
    int there[2], back[2];
    if (::pipe(there) != 0 || ::pipe(back) != 0) return;
    pid_ = ::fork();
    if (pid_ == 0) {
      ::setpgid(0, 0);  // a client is stopped with its children
      ::dup2(there[0], 0);
      ::dup2(back[1], 1);
      for (const int fd : {there[0], there[1], back[0], back[1]}) ::close(fd);
      ::execlp("cat", "cat", static_cast<char*>(nullptr));
      ::_exit(127);
    }
    ::close(there[0]);
    ::close(back[1]);
    to_ = there[1];
    from_ = back[0];
    if (pid_ < 0) return;
    ::setpgid(pid_, pid_);  // whoever comes first
    processes_->put(0, pid_);
    asks_ = std::jthread([this](const std::stop_token& stop) {
      char byte = '?';
      while (!stop.stop_requested()) {
        processes_->asked(0);
        if (::write(to_, &byte, 1) != 1 || ::read(from_, &byte, 1) != 1) return;
        processes_->answered(0);
        std::this_thread::sleep_for(20ms);
      }
    });
  }
  ~AskedClient() {
    asks_.request_stop();
    if (asks_.joinable()) asks_.join();
    ::close(to_);
    ::close(from_);
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);  // cat ends with its input
  }
  AskedClient(const AskedClient&) = delete;

  std::shared_ptr<ClientProcesses> processes() const { return processes_; }
  std::string state() const {
    const auto now = process_state(pid_);
    return !now ? "client gone" : now->state == 'T' ? "client stopped" : "client runs";
  }

 private:
  const std::shared_ptr<ClientProcesses> processes_ = std::make_shared<ClientProcesses>();
  pid_t pid_ = -1;
  int to_ = -1, from_ = -1;
  std::jthread asks_;
};

NemesisOptions options(const NodePower& power, const AskedClient& client) {
  NemesisOptions out;
  out.run = "bench";
  out.lease = 10s;
  out.longest_fault = 60s;
  out.system = [](const std::string&) -> Result<SystemScripts> { return small_system(); };
  out.power = power;
  out.clients = client_workers(client.processes());
  out.primaries = []() -> Result<std::vector<std::string>> { return std::vector<std::string>{"n1"}; };
  return out;
}

}  // namespace

int each_fault(const std::vector<NodeSpec>& specs, const NodePower& power) {
  const AskedClient client;
  const Cluster hands = make_cluster(specs);
  start_small_system(hands);
  {
    // The agent is put there first, and one round is gone through, so that what stays for good is there before.
    const Cluster cluster = make_cluster(specs);
    for (const NodeCleanliness& node : heal(cluster))
      if (node.state != Cleanliness::clean) return failed(node.node + ": " + node.reason);
  }
  int worst = 0;
  fmt::print("{:<16} {:>10} {:>7} {:>10} {:>9}  {}\n", "fault", "applied ms", "proved", "undone ms", "clock ms",
             "state afterwards");
  for (const FaultInfo& info : faults()) {
    ScheduledFault fault;
    fault.id = 1;
    fault.lasts = 2s;
    fault.fault = info.name;
    fault.seed = 1;
    fault.options = Parameters(info.parameters);
    if (info.name == "command") {
      fault.options.set("apply", "touch /data/bench/command");
      fault.options.set("undo", "rm -f /data/bench/command");
      fault.options.set("proof", "ls /data/bench/command");
    }
    if (fault.options.has("target") && info.name != "partition")
      fault.options.set("target", std::vector<std::string>{find_fault(info.name)->of_nodes() ? "n1" : "worker 0"});
    const std::string before = state_of(hands.node(0)) + client.state();
    const double ahead_before = clock_ahead_ms(hands.node(0));
    const Cluster cluster = make_cluster(specs);
    Nemesis nemesis(cluster, options(power, client));
    SteadyClock clock;
    LastReport log;
    if (const auto prepared = nemesis.prepare({fault}); !prepared) {
      fmt::print("{:<16} not here: {}\n", info.name, prepared.error().message);
      continue;
    }
    const auto ran = nemesis.run({fault}, clock, clock.now(), log, {});
    std::string unclean = ran ? "" : ran.error().message;
    for (const NodeCleanliness& node : nemesis.heal_all())
      if (node.state != Cleanliness::clean) unclean += node.node + ": " + node.reason;
    const FaultReport& report = log.last;
    if (!report.actual_start) {
      fmt::print("{:<16} not here: {}\n", info.name, report.notes);
      continue;
    }
    start_small_system(hands);  // a node that was without power
    const std::string after = state_of(hands.node(0)) + client.state();
    const double moved = clock_ahead_ms(hands.node(0)) - ahead_before;
    const std::string differs = difference(before, after);
    const bool clean = unclean.empty() && differs.empty() && report.undone == Undone::verified;
    if (!clean) worst = 5;
    fmt::print("{:<16} {:>10.1f} {:>7} {:>10.1f} {:>9.1f}  {}\n", info.name,
               ms(*report.actual_start - report.intended_start),
               !report.bit   ? "untold"
               : *report.bit ? "yes"
                             : "NO",
               report.actual_end ? ms(*report.actual_end - report.intended_end) : 0.0, moved,
               clean ? "as found" : fmt::format("NOT as found: {} {}", unclean, differs));
  }
  return worst;
}

}  // namespace shaketable::bench

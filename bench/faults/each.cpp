// Every fault of the catalogue, one after the other.

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "bench/faults/faults.h"
#include "nemesis/fault.h"
#include "nemesis/nemesis.h"

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

NemesisOptions options() {
  NemesisOptions out;
  out.run = "bench";
  out.lease = 10s;
  out.longest_fault = 60s;
  out.system = [](const std::string&) -> Result<SystemScripts> { return small_system(); };
  out.primaries = []() -> Result<std::vector<std::string>> { return std::vector<std::string>{"n1"}; };
  return out;
}

}  // namespace

int each_fault(const std::vector<NodeSpec>& specs) {
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
    if (!find_fault(info.name)->of_nodes()) continue;
    ScheduledFault fault;
    fault.id = 1;
    fault.lasts = 2s;
    fault.fault = info.name;
    fault.seed = 1;
    bool complete = true;
    for (const ParameterSpec& spec : info.parameters) complete = complete && !spec.required;
    if (!complete) {
      fmt::print("{:<16} needs parameters of the plan's own\n", info.name);
      continue;
    }
    fault.options = Parameters(info.parameters);
    if (fault.options.has("target") && info.name != "partition")
      fault.options.set("target", std::vector<std::string>{"n1"});
    const std::string before = state_of(hands.node(0));
    const double ahead_before = clock_ahead_ms(hands.node(0));
    const Cluster cluster = make_cluster(specs);
    Nemesis nemesis(cluster, options());
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
    const std::string after = state_of(hands.node(0));
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

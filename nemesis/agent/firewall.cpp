#include "nemesis/agent/firewall.h"

#include <signal.h>
#include <unistd.h>

#include <sstream>

#include "nemesis/agent/peers.h"
#include "nemesis/agent/process.h"
#include "nemesis/agent/rules.h"
#include "nemesis/agent/system.h"

namespace shaketable::agent {
namespace {

using namespace std::chrono_literals;

constexpr Nanos kFeedTimeout = 5s;
constexpr Nanos kCommitTimeout = 15s;

struct Family {
  std::string command, rules, found;
};
const std::vector<Family>& families() {
  static const std::vector<Family> all{{"iptables", "rules4", "found4"}, {"ip6tables", "rules6", "found6"}};
  return all;
}

class ArmedRules final : public Armed {
 public:
  Result<void> add(const std::string& command, std::string_view rules, std::vector<ProcessName>& names) {
    auto program = WaitingProgram::start({command + "-restore", "--noflush", "-w", "10"});
    if (!program) return Failure(program.error());
    if (auto fed = (*program)->feed(std::string(rules) + "\n", kFeedTimeout); !fed)
      return infrastructure(command + "-restore: " + fed.error().message + " " + (*program)->said());
    names.push_back((*program)->name());
    programs_.push_back({command, std::move(*program)});
    return {};
  }

  Result<void> commit() override {
    std::vector<std::string> problems;
    // All of them first: the families should not be cut one after the other.
    for (const auto& [command, program] : programs_) {
      if (auto sent = program->feed("COMMIT\n", kFeedTimeout); !sent)
        problems.push_back(command + "-restore: " + sent.error().message);
      program->end_input();
    }
    for (const auto& [command, program] : programs_)
      if (const int code = program->wait(kCommitTimeout); code != 0) {
        Output output;
        output.code = code;
        output.err = program->said();
        problems.push_back(command + "-restore: " + output.describe());
      }
    if (!problems.empty()) return infrastructure(joined(problems, "; "));
    // So that there is something to drop. It is evidence, not a duty.
    if (!calls_.empty())
      if (const auto said = start_calls(calls_)) close(*said);
    return {};
  }
  void call(const Entry& entry) {
    for (const std::string& text : all_fields(entry.fields, "call"))
      if (const auto one = to_peer_call(text)) calls_.push_back(*one);
  }

 private:
  std::vector<PeerCall> calls_;
  std::vector<std::pair<std::string, std::unique_ptr<WaitingProgram>>> programs_;
};

}  // namespace

Result<void> Firewall::look(Entry& entry) const {
  for (const Family& family : families()) {
    if (field(entry.fields, family.rules).empty()) continue;
    const auto rules = list_rules(family.command);
    if (!rules) return Failure(rules.error());
    for (const std::string& rule : *rules)
      if (is_own_rule(rule, entry.fault))
        return infrastructure("a chain of fault " + std::to_string(entry.fault) + " is there already: " + rule);
    set_field(entry.fields, family.found, joined(foreign_rules(*rules), "\n"));
  }
  return {};
}

Result<std::unique_ptr<Armed>> Firewall::arm(Entry& entry) const {
  auto armed = std::make_unique<ArmedRules>();
  std::vector<ProcessName> names;
  for (const Family& family : families()) {
    const std::string_view rules = field(entry.fields, family.rules);
    if (rules.empty()) continue;
    if (auto added = armed->add(family.command, rules, names); !added) return Failure(added.error());
  }
  armed->call(entry);
  set_field(entry.fields, "armed", to_text(names));
  return armed;
}

Fields Firewall::prove(const Entry& entry) const {
  Fields out;
  bool each = true, any = false;
  for (const Family& family : families()) {
    std::uint64_t packets = 0;
    int rules = 0;
    for (const std::string way : {"IN", "OUT"}) {
      const Output listed =
          run({family.command, "-w", "10", "-nvxL", "SHAKETABLE-" + way + "-" + std::to_string(entry.fault)}, "", 15s);
      if (listed.code != 0) continue;
      for (const std::string& line : lines_of(listed.out)) {
        std::istringstream words(line);
        std::uint64_t count = 0, bytes = 0;
        std::string target;
        if (!(words >> count >> bytes >> target) || (target != "DROP" && target != "REJECT")) continue;
        packets += count;
        ++rules;
      }
    }
    if (rules > 0) out.emplace_back(family.command == "iptables" ? "dropped4" : "dropped6", std::to_string(packets));
    if (!field(entry.fields, family.rules).empty()) each = each && packets > 0;
    any = any || packets > 0;
  }
  if (const auto proof = field(entry.fields, "proof"); !proof.empty())
    out.emplace_back("bit", (proof == "each" ? each && any : any) ? "yes" : "no");
  return out;
}

Result<Undone> Firewall::undo(const Entry& entry) const {
  // What waits to be committed must not be any more.
  for (const ProcessName& process : to_processes(field(entry.fields, "armed"))) signal_process(process, SIGKILL);
  if (auto removed = remove_rules(entry.fault); !removed) return Failure(removed.error());
  Undone undone;
  for (const Family& family : families()) {
    if (!has_field(entry.fields, family.found)) continue;
    const auto now = list_rules(family.command);
    if (!now) return Failure(now.error());
    for (const std::string& rule : *now)
      if (is_own_rule(rule, entry.fault)) return infrastructure("it is still there: " + rule);
    const RuleDifference difference = compare_rules(lines_of(field(entry.fields, family.found)), foreign_rules(*now));
    if (!difference.missing.empty()) undone.missing += (undone.missing.empty() ? "" : "; ") + difference.missing;
    if (!difference.added.empty()) undone.added += (undone.added.empty() ? "" : "; ") + difference.added;
  }
  return undone;
}

}  // namespace shaketable::agent

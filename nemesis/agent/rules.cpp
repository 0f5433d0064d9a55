#include "nemesis/agent/rules.h"

#include <algorithm>
#include <utility>

#include "nemesis/agent/process.h"
#include "nemesis/agent/system.h"

namespace shaketable::agent {
namespace {

using namespace std::chrono_literals;

constexpr Nanos kTableTimeout = 15s;  // -w 10, and the work

std::string removal(const std::vector<std::string>& rules, std::optional<std::int64_t> fault) {
  std::string jumps, flushes, deletions;
  for (const std::string& rule : rules) {
    if (!is_own_rule(rule, fault)) continue;
    if (rule.starts_with("-N ")) {
      flushes += "-F " + rule.substr(3) + "\n";
      deletions += "-X " + rule.substr(3) + "\n";
    } else if (rule.starts_with("-A ") && !rule.starts_with("-A SHAKETABLE-")) {
      jumps += "-D " + rule.substr(3) + "\n";
    }
  }
  return jumps + flushes + deletions;
}

}  // namespace

RuleDifference compare_rules(const std::vector<std::string>& before, const std::vector<std::string>& after) {
  std::size_t start = 0, n = before.size(), m = after.size();
  while (start < n && start < m && before[start] == after[start]) ++start;
  while (n > start && m > start && before[n - 1] == after[m - 1]) {
    --n;
    --m;
  }
  const auto at = [](const std::vector<std::string>& list, std::size_t i) {
    return list.begin() + static_cast<std::ptrdiff_t>(i);
  };
  std::vector<std::string> missing(at(before, start), at(before, n));
  std::vector<std::string> added(at(after, start), at(after, m));
  // The longest common subsequence names what really differs. Where thousands of rules changed at once it would cost
  // more than it tells: then all of both sides is named.
  if (missing.size() * added.size() > 0 && missing.size() * added.size() <= 1'000'000) {
    const std::vector<std::string> old = std::exchange(missing, {}), now = std::exchange(added, {});
    std::vector<std::vector<std::size_t>> common(old.size() + 1, std::vector<std::size_t>(now.size() + 1, 0));
    for (std::size_t i = old.size(); i-- > 0;)
      for (std::size_t j = now.size(); j-- > 0;)
        common[i][j] = old[i] == now[j] ? common[i + 1][j + 1] + 1 : std::max(common[i + 1][j], common[i][j + 1]);
    for (std::size_t i = 0, j = 0; i < old.size() || j < now.size();) {
      if (i < old.size() && j < now.size() && old[i] == now[j]) {
        ++i;
        ++j;
      } else if (j == now.size() || (i < old.size() && common[i + 1][j] >= common[i][j + 1])) {
        missing.push_back(old[i++]);
      } else {
        added.push_back(now[j++]);
      }
    }
  }
  return {joined(missing, "; "), joined(added, "; ")};
}

std::vector<std::string> table_commands() {
  std::vector<std::string> out;
  for (const std::string family : {"iptables", "ip6tables"}) {
    if (find_program(family).empty()) continue;
    out.push_back(family);
    const std::string version = run({family, "-V"}, "", 5s).out;
    if (version.find("nf_tables") == std::string::npos) {
      if (!find_program(family + "-nft").empty() && exists("/proc/net/netfilter")) out.push_back(family + "-nft");
      continue;
    }
    const auto names = read_file(family == "iptables" ? "/proc/net/ip_tables_names" : "/proc/net/ip6_tables_names");
    if (!names || find_program(family + "-legacy").empty()) continue;
    for (const std::string& table : lines_of(*names))
      if (table == "filter") out.push_back(family + "-legacy");
  }
  return out;
}

Result<std::vector<std::string>> list_rules(const std::string& command) {
  const Output listed = run({command, "-w", "10", "-S"}, "", kTableTimeout);
  if (listed.code != 0) return infrastructure(command + " -S: " + listed.describe());
  return lines_of(listed.out);
}

std::vector<std::string> foreign_rules(const std::vector<std::string>& rules) {
  std::vector<std::string> out;
  for (const std::string& rule : rules)
    if (!rule.starts_with('#') && !is_own_rule(rule, std::nullopt)) out.push_back(rule);
  return out;
}

bool is_own_rule(std::string_view rule, std::optional<std::int64_t> fault) {
  if (!fault) return rule.find("SHAKETABLE-") != std::string_view::npos;
  const std::string line = std::string(rule) + " ";
  const std::string id = std::to_string(*fault);
  return line.find(" SHAKETABLE-IN-" + id + " ") != std::string::npos ||
         line.find(" SHAKETABLE-OUT-" + id + " ") != std::string::npos;
}

Result<void> remove_rules(std::optional<std::int64_t> fault) {
  std::vector<std::string> problems;
  for (const std::string& command : table_commands()) {
    std::string last = "rules of shaketable could not be removed";
    for (int attempt = 0;; ++attempt) {
      const auto rules = list_rules(command);
      if (!rules) {
        problems.push_back(rules.error().message);
        break;
      }
      const std::string lines = removal(*rules, fault);
      if (lines.empty()) break;
      if (attempt == 3) {
        problems.push_back(command + ": " + last);
        break;
      }
      const Output removed =
          run({command + "-restore", "--noflush", "-w", "10"}, "*filter\n" + lines + "COMMIT\n", kTableTimeout);
      if (removed.code != 0) last = "rules of shaketable could not be removed: " + removed.describe();
    }
  }
  if (problems.empty()) return {};
  return infrastructure(joined(problems, "; "));
}

}  // namespace shaketable::agent

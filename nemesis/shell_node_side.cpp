#include "nemesis/shell_node_side.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/duration.h"
#include "base/text.h"
#include "nemesis/node_script.h"

namespace shaketable {
namespace {

using namespace std::chrono_literals;

constexpr Nanos kCallTimeout = 20s;
constexpr Nanos kHealTimeout = 60s;

std::int64_t hundredths(Nanos duration) {
  return std::chrono::duration_cast<std::chrono::duration<std::int64_t, std::centi>>(duration).count();
}

// Names the script, so that a guard of another version of ours is replaced.
std::string script_version() {
  std::uint64_t hash = 0xcbf29ce484222325ull;  // FNV-1a
  for (const char c : node_script()) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return fmt::format("{:016x}", hash);
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    out.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::vector<std::string> without_blanks(std::vector<std::string> lines) {
  std::erase_if(lines, [](const std::string& line) { return line.empty(); });
  return lines;
}

std::string plain_address(std::string address) {
  if (const std::size_t zone = address.find('%'); zone != std::string::npos) address.resize(zone);
  if (address.starts_with("::ffff:") && address.find('.') != std::string::npos) address.erase(0, 7);
  return address;
}

void add_once(std::vector<std::string>& list, std::string item) {
  if (std::find(list.begin(), list.end(), item) == list.end()) list.push_back(std::move(item));
}

}  // namespace

std::vector<std::string> ShellNodeSide::Answer::values(std::string_view key) const {
  std::vector<std::string> out;
  for (const auto& [name, value] : lines)
    if (name == key) out.push_back(value);
  return out;
}

bool ShellNodeSide::Answer::has(std::string_view key) const {
  return std::any_of(lines.begin(), lines.end(), [&](const auto& line) { return line.first == key; });
}

std::string ShellNodeSide::Answer::problem(std::string_view doing) const {
  const std::vector<std::string> problems = values("problem");
  return fmt::format("{}: {}", doing, problems.empty() ? fmt::format("exit code {}", code) : join(problems, "; "));
}

ShellNodeSide::Answer ShellNodeSide::to_answer(const std::vector<std::string>& lines) {
  Answer answer;
  for (const std::string& line : lines) {
    const std::size_t space = std::min(line.find(' '), line.size());
    answer.lines.emplace_back(line.substr(0, space), line.substr(std::min(space + 1, line.size())));
  }
  return answer;
}

ShellNodeSide::ShellNodeSide(NodeSpec spec, Remote& remote) : spec_(std::move(spec)), remote_(remote) {}

Result<ShellNodeSide::Answer> ShellNodeSide::run_script(std::string_view argument) {
  Command command;
  // As an argument and not on standard input, which the commands within would read from.
  command.script = fmt::format("script=$(cat) && exec sh -c \"$script\" shaketable {}", argument);
  command.input = node_script();
  command.timeout = kHealTimeout;
  command.output_limit = 16 << 20;
  const CommandOutcome outcome = remote_.run(command);
  if (outcome.state != CommandState::done || !outcome.signal.empty()) return infrastructure(outcome.describe());
  Answer answer = to_answer(lines_of(outcome.out));
  answer.code = outcome.exit_code;
  if (outcome.truncated) return infrastructure("its rules are too many to be read");
  if (answer.code != 0 && !answer.has("problem")) return infrastructure(outcome.describe());
  return answer;
}

NodeCleanliness ShellNodeSide::heal() {
  NodeCleanliness result;
  result.node = spec_.name;
  shell_.reset();  // what it has armed must not be committed any more
  auto looked = run_script("look");
  if (!looked) {
    result.reason = "it could not be looked at: " + looked.error().message;
    return result;
  }
  if (looked->code != 0) {
    const bool seen = looked->has("chains");
    result.state = seen ? Cleanliness::unclean : Cleanliness::unknown;
    result.reason = looked->problem(seen ? "rules of shaketable are still there" : "it could not be looked at");
    return result;
  }
  for (const std::string& entry : looked->values("entry")) {
    const std::size_t space = entry.find(' ');
    result.undone.push_back(fmt::format("fault {} (journal: {})", entry.substr(0, space),
                                        space == std::string::npos ? "no state" : entry.substr(space + 1)));
  }
  for (const std::string& command : looked->values("chains"))
    result.undone.push_back(fmt::format("chains of shaketable in {}", command));
  const std::vector<std::string> now4 = without_blanks(looked->values("now4"));
  const std::vector<std::string> now6 = without_blanks(looked->values("now6"));
  for (const std::string& entry : looked->values("entry")) {
    const std::string key = entry.substr(0, entry.find(' '));
    const std::string missing4 = compare_rules(without_blanks(looked->values("found4:" + key)), now4).missing;
    const std::string missing6 = compare_rules(without_blanks(looked->values("found6:" + key)), now6).missing;
    if (missing4.empty() && missing6.empty()) continue;
    result.state = Cleanliness::unclean;
    result.reason = fmt::format(
        "nothing of shaketable is left, but rules that were there before fault {} are gone: {}{}{} (put them back, or, "
        "if that was meant, remove /var/lib/shaketable/node there)",
        key, missing4, missing4.empty() || missing6.empty() ? "" : "; ", missing6);
    return result;
  }
  auto finished = run_script("finish");
  if (!finished) {
    result.reason = "its rules are undone, but its journal may be there still: " + finished.error().message;
    return result;
  }
  if (finished->code != 0) {
    result.state = Cleanliness::unclean;
    result.reason = finished->problem("its rules are undone, but files of shaketable are left");
    return result;
  }
  result.state = Cleanliness::clean;
  return result;
}

Result<void> ShellNodeSide::install() {
  Command command;
  command.script =
      "umask 077 && mkdir -p /run/shaketable-nemesis && cat >/run/shaketable-nemesis/node.new && "
      "mv /run/shaketable-nemesis/node.new /run/shaketable-nemesis/node.sh";
  command.input = node_script();
  const CommandOutcome outcome = remote_.run(command);
  if (!outcome.succeeded())
    return infrastructure("/run/shaketable-nemesis/node.sh cannot be written: " + outcome.describe());
  return open_shell();
}

Result<void> ShellNodeSide::open_shell() {
  shell_.reset();
  auto shell = remote_.open_shell(true);
  if (!shell) return tl::unexpected(shell.error());
  shell_ = std::move(*shell);  // before call(), which would open one
  // A restore command that died must not take the shell with it.
  auto sourced =
      call("trap '' PIPE; [ -r /run/shaketable-nemesis/node.sh ] && . /run/shaketable-nemesis/node.sh", kCallTimeout);
  if (!sourced) return tl::unexpected(sourced.error());
  if (sourced->code != 0) {
    shell_.reset();
    return infrastructure(sourced->problem("/run/shaketable-nemesis/node.sh cannot be read"));
  }
  return {};
}

Result<std::vector<std::string>> ShellNodeSide::receive(const std::string& end, Nanos timeout, int& code) {
  std::vector<std::string> lines;
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (true) {
    auto line = shell_->receive_line(std::max<Nanos>(deadline - std::chrono::steady_clock::now(), 1ms));
    if (!line) {
      shell_.reset();  // what it says later would be taken for another answer
      return tl::unexpected(line.error());
    }
    if (line->starts_with(end)) {
      code = std::atoi(line->c_str() + end.size());
      return lines;
    }
    lines.push_back(std::move(*line));
  }
}

Result<ShellNodeSide::Answer> ShellNodeSide::call(std::string_view what, Nanos timeout) {
  // A guard whose lease ran out took the script with it.
  if (!shell_ && !open_shell())
    if (auto installed = install(); !installed) return tl::unexpected(installed.error());
  const std::string end = fmt::format("st-end {} ", ++calls_);
  if (auto sent = shell_->send(fmt::format("{{ {}; }} </dev/null; echo \"{}$?\"\n", what, end)); !sent) {
    shell_.reset();
    return tl::unexpected(sent.error());
  }
  int code = 0;
  auto lines = receive(end, timeout, code);
  if (!lines) return tl::unexpected(lines.error());
  Answer answer = to_answer(*lines);
  answer.code = code;
  return answer;
}

Result<NodeFacts> ShellNodeSide::probe() {
  NodeFacts facts;
  facts.name = spec_.name;
  Command who;
  who.script = "printf '%s\\n' \"$SSH_CONNECTION\"";
  who.as_root = false;  // sudo drops the variable
  const CommandOutcome connection = remote_.run(who);
  if (!connection.succeeded()) return infrastructure("SSH_CONNECTION cannot be read: " + connection.describe());
  {
    char client[128] = "", server[128] = "";
    int client_port = 0, port = 0;
    if (std::sscanf(connection.out.c_str(), "%127s %d %127s %d", client, &client_port, server, &port) != 4)
      return infrastructure(
          fmt::format("the node does not say where this connection comes from (SSH_CONNECTION is \"{}\"): the way to "
                      "it could not be "
                      "protected, so no fault is applied",
                      connection.out.substr(0, connection.out.find('\n'))));
    facts.control.client = plain_address(client);
    facts.control.port = port;
  }
  auto probed = call("st_probe", kCallTimeout);
  if (!probed) return tl::unexpected(probed.error());
  if (const auto uid = probed->values("uid"); uid.empty() || uid[0] != "0")
    return infrastructure("commands do not run as root there: set sudo in the plan, or log in as root");
  if (!spec_.address.empty()) facts.addresses4.push_back(spec_.address);
  if (!spec_.address6.empty()) facts.addresses6.push_back(spec_.address6);
  for (const std::string& address : probed->values("address")) {
    if (address.starts_with("4 ")) add_once(facts.addresses4, address.substr(2));
    if (address.starts_with("6 ")) add_once(facts.addresses6, address.substr(2));
  }
  facts.tools = probed->values("has");
  facts.problem4 = "iptables is not installed (Debian: apt-get install iptables)";
  facts.problem6 = "ip6tables is not installed (Debian: apt-get install iptables)";
  for (const std::string& table : probed->values("table")) {
    if (table.starts_with("iptables ")) facts.iptables = table.substr(9);
    if (table.starts_with("ip6tables ")) facts.ip6tables = table.substr(10);
  }
  for (const std::string& broken : probed->values("broken")) {
    if (broken.starts_with("iptables ")) facts.problem4 = "iptables does not work: " + broken.substr(9);
    if (broken.starts_with("ip6tables ")) facts.problem6 = "ip6tables does not work: " + broken.substr(10);
  }
  if (!facts.iptables.empty()) facts.problem4.clear();
  if (!facts.ip6tables.empty()) facts.problem6.clear();
  return facts;
}

Result<void> ShellNodeSide::start_guard(Nanos lease) {
  auto started = call(fmt::format("st_guard_start {} {}", hundredths(lease), script_version()), kCallTimeout);
  if (!started) return tl::unexpected(started.error());
  if (started->code != 0) return infrastructure(started->problem("the guard of the lease"));
  return {};
}

Result<std::string> ShellNodeSide::renew(Nanos lease) {
  auto renewed = call(fmt::format("st_renew {}", hundredths(lease)), std::max<Nanos>(lease / 2, 1s));
  if (!renewed) return tl::unexpected(renewed.error());
  if (renewed->code == 0) return std::string();
  const std::string why = renewed->problem("the lease");
  // After the guard ended by itself its script is gone too.
  if (auto installed = install(); !installed) return tl::unexpected(std::move(installed.error()).in(why));
  if (auto started = start_guard(lease); !started) return tl::unexpected(std::move(started.error()).in(why));
  return why + "; the guard was started again";
}

Result<void> ShellNodeSide::arm(const FirewallChange& change, Nanos lease) {
  auto armed = call(fmt::format("st_arm {} {} {} {} {} {}", shell_quote(change.key), change.fault, hundredths(lease),
                                hundredths(change.limit), shell_quote(change.rules4), shell_quote(change.rules6)),
                    kCallTimeout);
  if (!armed) return tl::unexpected(armed.error());
  if (armed->code != 0) return infrastructure(armed->problem("nothing was changed"));
  found_[change.key] = {without_blanks(armed->values("found4")), without_blanks(armed->values("found6"))};
  return {};
}

Result<void> ShellNodeSide::commit(const FirewallChange& change, const Clock& clock, CommitTimes& times) {
  times.sent = times.acknowledged = clock.now();
  // Not through call(): a shell opened anew would have nothing armed, and the time is that of the first line.
  if (!shell_) return infrastructure("the shell that held the change has ended");
  const std::string end = fmt::format("st-end {} ", ++calls_);
  auto sent = shell_->send(fmt::format("st_commit {} </dev/null; echo \"{}$?\"\n", shell_quote(change.key), end));
  times.acknowledged = clock.now();
  if (!sent) {
    shell_.reset();
    return tl::unexpected(sent.error());
  }
  auto first = shell_->receive_line(kCallTimeout);
  times.acknowledged = clock.now();
  if (!first) {
    shell_.reset();
    return tl::unexpected(first.error());
  }
  int code = 0;
  auto rest = receive(end, kCallTimeout, code);
  if (!rest) return tl::unexpected(rest.error());
  if (code != 0) return infrastructure(to_answer(*rest).problem("the rules could not be put in force"));
  if (!first->starts_with("cut ")) return infrastructure("the node's answer is not understood: " + *first);
  return {};
}

Result<void> ShellNodeSide::start_probes(const std::string& key, const std::vector<PeerProbe>& probes) {
  std::string text = "st_probe_peers " + shell_quote(key);
  for (const PeerProbe& probe : probes)
    text += fmt::format(" {}", shell_quote(fmt::format("{}/{}", probe.address, probe.port)));
  auto started = call(text, kCallTimeout);
  if (!started) return tl::unexpected(started.error());
  return {};
}

Result<FirewallProof> ShellNodeSide::proof(const FirewallChange& change) {
  auto read = call(fmt::format("st_counters {}; st_probed {}", change.fault, shell_quote(change.key)), kCallTimeout);
  if (!read) return tl::unexpected(read.error());
  FirewallProof proof;
  for (const std::string& dropped : read->values("dropped")) {
    const std::size_t space = dropped.find(' ');
    if (space == std::string::npos) continue;
    (dropped.starts_with("ip6") ? proof.dropped6 : proof.dropped4) =
        std::strtoull(dropped.c_str() + space, nullptr, 10);
  }
  for (const std::string& probe : read->values("probe")) {
    const std::size_t space = probe.find(' ');
    if (space != std::string::npos) proof.probes.push_back({probe.substr(0, space), probe.substr(space + 1)});
  }
  return proof;
}

Result<UndoOutcome> ShellNodeSide::undo(const FirewallChange& change) {
  auto undone = call(fmt::format("st_undo {} {}", shell_quote(change.key), change.fault), kCallTimeout);
  if (!undone) return tl::unexpected(undone.error());
  if (undone->code != 0)
    return infrastructure(undone->problem("rules of the fault are still there, or could not be read"));
  UndoOutcome outcome;
  outcome.gone = undone->has("gone");
  if (const auto found = found_.find(change.key); found != found_.end()) {
    const auto compare = [&](const std::vector<std::string>& before, std::string_view now, bool changed) {
      if (!changed) return;
      const RuleDifference difference = compare_rules(before, without_blanks(undone->values(now)));
      if (!difference.missing.empty()) outcome.missing += (outcome.missing.empty() ? "" : "; ") + difference.missing;
      if (!difference.added.empty()) outcome.added += (outcome.added.empty() ? "" : "; ") + difference.added;
    };
    compare(found->second.rules4, "now4", !change.rules4.empty());
    compare(found->second.rules6, "now6", !change.rules6.empty());
  }
  if (!outcome.missing.empty()) return outcome;
  auto forgotten = call(fmt::format("st_forget {}", shell_quote(change.key)), kCallTimeout);
  if (!forgotten) return tl::unexpected(forgotten.error());
  if (forgotten->code != 0) return infrastructure("the rules are undone, but the journal entry cannot be removed");
  found_.erase(change.key);
  return outcome;
}

}  // namespace shaketable

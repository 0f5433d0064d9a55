#include "nemesis/agent_node_side.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <optional>

#include "base/duration.h"
#include "base/text.h"
#include "nemesis/agent_program.h"

namespace shaketable {
namespace {

using namespace std::chrono_literals;
using agent::all_fields;
using agent::Fields;
using agent::has_field;
using SteadyTime = std::chrono::steady_clock::time_point;

constexpr Nanos kStartTimeout = 20s;
constexpr Nanos kCallTimeout = 30s;
constexpr Nanos kCommitTimeout = 100s;  // some start a database again
constexpr Nanos kHealTimeout = 200s;    // a member that is added again has 120 s of it
constexpr int kClockSamples = 5;
constexpr int kTimeOfDaySamples = 3;
// Where a full disk has no room for the program.
constexpr const char* kSpareProgram = "/dev/shm/shaketable-agent";

std::string text_of(const Fields& fields, std::string_view name) {
  return std::string(agent::field(fields, name));
}

Nanos since_start(SteadyTime moment) {
  return std::chrono::duration_cast<Nanos>(moment.time_since_epoch());
}

std::string plain_address(std::string address) {
  if (const std::size_t zone = address.find('%'); zone != std::string::npos) address.resize(zone);
  if (address.starts_with("::ffff:") && address.find('.') != std::string::npos) address.erase(0, 7);
  return address;
}

void add_once(std::vector<std::string>& list, std::string item) {
  if (std::find(list.begin(), list.end(), item) == list.end()) list.push_back(std::move(item));
}

Result<ControlPath> control_path(Remote& remote) {
  Command who;
  who.script = "printf '%s\\n' \"$SSH_CONNECTION\"";
  who.as_root = false;  // sudo drops the variable
  const CommandOutcome connection = remote.run(who);
  if (!connection.succeeded()) return infrastructure("SSH_CONNECTION cannot be read: " + connection.describe());
  char client[128] = "", server[128] = "";
  int client_port = 0, port = 0;
  if (std::sscanf(connection.out.c_str(), "%127s %d %127s %d", client, &client_port, server, &port) != 4)
    return infrastructure(fmt::format(
        "the node does not say where this connection comes from (SSH_CONNECTION is \"{}\"): the way to it could not be "
        "protected, so no fault is applied",
        connection.out.substr(0, connection.out.find('\n'))));
  ControlPath path;
  path.client = plain_address(client);
  path.port = port;
  return path;
}

}  // namespace

AgentNodeSide::AgentNodeSide(NodeSpec spec, Remote& remote)
    : spec_(std::move(spec)), remote_(remote), path_(agent::kProgram) {}

Result<std::string> AgentNodeSide::machine_there() {
  Command ask;
  ask.script = "uname -m";
  const CommandOutcome outcome = remote_.run(ask);
  if (!outcome.succeeded()) return infrastructure("uname -m: " + outcome.describe());
  return outcome.out.substr(0, outcome.out.find('\n'));
}

Result<void> AgentNodeSide::upload(const std::string& machine) {
  const auto program = agent_program_for(machine);
  if (!program) return tl::unexpected(program.error());
  const auto put = [&](const std::string& path) -> Result<void> {
    Command make;
    make.script = fmt::format("mkdir -p -m 755 {}", shell_quote(path.substr(0, path.rfind('/'))));
    if (const CommandOutcome made = remote_.run(make); !made.succeeded())
      return infrastructure(path + ": " + made.describe());
    return remote_.upload((*program)->bytes, path, 0700);
  };
  path_ = agent::kProgram;
  auto done = put(path_);
  if (!done) {
    path_ = kSpareProgram;
    if (put(path_)) return {};
    path_ = agent::kProgram;
  }
  return done;
}

// The first line says what is there: a greeting, or nothing that can be started.
Result<agent::Greeting> AgentNodeSide::start_program() {
  shell_.reset();
  auto shell = remote_.open_shell(true);
  if (!shell) return tl::unexpected(shell.error());
  const std::string program = shell_quote(path_);
  if (auto sent = (*shell)->send(fmt::format("if [ -x {0} ]; then exec {0} serve; else echo absent; fi\n", program));
      !sent)
    return tl::unexpected(sent.error());
  const auto line = (*shell)->receive_line(kStartTimeout);
  if (!line) return tl::unexpected(line.error());
  agent::Greeting greeting;
  if (*line == "absent") return greeting;
  const auto parsed = agent::parse_greeting(*line);
  if (!parsed) return infrastructure("the agent's greeting is not understood: " + *line);
  shell_ = std::move(*shell);
  return *parsed;
}

Result<void> AgentNodeSide::open() {
  std::string why;
  for (int attempt = 0; attempt < 2; ++attempt) {
    const auto greeting = start_program();
    std::string machine;
    if (greeting && greeting->protocol > 0) {
      const auto program = agent_program_for(greeting->machine);
      if (!program) {
        shell_.reset();
        return tl::unexpected(program.error());
      }
      if (greeting->protocol == agent::kProtocol && greeting->hash == (*program)->hash) {
        if (greeting->uid == 0) return {};
        shell_.reset();
        return infrastructure("commands do not run as root there: set sudo in the plan, or log in as root");
      }
      machine = greeting->machine;
      why = "another agent is there than the one that was put there";
    } else {
      why = greeting ? path_ + " is not there" : greeting.error().message;
    }
    shell_.reset();
    if (attempt == 1) break;
    if (machine.empty()) {
      auto told = machine_there();
      if (!told) return tl::unexpected(told.error());
      machine = *told;
    }
    if (auto uploaded = upload(machine); !uploaded)
      return tl::unexpected(std::move(uploaded.error()).in("the agent could not be put on the node"));
  }
  return infrastructure("the agent does not start there: " + why);
}

Result<Fields> AgentNodeSide::exchange(const std::string& word, Fields fields, Nanos timeout) {
  agent::Message request;
  request.id = ++requests_;
  request.word = word;
  request.fields = std::move(fields);
  if (auto sent = shell_->send(agent::to_line(request) + "\n"); !sent) {
    shell_.reset();
    return tl::unexpected(sent.error());
  }
  const auto line = shell_->receive_line(timeout);
  if (!line) {
    shell_.reset();  // what it says later would be taken for another answer
    return tl::unexpected(line.error());
  }
  auto answer = agent::parse_message(*line);
  if (!answer || answer->id != request.id) {
    shell_.reset();
    return infrastructure("the agent's answer is not understood: " + line->substr(0, 200));
  }
  if (answer->word != "ok") return infrastructure(text_of(answer->fields, "why"));
  return std::move(answer->fields);
}

Result<Fields> AgentNodeSide::call(const std::string& word, Fields fields, Nanos timeout) {
  if (!shell_)
    if (auto opened = open(); !opened) return tl::unexpected(opened.error());
  return exchange(word, std::move(fields), timeout);
}

NodeCleanliness AgentNodeSide::heal() {
  NodeCleanliness result;
  result.node = spec_.name;
  const auto healed = call("heal", {}, kHealTimeout);
  if (!healed) {
    result.reason = "it could not be looked at: " + healed.error().message;
    return result;
  }
  const std::string state = text_of(*healed, "state");
  result.state = state == "clean"     ? Cleanliness::clean
                 : state == "unclean" ? Cleanliness::unclean
                                      : Cleanliness::unknown;
  result.reason = text_of(*healed, "reason");
  result.undone = all_fields(*healed, "undone");
  if (result.state == Cleanliness::clean && path_ == kSpareProgram) {
    Command remove;
    remove.script = fmt::format("rm -f {}", kSpareProgram);
    if (const CommandOutcome removed = remote_.run(remove); !removed.succeeded()) {
      result.state = Cleanliness::unclean;
      result.reason = fmt::format("{} is left: {}", kSpareProgram, removed.describe());
    }
  }
  return result;
}

Result<void> AgentNodeSide::install() {
  if (shell_) return {};
  return open();
}

Result<NodeFacts> AgentNodeSide::probe() {
  NodeFacts facts;
  facts.name = spec_.name;
  auto control = control_path(remote_);
  if (!control) return tl::unexpected(control.error());
  facts.control = std::move(*control);
  const auto told = call("facts", {}, kCallTimeout);
  if (!told) return tl::unexpected(told.error());
  if (!spec_.address.empty()) facts.addresses4.push_back(spec_.address);
  if (!spec_.address6.empty()) facts.addresses6.push_back(spec_.address6);
  for (const std::string& address : all_fields(*told, "address4")) add_once(facts.addresses4, address);
  for (const std::string& address : all_fields(*told, "address6")) add_once(facts.addresses6, address);
  facts.iptables = text_of(*told, "iptables");
  facts.ip6tables = text_of(*told, "ip6tables");
  facts.problem4 = text_of(*told, "problem4");
  facts.problem6 = text_of(*told, "problem6");
  return facts;
}

Result<ForeignState> AgentNodeSide::foreign() {
  const auto told = call("foreign", {}, kCallTimeout);
  if (!told) return tl::unexpected(told.error());
  return ForeignState{all_fields(*told, "rule"), all_fields(*told, "qdisc")};
}

Result<void> AgentNodeSide::start_guard(Nanos lease) {
  const auto started = call("guard", {{"lease", std::to_string(lease.count())}}, kCallTimeout);
  if (!started) return tl::unexpected(started.error());
  return {};
}

Result<std::string> AgentNodeSide::renew(Nanos lease) {
  const auto renewed = call("renew", {{"lease", std::to_string(lease.count())}}, std::max<Nanos>(lease / 2, 1s));
  if (!renewed) return tl::unexpected(renewed.error());
  return text_of(*renewed, "remark");
}

Result<AgentNodeSide::ClockRelation> AgentNodeSide::compare_clocks() {
  ClockRelation best;
  for (int i = 0; i < kClockSamples; ++i) {
    const Nanos before = since_start(std::chrono::steady_clock::now());
    const auto told = call("time", {}, kCallTimeout);
    const Nanos after = since_start(std::chrono::steady_clock::now());
    if (!told) return tl::unexpected(told.error());
    const auto raw = agent::to_number(agent::field(*told, "raw"));
    if (!raw) return infrastructure("the agent does not tell its time");
    const Nanos half = (after - before) / 2;
    if (half < best.error) best = {Nanos(*raw) - (before + half), half};
  }
  return best;
}

Result<void> AgentNodeSide::look(const NodeChange& change) {
  Fields fields{{"kind", change.kind}};
  for (const auto& [name, value] : change.arguments) fields.emplace_back("arg." + name, value);
  auto looked = call("look", std::move(fields), kCallTimeout);
  if (!looked) return tl::unexpected(looked.error());
  return {};
}

Result<ClockSample> AgentNodeSide::read_clock(const Clock& clock, Nanos timeout) {
  if (!shell_) return infrastructure("no agent is at the other end");
  std::optional<ClockSample> best;
  for (int i = 0; i < kTimeOfDaySamples; ++i) {
    const Nanos asked = clock.now();
    const auto told = exchange("time", {}, timeout);
    const Nanos answered = clock.now();
    if (!told) return tl::unexpected(told.error());
    const auto real = agent::to_number(agent::field(*told, "real"));
    if (!real) return infrastructure("the agent does not tell its time of day");
    if (!best || answered - asked < best->answered - best->asked) best = {asked, answered, *real};
  }
  return *best;
}

Result<void> AgentNodeSide::arm(const NodeChange& change, Nanos lease) {
  Fields fields{{"key", change.key},
                {"kind", change.kind},
                {"fault", std::to_string(change.fault)},
                {"limit", std::to_string(change.limit.count())},
                {"lease", std::to_string(lease.count())}};
  for (const auto& [name, value] : change.arguments) fields.emplace_back("arg." + name, value);
  auto armed = call("arm", std::move(fields), kCallTimeout);
  if (!armed) return tl::unexpected(std::move(armed.error()).in("nothing was changed"));
  auto compared = compare_clocks();
  if (!compared) return tl::unexpected(compared.error());
  relation_ = *compared;
  return {};
}

Result<void> AgentNodeSide::commit(const NodeChange& change, SteadyTime start, const Clock& clock, CommitTimes& times) {
  times = {};
  times.earliest = times.latest = clock.now();
  // Not through call(): an agent that was started anew would have nothing armed.
  if (!shell_) return infrastructure("the agent that held the change has ended");
  const Nanos at = std::max<Nanos>(since_start(start) + relation_.offset, Nanos(0));
  const auto done = exchange("commit", {{"key", change.key}, {"at", std::to_string(at.count())}}, kCommitTimeout);
  times.latest = clock.now();
  const Nanos steady_now = since_start(std::chrono::steady_clock::now());
  if (!done) return tl::unexpected(done.error());
  const auto begun = agent::to_number(agent::field(*done, "begun"));
  const auto ended = agent::to_number(agent::field(*done, "done"));
  if (!begun || !ended) return infrastructure("the agent does not tell when it changed the node");
  times.node_begun = begun;
  times.node_done = ended;
  // Never outside of what we saw ourselves: between the request and the answer.
  const auto on_run_clock = [&](std::int64_t raw, Nanos slack) {
    const Nanos ago = steady_now - (Nanos(raw) - relation_.offset) - slack;
    return std::clamp(times.latest - ago, times.earliest, times.latest);
  };
  const Nanos latest = on_run_clock(*ended, relation_.error);
  times.earliest = on_run_clock(*begun, -relation_.error);
  times.latest = latest;
  return {};
}

Result<void> AgentNodeSide::start_probes(const std::string& key, const std::vector<PeerProbe>& probes) {
  Fields fields{{"key", key}};
  for (const PeerProbe& probe : probes) fields.emplace_back("peer", fmt::format("{}/{}", probe.address, probe.port));
  const auto started = call("call", std::move(fields), kCallTimeout);
  if (!started) return tl::unexpected(started.error());
  return {};
}

Result<NodeProof> AgentNodeSide::proof(const std::string& key) {
  auto told = call("prove", {{"key", key}}, kCallTimeout);
  if (!told) return tl::unexpected(told.error());
  NodeProof proof;
  for (auto& [name, value] : *told) {
    if (name != "call") {
      proof.values.emplace_back(name, std::move(value));
      continue;
    }
    const std::size_t space = value.find(' ');
    if (space != std::string::npos) proof.probes.push_back({value.substr(0, space), value.substr(space + 1)});
  }
  return proof;
}

Result<UndoOutcome> AgentNodeSide::undo(const NodeChange& change) {
  const auto undone =
      call("undo", {{"key", change.key}, {"kind", change.kind}, {"fault", std::to_string(change.fault)}}, kHealTimeout);
  if (!undone) return tl::unexpected(undone.error());
  UndoOutcome outcome;
  outcome.gone = has_field(*undone, "gone");
  outcome.gone_why = text_of(*undone, "gone");
  const auto gone_at = agent::to_number(agent::field(*undone, "gone_at"));
  const auto now = agent::to_number(agent::field(*undone, "raw"));
  if (gone_at && now && *now > *gone_at) outcome.gone_for = Nanos(*now - *gone_at);
  outcome.missing = text_of(*undone, "missing");
  outcome.added = text_of(*undone, "added");
  outcome.note = text_of(*undone, "note");
  return outcome;
}

}  // namespace shaketable

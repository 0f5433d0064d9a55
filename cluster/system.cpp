#include "cluster/system.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <thread>

#include "base/duration.h"
#include "base/log.h"
#include "base/text.h"
#include "cluster/system_scripts.h"

namespace shaketable {
namespace {

using namespace std::chrono_literals;

constexpr Nanos kInstallTimeout = 10min;
// An installation is on the disk long before anybody works with it, so a fault that loses what was not synced must not
// take it.
constexpr std::string_view kSyncData = "sync -f -- {{data}}";
constexpr Nanos kLookTimeout = 10s;
constexpr Nanos kPollEvery = 250ms;
constexpr int kLooksAfterStop = 5;

std::string end_of_output(const CommandOutcome& outcome) {
  std::vector<std::string> lines;
  std::istringstream text(outcome.err.find_first_not_of(" \n") == std::string::npos ? outcome.out : outcome.err);
  for (std::string line; std::getline(text, line);)
    if (!line.empty()) lines.push_back(line);
  const std::size_t from = lines.size() > 5 ? lines.size() - 5 : 0;
  std::string out;
  for (std::size_t i = from; i < lines.size(); ++i) out += "\n    " + lines[i];
  return out;
}

std::string failure_of(const CommandOutcome& outcome) {
  if (outcome.state != CommandState::done) return outcome.describe();
  const std::string said = end_of_output(outcome);
  const std::string how =
      outcome.signal.empty() ? fmt::format("exit code {}", outcome.exit_code) : "killed by " + outcome.signal;
  return said.empty() ? how : how + ":" + said;
}

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> out;
  std::istringstream in{std::string(text)};
  for (std::string word; in >> word;) out.push_back(word);
  return out;
}

}  // namespace

System::System(SystemSpec spec, const Cluster& cluster, bool managed, std::map<std::string, std::string> options)
    : spec_(std::move(spec)), cluster_(cluster), managed_(managed), options_(spec_.options) {
  for (auto& [name, value] : options) options_[name] = std::move(value);
}

Result<std::vector<Node*>> System::find_nodes(const std::vector<std::string>& names) const {
  std::vector<Node*> out;
  for (const std::string& name : names) {
    Node* node = cluster_.find(name);
    if (!node) return bad_input(fmt::format("there is no node {}; there are {}", name, join(cluster_.names())));
    out.push_back(node);
  }
  return out;
}

Result<void> System::refuse_unmanaged(std::string_view what) const {
  if (managed_) return {};
  return bad_input(
      fmt::format("{}: the plan says manage: none, so nothing of it is {} by shaketable", spec_.name, what));
}

Result<std::string> System::fill(const Node& node, std::string_view text) const {
  std::vector<NodeSpec> specs;
  std::size_t index = 0;
  for (std::size_t i = 0; i < cluster_.size(); ++i) {
    specs.push_back(cluster_.node(i).spec());
    if (&cluster_.node(i) == &node) index = i;
  }
  auto variables = node_variables(spec_, options_, specs, index);
  if (!variables) return tl::unexpected(variables.error().in("system " + spec_.name));
  auto filled = fill_template(text, *variables);
  if (!filled) return tl::unexpected(filled.error().in("system " + spec_.name));
  return filled;
}

Result<std::vector<std::string>> System::on_each(const std::vector<Node*>& nodes, const Step& step,
                                                 const NodeScript& script) const {
  std::vector<Command> commands;
  for (const Node* node : nodes) {
    auto text = script(*node);
    if (!text) return tl::unexpected(text.error().in(step.purpose));
    Command command;
    command.script = std::move(*text);
    command.timeout = step.timeout;
    commands.push_back(std::move(command));
  }
  std::size_t next = 0;
  const auto outcomes = cluster_.run(nodes, [&](const Node&) { return commands[next++]; });
  std::vector<std::string> out, failures;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (outcomes[i].succeeded())
      out.push_back(outcomes[i].out);
    else
      failures.push_back(fmt::format("node {}: {}", nodes[i]->name(), failure_of(outcomes[i])));
  }
  if (failures.empty()) return out;
  return infrastructure(fmt::format("{}: {} failed on {} of {} nodes:\n  {}", spec_.name, step.purpose, failures.size(),
                                    nodes.size(), join(failures, "\n  ")));
}

Result<SystemScripts> System::scripts(const std::string& node) const {
  const auto found = find_nodes({node});
  if (!found) return tl::unexpected(found.error());
  SystemScripts out;
  std::vector<std::pair<std::string*, const std::string*>> parts{
      {&out.pids, &spec_.pids}, {&out.start, &spec_.start}, {&out.data, &spec_.data}};
  if (managed_)
    parts.insert(parts.end(), {{&out.member_remove, &spec_.member_remove},
                               {&out.member_add, &spec_.member_add},
                               {&out.members, &spec_.members}});
  for (const auto& [to, from] : parts) {
    auto filled = fill(*found->front(), *from);
    if (!filled) return tl::unexpected(filled.error());
    *to = std::move(*filled);
  }
  if (!managed_) return out;
  auto restored = restore_script(*found->front());
  if (!restored) return tl::unexpected(restored.error());
  out.restore = std::move(*restored);
  return out;
}

// What set_up() made outside of the data.
Result<std::string> System::restore_script(const Node& node) const {
  auto run = fill(node, "{{run}}");
  auto log = fill(node, spec_.log);
  auto data = fill(node, spec_.data);
  for (const auto* part : {&run, &log, &data})
    if (!*part) return *part;
  std::string out = fmt::format("mkdir -p {} || exit 1\n", shell_quote(*run));
  if (!log->empty()) out += fmt::format("mkdir -p \"$(dirname -- {})\" || exit 1\n", shell_quote(*log));
  if (!data->empty()) out += system_scripts::mark_data(spec_.name, *data);
  for (const auto& [path_text, content_text] : spec_.files) {
    auto path = fill(node, path_text);
    auto content = fill(node, content_text);
    if (!path) return path;
    if (!content) return content;
    out += fmt::format("mkdir -p -- \"$(dirname -- {0})\" && printf %s {1} >{0} || exit 1\n", shell_quote(*path),
                       shell_quote(*content));
  }
  return out;
}

Result<void> System::run_part(const std::vector<Node*>& nodes, const Step& step, const std::string& part) const {
  if (part.find_first_not_of(" \t\n") == std::string::npos)
    return bad_input(fmt::format("{}: its system file does not say how to {}", spec_.name, step.purpose));
  auto done = on_each(nodes, step, [&](const Node& node) { return fill(node, part); });
  if (!done) return tl::unexpected(done.error());
  return {};
}

Result<void> System::install() {
  if (auto ok = refuse_unmanaged("installed"); !ok) return ok;
  if (spec_.packages.empty()) return {};
  auto done = on_each(cluster_.all(), {"install", kInstallTimeout},
                      [&](const Node&) -> Result<std::string> { return system_scripts::install(spec_.packages); });
  if (!done) return tl::unexpected(done.error());
  return {};
}

Result<std::string> System::empty_script(const Node& node) const {
  auto data = fill(node, spec_.data);
  if (!data) return data;
  if (auto ok = check_data_directory(*data); !ok) return tl::unexpected(ok.error());
  return system_scripts::empty_data(spec_.name, *data);
}

// Places for data, log and run-time files; the log of an earlier run is not this run's.
Result<std::string> System::prepare_script(const Node& node) const {
  std::string out;
  if (!spec_.data.empty()) {
    auto script = empty_script(node);
    if (!script) return script;
    out += *script;
  }
  auto run = fill(node, "{{run}}");
  auto log = fill(node, spec_.log);
  if (!run) return run;
  if (!log) return log;
  out += fmt::format("mkdir -p {} || exit 1\n", shell_quote(*run));
  if (!log->empty())
    out +=
        fmt::format("mkdir -p \"$(dirname -- {0})\" || exit 1\n[ ! -f {0} ] || : >{0} || exit 1\n", shell_quote(*log));
  return out;
}

Result<void> System::write_files(const std::vector<Node*>& nodes) const {
  for (const auto& [path_text, content_text] : spec_.files) {
    std::vector<std::string> paths, contents;
    for (const Node* node : nodes) {
      auto path = fill(*node, path_text);
      auto content = fill(*node, content_text);
      if (!path) return tl::unexpected(path.error().in("files"));
      if (!content) return tl::unexpected(content.error().in("files: " + path_text));
      if (!path->starts_with('/'))
        return bad_input(fmt::format("system {}: files: {} is not an absolute path", spec_.name, *path));
      paths.push_back(std::move(*path));
      contents.push_back(std::move(*content));
    }
    std::size_t next = 0;
    auto made = on_each(nodes, {"write " + path_text, kLookTimeout}, [&](const Node&) -> Result<std::string> {
      return fmt::format("mkdir -p -- \"$(dirname -- {})\"", shell_quote(paths[next++]));
    });
    if (!made) return tl::unexpected(made.error());
    std::vector<std::future<Result<void>>> uploads;
    for (std::size_t i = 0; i < nodes.size(); ++i) uploads.push_back(nodes[i]->upload(contents[i], paths[i], 0644));
    std::vector<std::string> failures;
    for (std::size_t i = 0; i < nodes.size(); ++i)
      if (auto sent = uploads[i].get(); !sent)
        failures.push_back(fmt::format("node {}: {}", nodes[i]->name(), sent.error().message));
    if (!failures.empty())
      return infrastructure(fmt::format("{}: {} could not be written on {} of {} nodes:\n  {}", spec_.name, path_text,
                                        failures.size(), nodes.size(), join(failures, "\n  ")));
  }
  return {};
}

Result<void> System::set_up() {
  if (auto ok = refuse_unmanaged("set up"); !ok) return ok;
  if (auto ok = check_system(spec_, options_); !ok) return tl::unexpected(ok.error().in("system " + spec_.name));
  const auto nodes = cluster_.all();
  if (!spec_.pids.empty()) {
    auto left = processes(cluster_.names());
    if (!left) return tl::unexpected(left.error());
    if (!left->empty()) {
      log::warning("{}: {} process{} of an earlier run {} killed", spec_.name, left->size(),
                   left->size() == 1 ? "" : "es", left->size() == 1 ? "is" : "are");
      if (auto ok = signal_processes("kill", *left); !ok) return ok;
    }
  }
  auto prepared = on_each(nodes, {"prepare", 60s}, [&](const Node& node) { return prepare_script(node); });
  if (!prepared) return tl::unexpected(prepared.error());
  if (auto ok = write_files(nodes); !ok) return ok;
  const Nanos limit = std::max<Nanos>(spec_.start_timeout, 60s);
  if (!spec_.setup.empty())
    if (auto ok = run_part(nodes, {"set up", limit}, spec_.setup); !ok) return ok;
  if (spec_.data.empty()) return {};
  return run_part(nodes, {"sync data", limit}, std::string(kSyncData));
}

Result<void> System::start_all() {
  return start(cluster_.names());
}

Result<void> System::start(const std::vector<std::string>& names) {
  if (auto ok = refuse_unmanaged("started"); !ok) return ok;
  const auto nodes = find_nodes(names);
  if (!nodes) return tl::unexpected(nodes.error());
  for (const std::string& name : names) paused_.erase(name);
  return run_part(*nodes, {"start", spec_.start_timeout}, spec_.start);
}

Result<void> System::stop(const std::vector<std::string>& names) {
  if (auto ok = refuse_unmanaged("stopped"); !ok) return ok;
  const auto nodes = find_nodes(names);
  if (!nodes) return tl::unexpected(nodes.error());
  if (auto ok = run_part(*nodes, {"stop", 60s}, spec_.stop); !ok) return ok;
  if (spec_.pids.empty()) return {};
  // A process may take a moment from its last words to its end.
  auto left = processes(names);
  for (int look = 0; look < kLooksAfterStop && left && !left->empty(); ++look) {
    std::this_thread::sleep_for(200ms);
    left = processes(names);
  }
  if (!left) return tl::unexpected(left.error());
  if (left->empty()) return {};
  std::vector<std::string> list;
  for (const ProcessId& process : *left)
    list.push_back(fmt::format("{} {} on {}", process.command, process.pid, process.node));
  return infrastructure(fmt::format("{}: stop left processes behind: {}", spec_.name, join(list)));
}

Result<void> System::tear_down() {
  if (auto ok = refuse_unmanaged("torn down"); !ok) return ok;
  const auto nodes = cluster_.all();
  std::string trouble;
  const auto note = [&](const Result<void>& result) {
    if (!result) trouble += (trouble.empty() ? "" : "\n") + result.error().message;
  };
  Result<void> stopped;
  if (!spec_.stop.empty()) {
    if (!paused_.empty()) note(resume(cluster_.names()));  // who is stopped hears no request to end
    stopped = stop(cluster_.names());
  }
  if (!spec_.pids.empty()) {
    if (!stopped) log::warning("{}; what is left is killed", stopped.error().message);
    note(kill(cluster_.names()));
  } else {
    note(stopped);
  }
  if (!spec_.teardown.empty()) note(run_part(nodes, {"tear down", 60s}, spec_.teardown));
  if (!spec_.data.empty()) {
    auto emptied = on_each(nodes, {"empty data", 60s}, [&](const Node& node) { return empty_script(node); });
    if (!emptied) note(tl::unexpected(emptied.error()));
  }
  if (trouble.empty()) return {};
  return infrastructure(trouble);
}

std::vector<NodeHealth> System::health() {
  std::vector<NodeHealth> out;
  const auto nodes = cluster_.all();
  if (spec_.healthy.empty() && spec_.pids.empty()) {
    for (const Node* node : nodes)
      out.push_back({node->name(), false, "its system file says neither `healthy` nor `pids`"});
    return out;
  }
  std::vector<Command> commands(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    auto script = fill(*nodes[i], spec_.healthy.empty() ? spec_.pids : spec_.healthy);
    if (!script) {
      for (const Node* node : nodes) out.push_back({node->name(), false, script.error().message});
      return out;
    }
    commands[i].script = spec_.healthy.empty() ? system_scripts::list_processes(*script) : std::move(*script);
    commands[i].timeout = kLookTimeout;
  }
  std::size_t next = 0;
  const auto outcomes = cluster_.run(nodes, [&](const Node&) { return commands[next++]; });
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    NodeHealth health{nodes[i]->name(), outcomes[i].succeeded(), ""};
    if (!health.healthy)
      health.why = outcomes[i].describe();
    else if (spec_.healthy.empty() && outcomes[i].out.empty())
      health = {nodes[i]->name(), false, "it does not run"};
    out.push_back(std::move(health));
  }
  return out;
}

Result<Nanos> System::wait_until_healthy(Clock& clock, Nanos timeout, std::stop_token stop) {
  const Nanos begin = clock.now();
  while (true) {
    const auto states = health();
    std::vector<std::string> sick;
    for (const NodeHealth& state : states)
      if (!state.healthy) sick.push_back(fmt::format("node {}: {}", state.node, state.why));
    if (sick.empty()) return clock.now() - begin;
    if (clock.now() - begin >= timeout)
      return infrastructure(fmt::format("{}: {} of {} nodes not healthy after {}:\n  {}", spec_.name, sick.size(),
                                        states.size(), format_duration(timeout), join(sick, "\n  ")));
    if (!clock.sleep_until(std::min(clock.now() + kPollEvery, begin + timeout), stop))
      return tl::unexpected(
          Error{ErrorKind::interrupted, "interrupted while waiting for " + spec_.name + " to be healthy"});
  }
}

Result<std::vector<std::string>> System::primaries() {
  if (spec_.primaries.empty())
    return bad_input(fmt::format("{}: its system file does not say how to find its primaries", spec_.name));
  const auto nodes = cluster_.all();
  std::vector<Command> commands(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    auto script = fill(*nodes[i], spec_.primaries);
    if (!script) return tl::unexpected(script.error().in("primaries"));
    commands[i].script = std::move(*script);
    commands[i].timeout = kLookTimeout;
  }
  std::size_t next = 0;
  const auto outcomes = cluster_.run(nodes, [&](const Node&) { return commands[next++]; });
  std::set<std::string> names;
  std::vector<std::string> failures;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (!outcomes[i].succeeded()) {
      failures.push_back(fmt::format("node {}: {}", nodes[i]->name(), outcomes[i].describe()));
      continue;
    }
    for (const std::string& name : words(outcomes[i].out)) {
      if (!cluster_.find(name))
        return infrastructure(fmt::format("{}: node {} says that {} is a primary, and that is no node of the plan",
                                          spec_.name, nodes[i]->name(), name));
      names.insert(name);
    }
  }
  // A node that is down cannot tell, and that is what faults are for; but somebody has to.
  if (failures.size() == nodes.size())
    return infrastructure(fmt::format("{}: no node tells who is primary:\n  {}", spec_.name, join(failures, "\n  ")));
  return std::vector<std::string>(names.begin(), names.end());
}

Result<std::string> System::version() {
  if (spec_.version.empty())
    return bad_input(fmt::format("{}: its system file does not say how to find its version", spec_.name));
  std::vector<std::string> failures;
  for (Node* node : cluster_.all()) {
    auto script = fill(*node, spec_.version);
    if (!script) return script;
    Command command;
    command.script = std::move(*script);
    command.timeout = kLookTimeout;
    const CommandOutcome outcome = node->run(command).get();
    if (outcome.succeeded()) return outcome.out.substr(0, outcome.out.find('\n'));
    failures.push_back(fmt::format("node {}: {}", node->name(), outcome.describe()));
  }
  return infrastructure(fmt::format("{}: no node tells its version:\n  {}", spec_.name, join(failures, "\n  ")));
}

Result<std::string> System::client_url(const Node& node) const {
  const NodeSpec& spec = node.spec();
  if (!spec.client_url.empty()) return spec.client_url;
  std::string host = spec.address;
  if (host.empty() && !spec.address6.empty()) host = "[" + spec.address6 + "]";
  if (host.empty()) host = spec.host.find(':') == std::string::npos ? spec.host : "[" + spec.host + "]";
  const auto scheme = fill(node, spec_.client_scheme);
  if (!scheme) return scheme;
  return fmt::format("{}://{}:{}", *scheme, host, spec_.client_port);
}

std::vector<PlannedCommand> System::planned_commands() const {
  std::vector<PlannedCommand> out;
  const auto add = [&](const std::string& purpose, const NodeScript& script) {
    for (const Node* node : cluster_.all()) {
      const auto text = script(*node);
      out.push_back({node->name(), purpose, text ? *text : "# " + text.error().message});
    }
  };
  const auto add_part = [&](const std::string& purpose, const std::string& part) {
    if (!part.empty()) add(purpose, [&](const Node& node) { return fill(node, part); });
  };
  if (managed_) {
    if (!spec_.packages.empty())
      add("install", [&](const Node&) -> Result<std::string> { return system_scripts::install(spec_.packages); });
    add("prepare", [&](const Node& node) { return prepare_script(node); });
    for (const auto& file : spec_.files)
      add("write " + file.first, [&](const Node& node) -> Result<std::string> {
        auto to = fill(node, file.first);
        auto text = fill(node, file.second);
        if (!to) return to;
        if (!text) return text;
        return fmt::format("mkdir -p -- \"$(dirname -- {0})\"\ncat >{0} <<'END'\n{1}END\n", shell_quote(*to),
                           text->ends_with('\n') ? *text : *text + "\n");
      });
    add_part("set up", spec_.setup);
    if (!spec_.data.empty()) add_part("sync data", std::string(kSyncData));
    add_part("start", spec_.start);
  }
  add_part("health", spec_.healthy);
  add_part("primaries", spec_.primaries);
  if (managed_) {
    add_part("stop", spec_.stop);
    add_part("tear down", spec_.teardown);
    if (!spec_.data.empty()) add("empty data", [&](const Node& node) { return empty_script(node); });
  }
  return out;
}

}  // namespace shaketable

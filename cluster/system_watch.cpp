#include "cluster/system_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <map>
#include <set>

#include "base/log.h"
#include "cluster/system_looks.h"

namespace shaketable {
namespace {

constexpr std::size_t kMostLines = 40;
constexpr std::size_t kMostProcesses = 1000;  // known of a node at once

}  // namespace

std::string_view to_string(SystemEvent::Kind kind) {
  switch (kind) {
    case SystemEvent::Kind::process_died:
      return "process-died";
    case SystemEvent::Kind::core_dump:
      return "core-dump";
    case SystemEvent::Kind::oom_kill:
      return "oom-kill";
    case SystemEvent::Kind::log_line:
      return "log-line";
  }
  return "?";
}

// What is known of one node. On the thread of watch(), or of whoever calls look_before() and finish().
struct SystemWatch::NodeState {
  struct Process {
    std::string name;
    bool root = false;  // nobody above it is one of the system's
  };

  NodeState(Node& its_node, const SystemSpec& spec) : node(its_node) { known.patterns = spec.log_findings; }

  void ask(const Clock& clock, Nanos timeout, bool before) {
    known.measure = before;
    known.processes.clear();
    for (const auto& [id, process] : processes) known.processes.push_back(id);
    Command command;
    command.script = system_looks::look_script(known);
    command.timeout = timeout;
    asked = clock.now();
    pending = node.run(std::move(command));
  }

  // When the answer is there. `before`: it is only remembered.
  void take(const Clock& clock, Nanos timeout, bool before, SystemWatchReport& report) {
    const CommandOutcome outcome = pending.get();
    const Nanos now = clock.now();
    if (!outcome.succeeded()) {
      trouble = outcome.describe();
      return;
    }
    const system_looks::Look look = system_looks::parse_look(outcome.out);
    if (!answered) uptime_s = look.uptime_s;
    const auto found = [&](SystemEvent::Kind kind, std::string what, std::vector<std::string> lines) {
      if (before) return;
      if (++events > kMostEvents) {
        ++report.omitted;
        return;
      }
      if (lines.size() > kMostLines) lines.resize(kMostLines);
      for (std::string& line : lines) line = log::redact(line);
      report.events.push_back({kind, node.name(), since, now, log::redact(what), std::move(lines)});
    };
    take_deaths(look, timeout, found);
    for (const system_looks::NewProcess& process : look.added) {
      if (processes.size() >= kMostProcesses) break;
      const auto above = [](const system_looks::NewProcess& of, const std::string& id) {
        return std::find(of.ancestors.begin(), of.ancestors.end(), id.substr(0, id.find(':'))) != of.ancestors.end();
      };
      const bool below = std::any_of(processes.begin(), processes.end(),
                                     [&](const auto& other) { return above(process, other.first); });
      processes[process.id] = {process.name, !below};
      // One that was listed before who started it.
      for (const system_looks::NewProcess& other : look.added)
        if (above(other, process.id) && processes.contains(other.id)) processes[other.id].root = false;
      if (!process.directory.empty() && directories.insert(process.directory).second) new_places = true;
    }
    for (const auto& [id, process] : processes)
      if (process.root && counted.insert(id).second) ++report.processes;
    for (const std::string& core : look.cores)
      if (cores.insert(core).second && !fresh_places) found(SystemEvent::Kind::core_dump, core, {});
    for (const auto& [file, count] : look.oom_kills) {
      const auto [at, is_new] = oom_kills.try_emplace(file, count);
      if (!is_new && count > at->second)
        found(SystemEvent::Kind::oom_kill,
              fmt::format("the kernel killed {} of its processes for want of memory ({})", count - at->second, file),
              {});
      at->second = count;
    }
    for (const std::string& file : look.oom_files)
      if (std::find(known.oom_files.begin(), known.oom_files.end(), file) == known.oom_files.end())
        known.oom_files.push_back(file);
    for (const system_looks::LogMatch& match : look.matches)
      if (told.insert(match.path + "\n" + std::to_string(match.at)).second)
        found(SystemEvent::Kind::log_line, fmt::format("{}: {}", match.path, match.line), match.around);
    known.logs = look.logs;
    fresh_places = false;
    if (!answered || new_places) {
      known.core_globs = system_looks::core_globs(look.core_pattern, {directories.begin(), directories.end()});
      // What lies in a place that was not looked at before is no news.
      fresh_places = true;
      new_places = false;
    }
    since = asked;
    answered = true;
  }

  template <class Found>
  void take_deaths(const system_looks::Look& look, Nanos timeout, const Found& found) {
    for (const std::string& id : look.gone) {
      const auto at = processes.find(id);
      if (at == processes.end()) continue;
      const Process process = at->second;
      processes.erase(at);
      if (!process.root) continue;
      Command command;
      command.script = system_looks::evidence_script(known, process.name);
      command.timeout = timeout;
      const CommandOutcome outcome = node.run(std::move(command)).get();
      const auto evidence = system_looks::parse_evidence(outcome.succeeded() ? outcome.out : "", uptime_s);
      found(SystemEvent::Kind::process_died,
            fmt::format("{} (process {}) is gone{}", process.name, id.substr(0, id.find(':')),
                        evidence.out_of_memory ? ": the kernel killed one of that name for want of memory" : ""),
            evidence.lines);
    }
  }

  Node& node;
  system_looks::Known known;
  std::future<CommandOutcome> pending;
  Nanos asked{0}, since{0};  // the last question, and the last one that was answered
  bool answered = false;
  bool new_places = false, fresh_places = true;
  std::string trouble;
  double uptime_s = 0;
  std::size_t events = 0;
  std::map<std::string, Process> processes;
  std::map<std::string, std::int64_t> oom_kills;
  std::set<std::string> counted, cores, directories, told;
};

SystemWatch::SystemWatch(const SystemSpec& spec, const std::map<std::string, std::string>& options,
                         const Cluster& cluster, const Clock& clock, SystemWatchOptions watch)
    : clock_(clock), options_(watch) {
  std::map<std::string, std::string> set = spec.options;
  for (const auto& [name, value] : options) set[name] = value;
  std::vector<std::string> globs = spec.logs;
  if (globs.empty() && !spec.log.empty()) globs = {"{{log}}"};
  std::vector<NodeSpec> nodes;
  for (const Node* node : cluster.all()) nodes.push_back(node->spec());
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    auto state = std::make_unique<NodeState>(cluster.node(i), spec);
    // check_system() has seen that every text can be filled in.
    if (const auto variables = node_variables(spec, set, nodes, i)) {
      state->known.pids = fill_template(spec.pids, *variables).value_or("");
      for (const std::string& glob : globs)
        if (auto filled = fill_template(glob, *variables)) state->known.log_globs.push_back(std::move(*filled));
    }
    nodes_.push_back(std::move(state));
  }
}

SystemWatch::~SystemWatch() {
  thread_.request_stop();
}

void SystemWatch::look_everywhere(bool before) {
  for (const auto& state : nodes_)
    if (!state->pending.valid()) state->ask(clock_, options_.timeout, before);
  for (const auto& state : nodes_) state->take(clock_, options_.timeout, before, report_);
}

void SystemWatch::look_before() {
  look_everywhere(true);
}

void SystemWatch::start() {
  // Whoever runs now is known, and what the logs said while the system started is told.
  for (const auto& state : nodes_) state->processes.clear();
  thread_ = std::jthread([this](std::stop_token stop) { watch(std::move(stop)); });
}

void SystemWatch::watch(std::stop_token stop) {
  SteadyClock pace;  // real time, whatever clock the run is on
  while (!stop.stop_requested()) {
    for (const auto& state : nodes_) {
      if (state->pending.valid()) {
        if (state->pending.wait_for(std::chrono::seconds(0)) != std::future_status::ready) continue;
        state->take(clock_, options_.timeout, false, report_);
      }
      state->ask(clock_, options_.timeout, false);
    }
    pace.sleep_until(pace.now() + options_.period, stop);
  }
}

const SystemWatchReport& SystemWatch::finish() {
  if (finished_) return report_;
  finished_ = true;
  if (thread_.joinable()) {
    thread_.request_stop();
    thread_.join();
    // What was asked meanwhile, and once more.
    for (const auto& state : nodes_)
      if (state->pending.valid()) state->take(clock_, options_.timeout, false, report_);
    look_everywhere(false);
  }
  for (const auto& state : nodes_)
    if (!state->answered) report_.unwatched.push_back(fmt::format("{}: {}", state->node.name(), state->trouble));
  return report_;
}

}  // namespace shaketable

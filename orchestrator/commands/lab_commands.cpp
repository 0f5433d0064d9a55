#include <fmt/format.h>

#include <cstdio>

#include "base/duration.h"
#include "base/log.h"
#include "cluster/lab/lab.h"
#include "history/text.h"
#include "orchestrator/commands/commands.h"

namespace shaketable {
namespace {

ExitCode failed(const Error& error) {
  log::error("{}", error.message);
  return exit_code_of(error);
}

std::optional<std::uint64_t> size_option(const std::string& text, const char* option, std::uint64_t fallback) {
  if (text.empty()) return fallback;
  const auto size = parse_size(text);
  if (!size) log::error("{} {}: not a size; write it like 512MiB or 2GiB", option, text);
  return size;
}

}  // namespace

ExitCode lab_up_command(const LabOptions& options) {
  LabSpec spec;
  spec.name = options.name;
  spec.nodes = options.nodes;
  spec.packages = options.packages;
  if (options.kernel == "uml") spec.kind = "uml";
  const auto memory = size_option(options.memory, "--memory", spec.node_memory_bytes);
  const auto disk = size_option(options.disk, "--disk", spec.node_disk_bytes);
  if (!memory || !disk) return ExitCode::bad_input;
  spec.node_memory_bytes = *memory;
  spec.node_disk_bytes = *disk;
  if (const auto root = Lab::become_root(spec.name); !root) return failed(root.error());
  SteadyClock clock;
  const auto lab = Lab::up(spec);
  if (!lab) return failed(lab.error());
  log::info("lab \"{}\" is up: {} nodes in {}", lab->name, lab->nodes.size(), format_duration(clock.now()));
  for (const std::string& limit : lab->limits) log::warning("{}", limit);
  return ExitCode::pass;
}

ExitCode lab_down_command(const std::string& name) {
  if (const auto root = Lab::become_root(name); !root) return failed(root.error());
  if (const auto down = Lab::down(name); !down) return failed(down.error());
  log::info("lab \"{}\" is down", name);
  return ExitCode::pass;
}

ExitCode lab_status_command(const std::string& name, bool json) {
  const auto status = Lab::status(name);
  if (!status) return failed(status.error());
  if (json) {
    std::vector<Value> nodes, limits(status->limits.begin(), status->limits.end());
    for (const NodeSpec& node : status->nodes)
      nodes.push_back(Value::map({{"name", node.name},
                                  {"address", node.address},
                                  {"address6", node.address6},
                                  {"user", node.ssh.user},
                                  {"identity", node.ssh.identity_files.empty() ? "" : node.ssh.identity_files.front()},
                                  {"known_hosts", node.ssh.known_hosts}}));
    fmt::print("{}\n", to_json(Value::map({{"schema", 1},
                                           {"name", name},
                                           {"running", status->running},
                                           {"first_process", static_cast<std::int64_t>(status->first_process)},
                                           {"nodes", Value::list(std::move(nodes))},
                                           {"limits", Value::list(std::move(limits))}})));
    return ExitCode::pass;
  }
  if (!status->running) {
    fmt::print("lab \"{}\" is not up\n", name);
    return ExitCode::pass;
  }
  fmt::print("lab \"{}\" is up, first process {}\n", name, status->first_process);
  for (const NodeSpec& node : status->nodes) fmt::print("  {:4} {:15} {}\n", node.name, node.address, node.address6);
  for (const std::string& limit : status->limits) fmt::print("  limit: {}\n", limit);
  return ExitCode::pass;
}

ExitCode lab_exec_command(const std::string& name, const std::vector<std::string>& arguments) {
  if (arguments.empty()) {
    log::error("lab exec: a command is missing; write: shaketable lab exec CMD...");
    return ExitCode::bad_input;
  }
  if (const auto root = Lab::become_root(name); !root) return failed(root.error());
  return failed(Lab::exec(name, arguments).error());  // it returns only when it failed
}

ExitCode lab_ssh_command(const std::string& name, const std::string& node, const std::vector<std::string>& arguments) {
  if (const auto root = Lab::become_root(name); !root) return failed(root.error());
  return failed(Lab::ssh(name, node, arguments).error());
}

}  // namespace shaketable

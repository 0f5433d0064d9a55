// What a node has: CPU time, memory, room on its disk, files a process may open. And whatever else a plan can do
// itself.

#include <fmt/format.h>

#include "base/duration.h"
#include "nemesis/node_fault.h"

namespace shaketable {
namespace {

FaultInfo info_of(const std::string& name, const std::string& about, std::vector<ParameterSpec> own) {
  if (name != "command") own.push_back(start_again_parameter());
  return node_fault_info(name, about, std::move(own));
}

Result<SystemScripts> system_of(const Scene& scene, std::size_t node) {
  if (!scene.system) return SystemScripts();
  return scene.system(scene.nodes[node].name);
}

class Cpu final : public NodeFault {
 public:
  Cpu()
      : NodeFault(info_of("cpu", "processes that take CPU time",
                          {bounded(make_parameter("workers", ParameterType::integer,
                                                  "how many; 0: as many as the node has CPUs", "0", std::int64_t{0}),
                                   0, 256)})) {}

 private:
  Result<Ask> ask(const Parameters& options, const Scene&, std::size_t, Random&) const override {
    const std::int64_t workers = options.integer("workers");
    return Ask{"load",
               {{"what", "cpu"}, {"workers", std::to_string(workers)}},
               workers == 0 ? "every CPU is kept busy" : fmt::format("{} CPUs are kept busy", workers)};
  }
};

class Memory final : public NodeFault {
 public:
  Memory()
      : NodeFault(info_of(
            "memory", "a process that holds memory",
            {bounded(make_parameter("size", ParameterType::size, "how much", "256MiB", std::uint64_t{256} << 20),
                     4096)})) {}

 private:
  Result<Ask> ask(const Parameters& options, const Scene&, std::size_t, Random&) const override {
    const std::uint64_t size = options.size("size");
    return Ask{"load",
               {{"what", "memory"}, {"bytes", std::to_string(size)}},
               fmt::format("{} of memory are held", format_size(size))};
  }
};

class DiskFull final : public NodeFault {
 public:
  DiskFull()
      : NodeFault(
            info_of("disk-full", "a file that takes all the room of a disk",
                    {make_parameter("path", ParameterType::text, "a directory on that disk", "the system's data",
                                    std::string()),
                     make_parameter("leave", ParameterType::size, "how much stays free", "0", std::uint64_t{0})})) {}

 private:
  Result<Ask> ask(const Parameters& options, const Scene& scene, std::size_t node, Random&) const override {
    std::string path = options.text("path");
    if (path.empty()) {
      auto system = system_of(scene, node);
      if (!system) return tl::unexpected(system.error());
      path = system->data;
    }
    if (path.empty())
      return bad_input("disk-full: neither the plan (path) nor the system's file (data) names a directory");
    return Ask{"fill",
               {{"path", path}, {"leave", std::to_string(options.size("leave"))}},
               fmt::format("the disk of {} is full", path)};
  }
};

class Io final : public NodeFault {
 public:
  Io()
      : NodeFault(
            info_of("io", "the system's processes hardly get anything read from their disk or written to it",
                    {bounded(make_parameter("bytes", ParameterType::size, "a second, of reads and of writes each",
                                            "4KiB", std::uint64_t{4} << 10),
                             1, 1e15),
                     make_parameter("path", ParameterType::text, "a directory on that disk", "the system's data",
                                    std::string()),
                     make_parameter("pids", ParameterType::text, "a script that prints the pids it is for, one a line",
                                    "the system's", std::string())})) {}

 private:
  Result<Ask> ask(const Parameters& options, const Scene& scene, std::size_t node, Random&) const override {
    std::string path = options.text("path"), pids = options.text("pids");
    if (path.empty() || pids.empty()) {
      auto system = system_of(scene, node);
      if (!system) return tl::unexpected(system.error());
      if (path.empty()) path = system->data;
      if (pids.empty()) pids = system->pids;
    }
    if (path.empty()) return bad_input("io: neither the plan (path) nor the system's file (data) names a directory");
    if (pids.empty())
      return bad_input("io: neither the plan nor the system's file says how to find the processes (pids)");
    return Ask{"stall",
               {{"pids", pids}, {"path", path}, {"bytes", std::to_string(options.size("bytes"))}},
               fmt::format("its disk below {} gives and takes {} a second", path, format_size(options.size("bytes")))};
  }
};

class Descriptors final : public NodeFault {
 public:
  Descriptors()
      : NodeFault(
            info_of("fd", "the system's processes can open no more files and connections",
                    {make_parameter("pids", ParameterType::text, "a script that prints the pids it is for, one a line",
                                    "the system's", std::string())})) {}

 private:
  Result<Ask> ask(const Parameters& options, const Scene& scene, std::size_t node, Random&) const override {
    std::string pids = options.text("pids");
    if (pids.empty()) {
      auto system = system_of(scene, node);
      if (!system) return tl::unexpected(system.error());
      pids = system->pids;
    }
    if (pids.empty())
      return bad_input("fd: neither the plan nor the system's file says how to find the processes (pids)");
    return Ask{"fd-limit", {{"pids", pids}}, "its processes can open no more files"};
  }
};

class CommandFault final : public NodeFault {
 public:
  CommandFault()
      : NodeFault([] {
          FaultInfo info = info_of("command", "scripts of the plan: apply, undo, proof", {});
          info.main_parameter.clear();
          for (const char* name : {"apply", "undo"}) {
            ParameterSpec spec;
            spec.name = name;
            spec.type = ParameterType::text;
            spec.about = std::string(name) == "apply"
                             ? "what is done; exit code 0 within 20s"
                             : "takes it back, from whatever came of apply; exit code 0 within 45s";
            spec.required = true;
            info.parameters.push_back(std::move(spec));
          }
          info.parameters.push_back(
              make_parameter("proof", ParameterType::text, "exit code 0: it bites", "none: not proved", std::string()));
          return info;
        }()) {}

 private:
  Result<void> check_options(const Parameters& options) const override {
    for (const char* name : {"apply", "undo"})
      if (!options.has(name) || options.text(name).empty())
        return bad_input(fmt::format("command: {} must be a script", name));
    return {};
  }
  Result<Ask> ask(const Parameters& options, const Scene&, std::size_t, Random&) const override {
    return Ask{"command",
               {{"apply", options.text("apply")}, {"undo", options.text("undo")}, {"proof", options.text("proof")}},
               "the plan's command is applied"};
  }
};

}  // namespace

const std::vector<const Fault*>& resource_faults() {
  static const Cpu cpu;
  static const Memory memory;
  static const DiskFull disk_full;
  static const Io io;
  static const Descriptors descriptors;
  static const std::vector<const Fault*> all{&cpu, &memory, &io, &disk_full, &descriptors};
  return all;
}

const Fault& command_fault() {
  static const CommandFault command;
  return command;
}

}  // namespace shaketable

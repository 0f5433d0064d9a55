// Files that are not what was written: cut short, a bit turned, a chunk of them in two places.

#include "base/text.h"
#include "nemesis/node_fault.h"

namespace shaketable {
namespace {

FaultInfo info_of(const std::string& name, const std::string& about, ParameterSpec own) {
  return node_fault_info(
      name, about,
      {make_parameter("files", ParameterType::texts, "patterns of sh that name files: /var/lib/etcd/member/wal/*.wal",
                      "all of the system's data", std::vector<std::string>()),
       bounded(make_parameter("count", ParameterType::integer, "how many of them, at random", "1", std::int64_t{1}), 1,
               1000),
       std::move(own), start_again_parameter()});
}

ParameterSpec bytes_parameter(const std::string& about) {
  return bounded(make_parameter("size", ParameterType::size, about, "4KiB", std::uint64_t{4096}), 1, 1 << 20);
}

class DiskFault final : public NodeFault {
 public:
  DiskFault(const std::string& name, const std::string& about, std::string text, ParameterSpec own)
      : NodeFault(info_of(name, about, std::move(own))), text_(std::move(text)) {}

 private:
  Result<Ask> ask(const Parameters& options, const Scene& scene, std::size_t node, Random& random) const override {
    std::string list;
    if (!options.texts("files").empty()) {
      // Patterns are the shell's to expand.
      list = "for f in " + join(options.texts("files"), " ") + "; do [ -f \"$f\" ] && echo \"$f\"; done; true";
    } else {
      SystemScripts system;
      if (scene.system) {
        auto known = scene.system(scene.nodes[node].name);
        if (!known) return tl::unexpected(known.error());
        system = std::move(*known);
      }
      if (system.data.empty())
        return bad_input(info().name + ": neither the plan (files) nor the system's file (data) names files");
      list = "find " + shell_quote(system.data) + " -xdev -type f -size +0";
    }
    Ask out;
    out.kind = "damage";
    out.text = text_;
    out.arguments = {{"action", info().name},
                     {"list", list},
                     {"count", std::to_string(options.integer("count"))},
                     {"seed", std::to_string(random.next())}};
    if (options.has("size")) out.arguments.emplace_back("bytes", std::to_string(options.size("size")));
    if (options.has("flips")) out.arguments.emplace_back("flips", std::to_string(options.integer("flips")));
    return out;
  }

  std::string text_;
};

}  // namespace

const std::vector<const Fault*>& disk_faults() {
  static const DiskFault truncate("truncate", "files lose their end", "files lose their end",
                                  bytes_parameter("how much of the end"));
  static const DiskFault bitflip(
      "bitflip", "bits of files are turned", "bits of files are turned",
      bounded(make_parameter("flips", ParameterType::integer, "how many bits of each file", "1", std::int64_t{1}), 1,
              1000));
  static const DiskFault copy("copy-chunk", "a chunk of a file overwrites another one of it",
                              "chunks of files overwrite others", bytes_parameter("of the chunk"));
  static const std::vector<const Fault*> all{&truncate, &bitflip, &copy};
  return all;
}

}  // namespace shaketable

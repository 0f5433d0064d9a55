// Files that are not what was written: cut short, a bit turned, a chunk of them in two places.

#include "base/text.h"
#include "nemesis/node_fault.h"
#include "nemesis/targets.h"

namespace shaketable {
namespace {

FaultInfo info_of(const std::string& name, const std::string& about, std::vector<ParameterSpec> own) {
  FaultInfo info;
  info.name = name;
  info.about = about;
  info.main_parameter = "target";
  ParameterSpec files;
  files.name = "files";
  files.type = ParameterType::texts;
  files.about = "patterns of sh that name files: /var/lib/etcd/member/wal/*.wal";
  files.fallback = "all of the system's data";
  files.value = std::vector<std::string>();
  ParameterSpec count;
  count.name = "count";
  count.type = ParameterType::integer;
  count.about = "how many of them, at random";
  count.fallback = "1";
  count.value = std::int64_t{1};
  count.minimum = 1;
  count.maximum = 1000;
  info.parameters = {target_parameter("one", "one, minority, majority, all, primaries, random 2, … or names of nodes"),
                     files, count};
  for (ParameterSpec& spec : own) info.parameters.push_back(std::move(spec));
  info.parameters.push_back(start_again_parameter());
  return info;
}

ParameterSpec bytes_parameter(const std::string& about) {
  ParameterSpec spec;
  spec.name = "size";
  spec.type = ParameterType::size;
  spec.about = about;
  spec.fallback = "4KiB";
  spec.value = std::uint64_t{4096};
  spec.minimum = 1;
  spec.maximum = 1 << 20;
  return spec;
}

class DiskFault final : public NodeFault {
 public:
  DiskFault(const std::string& name, const std::string& about, std::string text, std::vector<ParameterSpec> own)
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
                                  {bytes_parameter("how much of the end")});
  static const DiskFault bitflip("bitflip", "bits of files are turned", "bits of files are turned", {[] {
                                   ParameterSpec spec;
                                   spec.name = "flips";
                                   spec.type = ParameterType::integer;
                                   spec.about = "how many bits of each file";
                                   spec.fallback = "1";
                                   spec.value = std::int64_t{1};
                                   spec.minimum = 1;
                                   spec.maximum = 1000;
                                   return spec;
                                 }()});
  static const DiskFault copy("copy-chunk", "a chunk of a file overwrites another one of it",
                              "chunks of files overwrite others", {bytes_parameter("of the chunk")});
  static const std::vector<const Fault*> all{&truncate, &bitflip, &copy};
  return all;
}

}  // namespace shaketable

// What was not synced is lost: by the node's power where there is a hand on it, else by the disk below the system's
// data alone, which drops its writes from one moment on.

#include <algorithm>

#include "nemesis/node_fault.h"
#include "nemesis/targets.h"

namespace shaketable {
namespace {

constexpr const char* kPower = "power-cut";
constexpr const char* kFlakey = "dm-flakey";

class LoseUnsynced final : public NodeFault {
 public:
  LoseUnsynced()
      : NodeFault(node_fault_info(
            "lose-unsynced", "what was not synced is lost: by a cut of the power, or by the data's disk alone",
            {make_choice("way",
                         "power-cut: the node's power goes and comes back at once (a lab with kernel: uml); dm-flakey: "
                         "the device below the data drops its writes; lazyfs: LazyFS forgets its cache",
                         {kPower, kFlakey, "lazyfs"}),
             make_parameter("path", ParameterType::text, "dm-flakey and lazyfs: a directory on that file system",
                            "the system's data", std::string()),
             make_parameter("fifo", ParameterType::text, "lazyfs: where it takes commands", "as it was started with",
                            std::string()),
             make_parameter("completed", ParameterType::text, "lazyfs: where it says that they are done",
                            "as it was started with", std::string())})) {}

  bool needs_power(const Parameters& options) const override { return options.text("way") == kPower; }

  Result<std::unique_ptr<ActiveFault>> resolve(const Parameters& options, const Scene& scene,
                                               Random& random) const override {
    if (auto sensible = check(options, scene.names()); !sensible) return tl::unexpected(sensible.error());
    return needs_power(options) ? power_cycle().resolve(options, scene, random)
                                : NodeFault::resolve(options, scene, random);
  }

 private:
  Result<void> check_options(const Parameters& options) const override {
    const std::string& way = options.text("way");
    if (way == kPower && !options.text("path").empty())
      return bad_input(
          "lose-unsynced: a power cut is of the whole node: `path` goes with `way: dm-flakey` or `lazyfs`");
    if (way != "lazyfs" && !(options.text("fifo").empty() && options.text("completed").empty()))
      return bad_input("lose-unsynced: `fifo` and `completed` go with `way: lazyfs`");
    if (options.text("fifo").empty() && !options.text("completed").empty())
      return bad_input("lose-unsynced: `completed` goes with `fifo`");
    if (const std::string& path = options.text("path"); !path.empty() && !path.starts_with('/'))
      return bad_input("lose-unsynced: `path` must be absolute");
    return {};
  }

  Result<Ask> ask(const Parameters& options, const Scene& scene, std::size_t node, Random&) const override {
    SystemScripts system;
    if (scene.system) {
      auto known = scene.system(scene.nodes[node].name);
      if (!known) return tl::unexpected(known.error());
      system = std::move(*known);
    }
    const std::string path = options.text("path").empty() ? system.data : options.text("path");
    if (path.empty())
      return bad_input("lose-unsynced: neither the plan (path) nor the system's file (data) names a directory");
    if (system.pids.empty() || system.start.empty())
      return bad_input(
          "lose-unsynced: the system's file does not say how to find its processes (pids) and how to start it (start), "
          "so nothing could undo this");
    Ask out;
    const bool flakey = options.text("way") == kFlakey;
    out.kind = flakey ? "lost-writes" : "lazyfs";
    // It begins as after a power cut: what the set-up made on that disk may be lost too.
    out.arguments = {{"path", path},
                     {"pids", system.pids},
                     {"start", system.restore.empty() ? system.start : system.restore + "\n" + system.start}};
    if (!flakey) {
      out.arguments.emplace_back("fifo", options.text("fifo"));
      out.arguments.emplace_back("completed", options.text("completed"));
    }
    out.text = flakey ? "the disk of " + path + " drops what was not synced (dm-flakey) and the system starts anew"
                      : "LazyFS forgets what was not synced below " + path + " and the system starts anew";
    return out;
  }
};

}  // namespace

const Fault& lose_unsynced_fault() {
  static const LoseUnsynced lose;
  return lose;
}

}  // namespace shaketable

// Members of the system, removed and added again by its own commands.

#include <fmt/format.h>

#include <chrono>

#include "base/text.h"
#include "nemesis/node_fault.h"

namespace shaketable {
namespace {

// A database is started with empty data, and gets all of it from the others: more than other commands have.
constexpr auto kUndoLimit = std::chrono::seconds(120);

// A script of the system's as one that ends without ending this one.
std::string nested(const std::string& script) {
  return "(\n" + script + "\n)";
}

class Remove final : public NodeFault {
 public:
  Remove()
      : NodeFault(node_fault_info(
            "remove", "members are removed by the system's own command, and added again, empty, afterwards", {})) {}

  bool needs_members() const override { return true; }

 private:
  Result<Ask> ask(const Parameters&, const Scene& scene, std::size_t node, Random&) const override {
    const std::string& name = scene.nodes[node].name;
    SystemScripts system;
    if (scene.system) {
      auto known = scene.system(name);
      if (!known) return tl::unexpected(known.error());
      system = std::move(*known);
    }
    for (const auto& [key, script] : {std::pair{"member_remove", &system.member_remove},
                                      {"member_add", &system.member_add},
                                      {"members", &system.members},
                                      {"start", &system.start}})
      if (script->empty())
        return bad_input(
            fmt::format("remove: {} is not said by the system's file, or the system is not managed by us "
                        "(`manage: none`), and then its data is not ours to empty",
                        key));
    const std::string listed = fmt::format("{} | grep -qxF -- {}", nested(system.members), shell_quote(name));
    Ask out;
    out.kind = "command";
    out.text = "its member is removed";
    out.arguments = {
        {"apply", system.member_remove},
        {"undo_limit", std::to_string(Nanos(kUndoLimit).count())},
        // May come twice, and after a removal that never happened.
        {"undo", fmt::format("{} || exit 1\n{} || exit 1\nround=0\nuntil {}; do\n"
                             "  round=$((round + 1))\n"
                             "  [ $round -lt 480 ] || {{ echo \"it is no member\" >&2; exit 1; }}\n"
                             "  sleep 0.25\ndone",
                             nested(system.member_add), nested(system.start), listed)},
        {"proof", fmt::format("names=$( {}) && ! printf '%s\\n' \"$names\" | grep -qxF -- {} && echo \"members: "
                              "$(echo $names)\"",
                              nested(system.members), shell_quote(name))}};
    return out;
  }
};

}  // namespace

const Fault& remove_fault() {
  static const Remove remove;
  return remove;
}

}  // namespace shaketable

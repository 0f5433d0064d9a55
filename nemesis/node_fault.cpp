#include "nemesis/node_fault.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "nemesis/change_set.h"
#include "nemesis/targets.h"

namespace shaketable {
namespace {

class ActiveNodeFault final : public ActiveFault {
 public:
  ActiveNodeFault(std::string name, Scene scene, std::vector<std::pair<std::string, std::string>> parameters)
      : name_(std::move(name)), scene_(std::move(scene)), parameters_(std::move(parameters)) {}

  void add(std::size_t node, const std::string& kind, const agent::Fields& arguments, const std::string& text) {
    NodeChange change;
    change.fault = scene_.fault;
    change.key = fmt::format("{}.{}", scene_.run, scene_.fault);
    change.kind = kind;
    change.arguments = arguments;
    change.limit = scene_.longest;
    changes_.add(node, std::move(change));
    text_ = text;
  }

  std::vector<std::pair<std::string, std::string>> parameters() const override { return parameters_; }
  std::vector<std::string> targets() const override {
    std::vector<std::string> out;
    for (const std::size_t node : changes_.nodes()) out.push_back(scene_.nodes[node].name);
    return out;
  }
  std::vector<std::size_t> changed() const override { return changes_.nodes(); }
  const ChangeSet* changes() const override { return &changes_; }
  std::string text() const override { return fmt::format("{} on {}", text_, join(targets(), " ")); }

  std::vector<PlannedCommand> planned_commands() const override {
    std::vector<PlannedCommand> out;
    const std::vector<std::string> names = targets();
    for (std::size_t i = 0; i < names.size(); ++i) {
      const NodeChange& change = changes_.change(i);
      std::string said = "shaketable-agent: " + change.kind;
      for (const auto& [name, value] : change.arguments)
        if (value.find('\n') == std::string::npos && !value.empty()) said += fmt::format(" {}={}", name, value);
      const std::string fault = fmt::format("{} {}", name_, change.fault);
      out.push_back({names[i], fault + ": journal, then " + text_, said});
      for (const auto& [name, value] : change.arguments)
        if (value.find('\n') != std::string::npos)
          out.push_back({names[i], fmt::format("{}: for that, {}", fault, name), value});
      out.push_back(
          {names[i], fault + ": undo, read back, remove the journal", "shaketable-agent: undo " + change.key});
    }
    return out;
  }

  Result<void> apply(NodeFleet& fleet, const Clock& clock, FaultReport& report) override {
    return changes_.apply(fleet, clock, scene_.lease, report);
  }

  void prove(NodeFleet& fleet, FaultReport& report) override {
    const std::vector<std::size_t> nodes = changes_.nodes();
    const std::string key = changes_.change(0).key;
    const auto proofs = fleet.on_each<NodeProof>(nodes, [&](NodeSide& side, std::size_t) { return side.proof(key); });
    report.bit = true;
    std::vector<std::string> idle;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      NodeReport& at = report.nodes[i];
      at.proof.clear();
      at.bit.reset();
      if (!proofs[i]) {
        at.proof.emplace_back("unread", proofs[i].error().message);
      } else {
        for (const auto& [name, value] : proofs[i]->values) {
          if (name == "bit") {
            at.bit = value == "yes";
          } else if (const auto number = agent::to_number(value)) {
            at.proof.emplace_back(name, *number);
          } else {
            at.proof.emplace_back(name, value);
          }
        }
      }
      if (!at.bit && report.bit != false) report.bit.reset();
      if (at.bit == false) {
        report.bit = false;
        idle.push_back(at.node);
      }
    }
    if (!idle.empty())
      report.notes +=
          (report.notes.empty() ? "" : "; ") + fmt::format("not proved on {}: it was not seen to bite", join(idle));
  }

  void undo(NodeFleet& fleet, const Clock& clock, FaultReport& report) override { changes_.undo(fleet, clock, report); }

 private:
  std::string name_;
  Scene scene_;
  std::vector<std::pair<std::string, std::string>> parameters_;
  std::string text_;
  ChangeSet changes_;
};

}  // namespace

ParameterSpec make_parameter(const std::string& name, ParameterType type, const std::string& about,
                             const std::string& fallback, ParameterValue value) {
  ParameterSpec spec;
  spec.name = name;
  spec.type = type;
  spec.about = about;
  spec.fallback = fallback;
  spec.value = std::move(value);
  return spec;
}

ParameterSpec bounded(ParameterSpec spec, double minimum, double maximum) {
  spec.minimum = minimum;
  spec.maximum = maximum;
  return spec;
}

ParameterSpec make_choice(const std::string& name, const std::string& about, std::vector<std::string> choices) {
  ParameterSpec spec = make_parameter(name, ParameterType::choice, about, choices.front(), choices.front());
  spec.choices = std::move(choices);
  return spec;
}

FaultInfo node_fault_info(const std::string& name, const std::string& about, std::vector<ParameterSpec> own,
                          const std::string& main_parameter, const std::string& target) {
  FaultInfo info;
  info.name = name;
  info.about = about;
  info.main_parameter = main_parameter;
  info.parameters = {
      target_parameter(target, "one, minority, majority, all, primaries, random 2, … or names of nodes")};
  for (ParameterSpec& spec : own) info.parameters.push_back(std::move(spec));
  return info;
}

ParameterSpec start_again_parameter() {
  return make_parameter("start_again", ParameterType::boolean,
                        "whether a system that ended of it is started again when it is over", "true", true);
}

Result<void> NodeFault::check_options(const Parameters&) const {
  return {};
}

Result<void> NodeFault::check(const Parameters& options, const std::vector<std::string>& nodes) const {
  if (auto sensible = check_target(info_.name, options.texts("target"), nodes); !sensible) return sensible;
  return check_options(options);
}

Result<std::unique_ptr<ActiveFault>> NodeFault::resolve(const Parameters& options, const Scene& scene,
                                                        Random& random) const {
  if (auto sensible = check(options, scene.names()); !sensible) return tl::unexpected(sensible.error());
  const auto targets = resolve_target(options.texts("target"), scene, random);
  if (!targets) return tl::unexpected(targets.error());
  auto fault = std::make_unique<ActiveNodeFault>(
      info_.name, scene, std::vector<std::pair<std::string, std::string>>{{"target", join(options.texts("target"))}});
  Scene here = scene;
  here.targets = *targets;
  for (const std::size_t node : *targets) {
    auto asked = ask(options, here, node, random);
    if (!asked) return tl::unexpected(std::move(asked.error()).in(scene.nodes[node].name));
    if (options.has("start_again") && options.boolean("start_again") && scene.system) {
      const auto system = scene.system(scene.nodes[node].name);
      if (!system) return tl::unexpected(system.error());
      if (!system->pids.empty() && !system->start.empty()) {
        asked->arguments.emplace_back("ended.pids", system->pids);
        asked->arguments.emplace_back("ended.start", system->start);
      }
    }
    fault->add(node, asked->kind, asked->arguments, asked->text);
  }
  return fault;
}

}  // namespace shaketable

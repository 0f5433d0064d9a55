#include "nemesis/partition.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "base/text.h"
#include "nemesis/cut_rules.h"
#include "nemesis/node_fault.h"
#include "nemesis/targets.h"

namespace shaketable {
namespace {

bool contains(const std::vector<std::string>& list, const std::string& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

// The targets do not hear the controller's clients: `partition: {shape: clients, target: n1, port: 2379}`.
class ClientCut final : public NodeFault {
 public:
  using NodeFault::NodeFault;

 private:
  Result<Ask> ask(const Parameters& options, const Scene& scene, std::size_t node, Random&) const override {
    const NodeFacts& facts = scene.nodes[node];
    const CutManner manner{options.text("manner") == "reject", static_cast<int>(options.integer("port"))};
    if (facts.control.client.empty()) return infrastructure("nobody knows from which address the controller comes");
    if (manner.port == facts.control.port)
      return bad_input(
          fmt::format("partition clients: port {} is the one of SSH, the way to the node itself", manner.port));
    const bool six = facts.control.is_ipv6();
    if (const std::string& problem = six ? facts.problem6 : facts.problem4; !problem.empty())
      return infrastructure(problem);
    return Ask{
        "firewall",
        {{six ? "rules6" : "rules4", client_rules(scene.run, scene.fault, facts.control, manner)}, {"proof", "any"}},
        fmt::format("clients do not reach port {}", manner.port)};
  }
};

const ClientCut& client_cut() {
  static const ClientCut fault([] {
    FaultInfo info;
    info.name = "partition";
    return info;
  }());
  return fault;
}

FaultInfo make_info() {
  FaultInfo info;
  info.name = "partition";
  info.about = "nodes do not hear each other, on IPv4 and IPv6";
  info.main_parameter = "shape";
  ParameterSpec shape;
  shape.name = "shape";
  shape.type = ParameterType::choice_list;
  shape.about = "who does not hear whom; of several, one is drawn each time";
  shape.fallback = "halves";
  shape.value = std::vector<std::string>{"halves"};
  shape.choices = shape_names();
  shape.choices.emplace_back("clients");
  const ParameterSpec target =
      target_parameter("random", "isolate and clients: one node, primaries, minority, … or names of nodes");
  ParameterSpec direction;
  direction.name = "direction";
  direction.type = ParameterType::choice;
  direction.about =
      "both ways, or only one: in (the smaller half, or the isolated, hear nothing), out (are not "
      "heard)";
  direction.fallback = "both";
  direction.value = std::string("both");
  direction.choices = {"both", "in", "out"};
  ParameterSpec groups;
  groups.name = "groups";
  groups.type = ParameterType::texts;
  groups.about = "custom: names of nodes that hear each other, a text a group: [n1 n2, n3 n4 n5]";
  groups.fallback = "no groups";
  groups.value = std::vector<std::string>();
  ParameterSpec manner;
  manner.name = "manner";
  manner.type = ParameterType::choice;
  manner.about = "drop: nothing comes back; reject: senders are told";
  manner.fallback = "drop";
  manner.value = std::string("drop");
  manner.choices = {"drop", "reject"};
  ParameterSpec port;
  port.name = "port";
  port.type = ParameterType::integer;
  port.about = "only TCP and UDP from or to this port; 0: everything; clients: theirs, required";
  port.fallback = "0";
  port.value = std::int64_t{0};
  port.minimum = 0;
  port.maximum = 65535;
  info.parameters = {shape, target, direction, groups, manner, port};
  return info;
}

// Of "n1 n2": the indices of the nodes that a text names.
Result<std::vector<std::vector<std::size_t>>> named_groups(const std::vector<std::string>& texts,
                                                           const std::vector<std::string>& nodes) {
  std::vector<std::vector<std::size_t>> out;
  for (const std::string& text : texts) {
    std::istringstream words(text);
    std::vector<std::size_t> members;
    for (std::string name; words >> name;) {
      const auto found = std::find(nodes.begin(), nodes.end(), name);
      if (found == nodes.end())
        return bad_input(fmt::format("partition: groups: \"{}\" is not a node ({})", name, join(nodes)));
      members.push_back(static_cast<std::size_t>(found - nodes.begin()));
    }
    if (members.empty()) return bad_input("partition: groups: a group is empty");
    out.push_back(std::move(members));
  }
  return out;
}

Direction direction_named(const std::string& name) {
  return name == "in" ? Direction::in : name == "out" ? Direction::out : Direction::both;
}

}  // namespace

std::vector<std::string> Scene::names() const {
  std::vector<std::string> out;
  for (const NodeFacts& node : nodes) out.push_back(node.name);
  return out;
}

const FaultInfo& Partition::info() const {
  static const FaultInfo info = make_info();
  return info;
}

Result<void> Partition::check(const Parameters& options, const std::vector<std::string>& nodes) const {
  if (options.texts("shape").empty()) return bad_input("partition: shape names nothing");
  const bool clients = contains(options.texts("shape"), "clients");
  if (clients && options.integer("port") == 0)
    return bad_input(
        "partition clients needs port, the one that the system's clients use: SSH comes from the same address and must "
        "not be cut");
  for (const std::string& name : options.texts("shape"))
    if (name != "clients" && nodes.size() < nodes_needed(shape_named(name)))
      return bad_input(fmt::format("partition {} needs at least {} nodes, and there are {}", name,
                                   nodes_needed(shape_named(name)), nodes.size()));
  if (auto sensible = check_target("partition", options.texts("target"), nodes); !sensible) return sensible;
  const bool custom = contains(options.texts("shape"), "custom");
  if (custom != !options.texts("groups").empty())
    return bad_input(custom ? "partition custom needs groups, such as [n1 n2, n3 n4 n5]"
                            : "partition: groups are for the shape custom");
  if (!custom) return {};
  const auto members = named_groups(options.texts("groups"), nodes);
  if (!members) return tl::unexpected(members.error());
  if (groups(nodes.size(), *members).cuts_nothing()) return bad_input("partition: these groups cut nothing");
  return {};
}

Result<std::unique_ptr<ActiveFault>> Partition::resolve(const Parameters& options, const Scene& scene,
                                                        Random& random) const {
  const std::vector<std::string> names = scene.names();
  if (auto sensible = check(options, names); !sensible) return tl::unexpected(sensible.error());
  const std::string& name = random.pick(options.texts("shape"));
  if (name == "clients") return client_cut().resolve(options, scene, random);
  const Direction direction = direction_named(options.text("direction"));
  const std::size_t n = names.size();
  std::vector<std::pair<std::string, std::string>> parameters{{"shape", name}};
  Grudge grudge;
  switch (shape_named(name)) {
    case Shape::halves:
      grudge = halves(n, random, direction);
      parameters.emplace_back("direction", options.text("direction"));
      break;
    case Shape::isolate:
    case Shape::primaries: {
      const bool primaries = name == "primaries";
      const std::vector<std::string> target =
          primaries ? std::vector<std::string>{"primaries"} : options.texts("target");
      const auto victims = resolve_target(target, scene, random);
      if (!victims) return tl::unexpected(victims.error());
      if (!primaries) parameters.emplace_back("target", join(target));
      parameters.emplace_back("direction", options.text("direction"));
      if (primaries && victims->size() == n)
        return infrastructure("every node is primary now, so no cut sets them apart");
      grudge = primaries ? apart(n, *victims, direction) : isolate(n, *victims, direction);
      break;
    }
    case Shape::majority_minority:
      grudge = majority_minority(n, random, direction);
      parameters.emplace_back("direction", options.text("direction"));
      break;
    case Shape::custom: {
      const auto members = named_groups(options.texts("groups"), names);
      if (!members) return tl::unexpected(members.error());
      grudge = groups(n, *members);
      parameters.emplace_back("groups", join(options.texts("groups"), "; "));
      break;
    }
    case Shape::majorities_ring:
      grudge = majorities_ring(n, random);
      break;
    case Shape::bridge:
      grudge = bridge(n, random);
      break;
    case Shape::one_way:
      grudge = one_way(n, random);
      break;
  }
  CutManner manner;
  manner.reject = options.text("manner") == "reject";
  manner.port = static_cast<int>(options.integer("port"));
  if (manner.reject) parameters.emplace_back("manner", "reject");
  if (manner.port > 0) parameters.emplace_back("port", std::to_string(manner.port));
  return make_cut(grudge, scene, std::move(parameters), manner);
}

}  // namespace shaketable

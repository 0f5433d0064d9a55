#include "nemesis/partition.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "base/text.h"
#include "nemesis/change_set.h"
#include "nemesis/targets.h"

namespace shaketable {
namespace {

// Each node that should hear nothing is called by so many of those it is deaf to: an idle path drops nothing.
constexpr std::size_t kCallersMax = 2;

struct NodeCut {
  std::size_t node = 0;
  std::string rules4, rules6;
  std::vector<std::size_t> deaf_to;
};

struct Call {
  std::size_t caller = 0, called = 0;
  PeerProbe probe;
};

bool contains(const std::vector<std::string>& list, const std::string& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

class Cut final : public ActiveFault {
 public:
  Cut(Grudge grudge, Scene scene, std::vector<std::pair<std::string, std::string>> parameters, CutManner manner)
      : grudge_(std::move(grudge)), scene_(std::move(scene)), parameters_(std::move(parameters)), manner_(manner) {}

  Result<void> prepare() {
    for (std::size_t i = 0; i < grudge_.deaf_to.size(); ++i) {
      if (grudge_.deaf_to[i].empty()) continue;
      const NodeFacts& facts = scene_.nodes[i];
      std::vector<std::string> drop4, drop6;
      for (const std::size_t j : grudge_.deaf_to[i]) {
        const NodeFacts& peer = scene_.nodes[j];
        const std::size_t before = drop4.size() + drop6.size();
        // An address that both have (a container bridge, say) is this node's own to itself.
        for (const std::string& address : peer.addresses4)
          if (!contains(facts.addresses4, address) && !contains(drop4, address)) drop4.push_back(address);
        for (const std::string& address : peer.addresses6)
          if (!contains(facts.addresses6, address) && !contains(drop6, address)) drop6.push_back(address);
        if (drop4.size() + drop6.size() == before)
          return infrastructure(
              fmt::format("no address of {} is known that {} could be deaf to: give the nodes an address in the plan",
                          peer.name, facts.name));
      }
      if (!drop4.empty() && !facts.problem4.empty())
        return infrastructure(fmt::format("node {}: {}", facts.name, facts.problem4));
      // A node without IPv6 gets none of it, whatever its peers have.
      if (facts.addresses6.empty()) drop6.clear();
      if (!drop6.empty() && !facts.problem6.empty())
        return infrastructure(fmt::format("node {}: {}; a cut of IPv4 alone would leave its IPv6 ({}) connected",
                                          facts.name, facts.problem6, facts.addresses6.front()));
      NodeCut cut;
      cut.node = i;
      cut.deaf_to = grudge_.deaf_to[i];
      cut.rules4 = cut_rules(scene_.run, scene_.fault, facts.control, false, drop4, manner_);
      cut.rules6 = cut_rules(scene_.run, scene_.fault, facts.control, true, drop6, manner_);
      NodeChange change;
      change.fault = scene_.fault;
      change.key = key();
      change.kind = "firewall";
      change.arguments = {{"rules4", cut.rules4}, {"rules6", cut.rules6}};
      change.limit = scene_.longest;
      changes_.add(i, std::move(change));
      cuts_.push_back(std::move(cut));
    }
    return {};
  }

  std::vector<std::pair<std::string, std::string>> parameters() const override { return parameters_; }

  std::vector<std::string> targets() const override {
    std::vector<std::string> out;
    for (const std::size_t i : grudge_.hit) out.push_back(scene_.nodes[i].name);
    return out;
  }

  std::vector<std::size_t> changed() const override { return changes_.nodes(); }
  const ChangeSet* changes() const override { return &changes_; }

  std::string text() const override { return describe(grudge_, scene_.names()); }

  std::vector<PlannedCommand> planned_commands() const override {
    std::vector<PlannedCommand> out;
    const auto add = [&](const NodeCut& cut, std::string purpose, std::string script) {
      out.push_back({scene_.nodes[cut.node].name, std::move(purpose), std::move(script)});
    };
    for (const NodeCut& cut : cuts_) {
      const std::string fault = fmt::format("partition {}", scene_.fault);
      const std::string journal = "/var/lib/shaketable/node/" + key();
      add(cut, fault + ": journal, with the rules as found (iptables -S, ip6tables -S)",
          "shaketable-agent: firewall, journal " + journal);
      if (!cut.rules4.empty())
        add(cut, fault + ": cut IPv4", "iptables-restore --noflush <<END\n" + cut.rules4 + "\nCOMMIT\nEND");
      if (!cut.rules6.empty())
        add(cut, fault + ": cut IPv6", "ip6tables-restore --noflush <<END\n" + cut.rules6 + "\nCOMMIT\nEND");
      const std::string removal = fmt::format(
          "-restore --noflush <<END\n*filter\n"
          "-D INPUT -m comment --comment \"shaketable:{0}:{1}\" -j SHAKETABLE-IN-{1}\n"
          "-D FORWARD -m comment --comment \"shaketable:{0}:{1}\" -j SHAKETABLE-IN-{1}\n"
          "-F SHAKETABLE-IN-{1}\n-X SHAKETABLE-IN-{1}\nCOMMIT\nEND",
          scene_.run, scene_.fault);
      if (!cut.rules4.empty()) add(cut, fault + ": undo IPv4", "iptables" + removal);
      if (!cut.rules6.empty()) add(cut, fault + ": undo IPv6", "ip6tables" + removal);
      add(cut, fault + ": read back, then remove the journal", "iptables -S; ip6tables -S; rm " + journal);
    }
    return out;
  }

  Result<void> apply(NodeFleet& fleet, const Clock& clock, FaultReport& report) override {
    if (auto applied = changes_.apply(fleet, clock, scene_.lease, report); !applied) return applied;
    call_the_deaf(fleet);
    return {};
  }

  void prove(NodeFleet& fleet, FaultReport& report) override {
    const std::vector<std::size_t> nodes = fleet.all();
    // On nodes that are not changed too: those that called tell what they saw.
    const auto proofs = fleet.on_each<NodeProof>(nodes, [&](NodeSide& side, std::size_t) { return side.proof(key()); });
    for (std::size_t i = 0; i < cuts_.size(); ++i) {
      NodeReport& at = report.nodes[i];
      const NodeCut& cut = cuts_[i];
      at.proof.clear();
      const auto& proof = proofs[cut.node];
      if (!proof) {
        at.bit.reset();
        at.proof.emplace_back("unread", proof.error().message);
        continue;
      }
      bool gone = false;  // the node undid it by itself, and the counters went with the rules
      const auto dropped = [&](const std::string& rules, const char* name, const char* family) {
        if (rules.empty()) {
          at.proof.emplace_back(family, "not cut: the node does not speak it");
          return true;
        }
        const auto packets = agent::to_number(agent::field(proof->values, name));
        gone = gone || !packets;
        if (packets) at.proof.emplace_back(std::string(family) + "_packets_dropped", *packets);
        return packets.value_or(0) > 0;
      };
      const bool bit4 = dropped(cut.rules4, "dropped4", "ipv4");
      const bool bit6 = dropped(cut.rules6, "dropped6", "ipv6");
      std::int64_t failed = 0;
      std::vector<std::string> came_through;
      for (const Call& call : calls_) {
        if (call.called != cut.node || !proofs[call.caller]) continue;
        for (const ProbeResult& probe : proofs[call.caller]->probes) {
          if (probe.address != call.probe.address) continue;
          // Who refuses may be our rule, or the peer where nobody listens: the counters tell.
          if (probe.seen == "cut") ++failed;
          if (probe.seen == "open") came_through.push_back(scene_.nodes[call.caller].name + " to " + probe.address);
        }
      }
      at.proof.emplace_back("probes_failed", failed);
      if (!came_through.empty()) at.proof.emplace_back("probes_answered", join(came_through));
      if (gone)
        at.proof.emplace_back("unread", "the rules are not there any more");
      else
        at.bit = bit4 && bit6 && came_through.empty();
    }
    std::vector<std::string> idle;
    report.bit = true;
    for (const NodeReport& at : report.nodes) {
      if (!at.bit) {
        if (report.bit && *report.bit) report.bit.reset();
      } else if (!*at.bit) {
        report.bit = false;
        idle.push_back(at.node);
      }
    }
    if (!idle.empty()) {
      if (!report.notes.empty()) report.notes += "; ";
      report.notes +=
          "not proved on " + join(idle) + ": it dropped nothing in a family that it cuts, or a probe was answered";
    }
  }

  void undo(NodeFleet& fleet, const Clock& clock, FaultReport& report) override { changes_.undo(fleet, clock, report); }

 private:
  std::string key() const { return fmt::format("{}.{}", scene_.run, scene_.fault); }

  // So that every cut path carries something to drop. It is evidence, not a duty: what cannot be sent is not.
  void call_the_deaf(NodeFleet& fleet) {
    std::map<std::size_t, std::vector<PeerProbe>> of_caller;
    for (const NodeCut& cut : cuts_) {
      const NodeFacts& called = scene_.nodes[cut.node];
      for (std::size_t k = 0; k < std::min(kCallersMax, cut.deaf_to.size()); ++k) {
        const std::size_t caller = cut.deaf_to[(cut.node + k) % cut.deaf_to.size()];
        if (!cut.rules4.empty() && !called.addresses4.empty())
          calls_.push_back({caller, cut.node, {called.addresses4.front(), manner_.port}});
        if (!cut.rules6.empty() && !called.addresses6.empty())
          calls_.push_back({caller, cut.node, {called.addresses6.front(), manner_.port}});
      }
    }
    for (const Call& call : calls_) of_caller[call.caller].push_back(call.probe);
    std::vector<std::size_t> callers;
    for (const auto& [caller, probes] : of_caller) callers.push_back(caller);
    (void)fleet.on_each<void>(
        callers, [&](NodeSide& side, std::size_t node) { return side.start_probes(key(), of_caller.at(node)); });
  }

  Grudge grudge_;
  Scene scene_;
  std::vector<std::pair<std::string, std::string>> parameters_;
  CutManner manner_;
  std::vector<NodeCut> cuts_;  // in the order of changes_
  ChangeSet changes_;
  std::vector<Call> calls_;
};

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
  const ParameterSpec target =
      target_parameter("random", "isolate: one node, primaries, minority, … or names of nodes");
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
  port.about = "only TCP and UDP from or to this port; 0: everything";
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

std::string cut_rules(const std::string& run, std::int64_t fault, const ControlPath& control, bool ipv6,
                      const std::vector<std::string>& drop, CutManner manner) {
  if (drop.empty()) return {};
  const std::string chain = fmt::format("SHAKETABLE-IN-{}", fault);
  std::string rules = fmt::format("*filter\n:{} - [0:0]\n", chain);
  // RETURN, not ACCEPT: rules of others keep their say.
  rules += fmt::format("-A {} -i lo -j RETURN\n", chain);
  if (!control.client.empty() && control.is_ipv6() == ipv6)
    rules += fmt::format("-A {} -s {} -p tcp -m tcp --dport {} -j RETURN\n", chain, control.client, control.port);
  // IPv6 finds its neighbours by ICMPv6, IPv4 by ARP, which iptables does not see: no cut touches either.
  if (ipv6)
    for (const int type : {133, 134, 135, 136})
      rules += fmt::format("-A {} -p ipv6-icmp -m icmp6 --icmpv6-type {} -j RETURN\n", chain, type);
  const std::string no = ipv6 ? "icmp6-adm-prohibited" : "icmp-admin-prohibited";
  for (const std::string& address : drop) {
    const auto add = [&](std::string_view match, std::string_view target) {
      rules += fmt::format("-A {} -s {}{} -j {}\n", chain, address, match, target);
    };
    // Where both sides refuse, what one says must come through to the other.
    if (manner.reject) {
      add(" -p tcp -m tcp --tcp-flags RST RST", "RETURN");
      add(ipv6 ? " -p ipv6-icmp -m icmp6 --icmpv6-type 1" : " -p icmp -m icmp --icmp-type 3", "RETURN");
    }
    if (manner.port > 0) {
      for (const std::string protocol : {"tcp", "udp"})
        add(fmt::format(" -p {} -m multiport --ports {}", protocol, manner.port), !manner.reject ? "DROP"
                                                                                  : protocol == "tcp"
                                                                                      ? "REJECT --reject-with tcp-reset"
                                                                                      : "REJECT --reject-with " + no);
    } else if (manner.reject) {
      add(" -p tcp", "REJECT --reject-with tcp-reset");
      add("", "REJECT --reject-with " + no);
    } else {
      add("", "DROP");
    }
  }
  // FORWARD too: what runs in a container behind a bridge does not get its packets by INPUT.
  rules += fmt::format(
      "-I INPUT 1 -m comment --comment \"shaketable:{0}:{1}\" -j {2}\n"
      "-I FORWARD 1 -m comment --comment \"shaketable:{0}:{1}\" -j {2}",
      run, fault, chain);
  return rules;
}

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
  for (const std::string& name : options.texts("shape"))
    if (nodes.size() < nodes_needed(shape_named(name)))
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

Result<std::unique_ptr<ActiveFault>> make_cut(const Grudge& grudge, const Scene& scene,
                                              std::vector<std::pair<std::string, std::string>> parameters,
                                              CutManner manner) {
  auto cut = std::make_unique<Cut>(grudge, scene, std::move(parameters), manner);
  if (auto prepared = cut->prepare(); !prepared) return tl::unexpected(prepared.error());
  return cut;
}

Result<std::unique_ptr<ActiveFault>> Partition::resolve(const Parameters& options, const Scene& scene,
                                                        Random& random) const {
  const std::vector<std::string> names = scene.names();
  if (auto sensible = check(options, names); !sensible) return tl::unexpected(sensible.error());
  const std::string& name = random.pick(options.texts("shape"));
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

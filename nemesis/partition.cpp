#include "nemesis/partition.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/text.h"

namespace shaketable {
namespace {

// All nodes commit at one moment, this long after the last one is ready: time for the request to reach all of them.
constexpr Nanos kHeadStart = std::chrono::milliseconds(15);
// Each node that should hear nothing is called by so many of those it is deaf to: an idle path drops nothing.
constexpr std::size_t kCallersMax = 2;

struct NodeCut {
  std::size_t node = 0;
  NodeChange change;
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
  Cut(Grudge grudge, Scene scene, std::vector<std::pair<std::string, std::string>> parameters)
      : grudge_(std::move(grudge)), scene_(std::move(scene)), parameters_(std::move(parameters)) {}

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
      cut.change.fault = scene_.fault;
      cut.change.key = fmt::format("{}.{}", scene_.run, scene_.fault);
      cut.change.limit = scene_.longest;
      cut.change.kind = "firewall";
      cut.rules4 = cut_rules(scene_.run, scene_.fault, facts.control, false, drop4);
      cut.rules6 = cut_rules(scene_.run, scene_.fault, facts.control, true, drop6);
      cut.change.arguments = {{"rules4", cut.rules4}, {"rules6", cut.rules6}};
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

  std::vector<std::size_t> changed() const override {
    std::vector<std::size_t> out;
    for (const NodeCut& cut : cuts_) out.push_back(cut.node);
    return out;
  }

  std::string text() const override { return describe(grudge_, scene_.names()); }

  std::vector<PlannedCommand> planned_commands() const override {
    std::vector<PlannedCommand> out;
    const auto add = [&](const NodeCut& cut, std::string purpose, std::string script) {
      out.push_back({scene_.nodes[cut.node].name, std::move(purpose), std::move(script)});
    };
    for (const NodeCut& cut : cuts_) {
      const std::string fault = fmt::format("partition {}", scene_.fault);
      const std::string journal = "/var/lib/shaketable/node/" + cut.change.key;
      add(cut, fault + ": journal, with the rules as found (iptables -S, ip6tables -S)", "mkdir " + journal);
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
      add(cut, fault + ": read back, then remove the journal", "iptables -S; ip6tables -S; rm -r " + journal);
    }
    return out;
  }

  Result<void> apply(NodeFleet& fleet, const Clock& clock, FaultReport& report) override {
    const std::vector<std::size_t> nodes = changed();
    const auto armed = fleet.on_each<void>(
        nodes, [&](NodeSide& side, std::size_t node) { return side.arm(cut_of(node).change, scene_.lease); });
    std::vector<std::string> problems;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (armed[i]) continue;
      report.nodes[i].applied = Applied::failed;
      report.nodes[i].notes = armed[i].error().message;
      problems.push_back(report.nodes[i].node + ": " + armed[i].error().message);
    }
    if (!problems.empty()) return infrastructure(join(problems, "; "));

    std::vector<CommitTimes> times(nodes.size());
    const auto start = std::chrono::steady_clock::now() + kHeadStart;
    const auto committed = fleet.on_each<void>(nodes, [&](NodeSide& side, std::size_t node) {
      return side.commit(cut_of(node).change, start, clock, times[index_of(node)]);
    });
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      NodeReport& at = report.nodes[i];
      at.applied_at = times[i].latest;
      at.applied_within = times[i].latest - times[i].earliest;
      at.node_clock_ns = times[i].node_done;
      at.applied = committed[i] ? Applied::done : Applied::unknown;
      if (committed[i]) continue;
      at.notes = committed[i].error().message;
      problems.push_back(at.node + ": " + committed[i].error().message);
    }
    if (!problems.empty()) return infrastructure(join(problems, "; "));
    call_the_deaf(fleet);
    return {};
  }

  void prove(NodeFleet& fleet, FaultReport& report) override {
    const std::vector<std::size_t> nodes = fleet.all();
    // On nodes that are not changed too: those that called tell what they saw.
    const auto proofs = fleet.on_each<NodeProof>(
        nodes, [&](NodeSide& side, std::size_t) { return side.proof(cuts_.front().change.key); });
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

  void undo(NodeFleet& fleet, const Clock& clock, FaultReport& report) override {
    std::vector<std::size_t> nodes;
    for (std::size_t i = 0; i < cuts_.size(); ++i)
      if (report.nodes[i].undone != Undone::verified) nodes.push_back(cuts_[i].node);
    std::vector<Nanos> ended(cuts_.size());
    const auto undone = fleet.on_each<UndoOutcome>(nodes, [&](NodeSide& side, std::size_t node) {
      auto outcome = side.undo(cut_of(node).change);
      ended[index_of(node)] = clock.now();
      return outcome;
    });
    for (std::size_t k = 0; k < nodes.size(); ++k) {
      const std::size_t i = index_of(nodes[k]);
      NodeReport& at = report.nodes[i];
      const auto note = [&](const std::string& text) { at.notes += (at.notes.empty() ? "" : "; ") + text; };
      at.undone_at = ended[i];
      if (!undone[k]) {
        at.undone = Undone::unknown;
        at.undone_at.reset();
        note("not undone: " + undone[k].error().message);
      } else if (!undone[k]->missing.empty()) {
        at.undone = Undone::failed;
        note("rules that were there before are gone: " + undone[k]->missing);
      } else {
        at.undone = Undone::verified;
        if (undone[k]->gone && at.applied == Applied::done)
          note("the node had undone it by itself: its lease had run out, or its longest time");
        if (!undone[k]->added.empty()) note("somebody else added rules meanwhile: " + undone[k]->added);
      }
    }
  }

 private:
  const NodeCut* find_cut(std::size_t node) const {
    for (const NodeCut& cut : cuts_)
      if (cut.node == node) return &cut;
    return nullptr;
  }
  const NodeCut& cut_of(std::size_t node) const { return *find_cut(node); }
  std::size_t index_of(std::size_t node) const { return static_cast<std::size_t>(find_cut(node) - cuts_.data()); }

  // So that every cut path carries something to drop. It is evidence, not a duty: what cannot be sent is not.
  void call_the_deaf(NodeFleet& fleet) {
    std::map<std::size_t, std::vector<PeerProbe>> of_caller;
    for (const NodeCut& cut : cuts_) {
      const NodeFacts& called = scene_.nodes[cut.node];
      for (std::size_t k = 0; k < std::min(kCallersMax, cut.deaf_to.size()); ++k) {
        const std::size_t caller = cut.deaf_to[(cut.node + k) % cut.deaf_to.size()];
        if (!cut.rules4.empty() && !called.addresses4.empty())
          calls_.push_back({caller, cut.node, {called.addresses4.front(), 0}});
        if (!cut.rules6.empty() && !called.addresses6.empty())
          calls_.push_back({caller, cut.node, {called.addresses6.front(), 0}});
      }
    }
    for (const Call& call : calls_) of_caller[call.caller].push_back(call.probe);
    std::vector<std::size_t> callers;
    for (const auto& [caller, probes] : of_caller) callers.push_back(caller);
    (void)fleet.on_each<void>(callers, [&](NodeSide& side, std::size_t node) {
      return side.start_probes(cuts_.front().change.key, of_caller.at(node));
    });
  }

  Grudge grudge_;
  Scene scene_;
  std::vector<std::pair<std::string, std::string>> parameters_;
  std::vector<NodeCut> cuts_;
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
  ParameterSpec target;
  target.name = "target";
  target.type = ParameterType::texts;
  target.about = "isolate: random (one node), primaries (each of them), or names of nodes";
  target.fallback = "random";
  target.value = std::vector<std::string>{"random"};
  ParameterSpec direction;
  direction.name = "direction";
  direction.type = ParameterType::choice;
  direction.about =
      "halves, isolate: both ways, or only one: in (the smaller half, or the isolated, hear nothing), out (are not "
      "heard)";
  direction.fallback = "both";
  direction.value = std::string("both");
  direction.choices = {"both", "in", "out"};
  info.parameters = {shape, target, direction};
  return info;
}

Direction direction_named(const std::string& name) {
  return name == "in" ? Direction::in : name == "out" ? Direction::out : Direction::both;
}

}  // namespace

std::string cut_rules(const std::string& run, std::int64_t fault, const ControlPath& control, bool ipv6,
                      const std::vector<std::string>& drop) {
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
  for (const std::string& address : drop) rules += fmt::format("-A {} -s {} -j DROP\n", chain, address);
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
  const std::vector<std::string>& target = options.texts("target");
  if (target.empty()) return bad_input("partition: target names nothing");
  for (const std::string& name : target) {
    if (target.size() == 1 && (name == "random" || name == "primaries")) continue;
    if (!contains(nodes, name)) {
      std::vector<std::string_view> known(nodes.begin(), nodes.end());
      known.insert(known.end(), {"random", "primaries"});
      const std::string_view meant = nearest(name, known);
      return bad_input(fmt::format("partition: target \"{}\" is not a node ({}){}", name, join(nodes),
                                   meant.empty() ? "" : fmt::format("; did you mean {}?", meant)));
    }
  }
  return {};
}

Result<std::unique_ptr<ActiveFault>> make_cut(const Grudge& grudge, const Scene& scene,
                                              std::vector<std::pair<std::string, std::string>> parameters) {
  auto cut = std::make_unique<Cut>(grudge, scene, std::move(parameters));
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
    case Shape::isolate: {
      std::vector<std::string> target = options.texts("target");
      parameters.emplace_back("target", join(target));
      parameters.emplace_back("direction", options.text("direction"));
      if (target == std::vector<std::string>{"random"}) {
        target = {random.pick(names)};
      } else if (target == std::vector<std::string>{"primaries"}) {
        if (!scene.primaries) return bad_input("partition: the system does not say which nodes are primaries");
        auto primaries = scene.primaries();
        if (!primaries) return tl::unexpected(std::move(primaries.error()).in("who is primary"));
        if (primaries->empty()) return infrastructure("no node is primary now, so there is none to isolate");
        target = *primaries;
      }
      std::vector<std::size_t> victims;
      for (std::size_t i = 0; i < n; ++i)
        if (contains(target, names[i])) victims.push_back(i);
      if (victims.empty()) return infrastructure("none of the targets is a node of the cluster: " + join(target));
      grudge = isolate(n, victims, direction);
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
  return make_cut(grudge, scene, std::move(parameters));
}

}  // namespace shaketable

#include "nemesis/cut.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "nemesis/change_set.h"

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

}  // namespace

Result<std::unique_ptr<ActiveFault>> make_cut(const Grudge& grudge, const Scene& scene,
                                              std::vector<std::pair<std::string, std::string>> parameters,
                                              CutManner manner) {
  auto cut = std::make_unique<Cut>(grudge, scene, std::move(parameters), manner);
  if (auto prepared = cut->prepare(); !prepared) return tl::unexpected(prepared.error());
  return cut;
}

}  // namespace shaketable

// The network of a node: its name servers, a line that comes and goes, a partition that grows and heals node by node.

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/duration.h"
#include "base/text.h"
#include "nemesis/cut_rules.h"
#include "nemesis/node_fault.h"

namespace shaketable {
namespace {

using namespace std::chrono_literals;

Result<void> check_families(const NodeFacts& facts) {
  if (!facts.addresses4.empty() && !facts.problem4.empty()) return infrastructure(facts.problem4);
  if (!facts.addresses6.empty() && !facts.problem6.empty()) return infrastructure(facts.problem6);
  return {};
}

class Dns final : public NodeFault {
 public:
  Dns()
      : NodeFault(node_fault_info(
            "dns", "name servers do not answer the node",
            {make_choice("manner", "drop: nothing comes back; reject: who asks is told", {"drop", "reject"}),
             make_parameter("tls", ParameterType::boolean, "DNS over TLS (port 853) too", "false", false)})) {}
  bool cuts() const override { return true; }

 private:
  Result<Ask> ask(const Parameters& options, const Scene& scene, std::size_t node, Random&) const override {
    const NodeFacts& facts = scene.nodes[node];
    if (auto can = check_families(facts); !can) return tl::unexpected(can.error());
    const bool reject = options.text("manner") == "reject", tls = options.boolean("tls");
    // An IPv4 name server is asked for on a node with nothing but loopback, too.
    const bool six = facts.problem6.empty() && !facts.addresses6.empty();
    Ask out{"firewall",
            {{"rules4", dns_rules(scene.run, scene.fault, false, reject, tls)},
             {"rules6", six ? dns_rules(scene.run, scene.fault, true, reject, tls) : ""},
             {"proof", "each"},
             {"call", "127.0.0.1/53"}},
            "name servers are out of reach"};
    if (six) out.arguments.emplace_back("call", "::1/53");
    return out;
  }
};

// Faults that a process on the node switches on and off.
class SwitchedFault : public NodeFault {
 public:
  using NodeFault::NodeFault;
  bool cuts() const override { return true; }

 protected:
  struct Times {
    Nanos first{0}, cut{0}, open{0};
  };
  Result<Ask> switched(const Scene& scene, std::size_t node, const std::vector<std::string>& only, Times times,
                       std::string text) const {
    const NodeFacts& facts = scene.nodes[node];
    if (auto can = check_families(facts); !can) return tl::unexpected(can.error());
    const std::vector<std::string> names = scene.names();
    for (const std::string& name : only)
      if (std::find(names.begin(), names.end(), name) == names.end())
        return bad_input(fmt::format("{}: peers: there is no node {}; there are {}", info().name, name, join(names)));
    std::vector<std::string> peers4, peers6;
    Ask out{"switched", {}, std::move(text)};
    for (std::size_t i = 0; i < scene.nodes.size(); ++i) {
      if (i == node || (!only.empty() && std::find(only.begin(), only.end(), names[i]) == only.end())) continue;
      const auto add = [&](const std::vector<std::string>& theirs, const std::vector<std::string>& own,
                           std::vector<std::string>& all) {
        bool first = true;
        for (const std::string& address : theirs) {
          // An address that both have (a container bridge, say) is this node's own to itself.
          if (std::find(own.begin(), own.end(), address) != own.end()) continue;
          all.push_back(address);
          if (std::exchange(first, false)) out.arguments.emplace_back("call", address + "/0");
        }
      };
      add(scene.nodes[i].addresses4, facts.addresses4, peers4);
      if (!facts.addresses6.empty()) add(scene.nodes[i].addresses6, facts.addresses6, peers6);
    }
    if (peers4.empty() && peers6.empty())
      return infrastructure(fmt::format("{}: {} has no peer whose address is known", info().name, facts.name));
    const SwitchedRules rules4 = switched_rules(scene.run, scene.fault, facts.control, false, peers4);
    const SwitchedRules rules6 = switched_rules(scene.run, scene.fault, facts.control, true, peers6);
    out.arguments.insert(out.arguments.begin(), {{"rules4", rules4.chains},
                                                 {"rules6", rules6.chains},
                                                 {"jumps4", rules4.jumps},
                                                 {"jumps6", rules6.jumps},
                                                 {"first_ns", std::to_string(times.first.count())},
                                                 {"cut_ns", std::to_string(times.cut.count())},
                                                 {"open_ns", std::to_string(times.open.count())}});
    return out;
  }
};

class Flaky final : public SwitchedFault {
 public:
  Flaky()
      : SwitchedFault(node_fault_info(
            "flaky", "the network of a node goes and comes",
            {bounded(make_parameter("period", ParameterType::duration, "from one cut to the next", "2s", Nanos(2s)),
                     0.2, 600),
             bounded(make_parameter("down", ParameterType::number, "percent of the period that it is cut", "50", 50.0),
                     5, 95),
             make_parameter("peers", ParameterType::texts, "only to and from these nodes", "all others",
                            std::vector<std::string>())})) {}

 private:
  static Nanos cut_of(const Parameters& options) {
    const Nanos period = options.duration("period");
    return Nanos(static_cast<std::int64_t>(static_cast<double>(period.count()) * options.number("down") / 100));
  }
  Result<void> check_options(const Parameters& options) const override {
    if (std::min(cut_of(options), options.duration("period") - cut_of(options)) < 50ms)
      return bad_input("flaky: it must be cut, and not cut, for 50ms at least");
    return {};
  }
  Result<Ask> ask(const Parameters& options, const Scene& scene, std::size_t node, Random&) const override {
    const Nanos period = options.duration("period"), cut = cut_of(options);
    return switched(
        scene, node, options.texts("peers"), {Nanos(0), cut, period - cut},
        fmt::format("the network is cut for {} of every {}", format_duration(cut), format_duration(period)));
  }
};

class Swizzle final : public SwitchedFault {
 public:
  Swizzle()
      : SwitchedFault(node_fault_info(
            "swizzle", "nodes are cut off one by one, and come back one by one in another order",
            {bounded(make_parameter("step", ParameterType::duration, "from one node to the next", "1s", Nanos(1s)), 0.1,
                     600)},
            "target", "majority")) {}

 private:
  // Each node keeps its own times, from the one moment at which all begin: no way to the controller is needed for them.
  Result<Ask> ask(const Parameters& options, const Scene& scene, std::size_t node, Random&) const override {
    const std::size_t count = scene.targets.size();
    const auto place =
        static_cast<std::size_t>(std::find(scene.targets.begin(), scene.targets.end(), node) - scene.targets.begin());
    std::vector<std::size_t> going(count), coming(count);
    std::iota(going.begin(), going.end(), 0);
    coming = going;
    Random order(scene.seed);
    order.shuffle(going);
    order.shuffle(coming);
    Nanos step = options.duration("step");
    // All have to be cut for a step at least, and all to be back when the fault ends.
    const auto steps = static_cast<std::int64_t>(2 * count);
    if (scene.lasts > Nanos(0)) step = std::min(step, scene.lasts / steps);
    const auto at = [&](const std::vector<std::size_t>& turns) {
      return static_cast<std::int64_t>(std::find(turns.begin(), turns.end(), place) - turns.begin());
    };
    const Nanos first = step * at(going);
    const Nanos back =
        std::max<Nanos>(scene.lasts, step * steps) - step * (static_cast<std::int64_t>(count) - at(coming));
    return switched(scene, node, {}, {first, back - first, Nanos(0)},
                    fmt::format("cut off one by one, {} apart, and back in another order,", format_duration(step)));
  }
};

}  // namespace

const std::vector<const Fault*>& network_faults() {
  static const Dns dns;
  static const Flaky flaky;
  static const Swizzle swizzle;
  static const std::vector<const Fault*> all{&dns, &flaky, &swizzle};
  return all;
}

}  // namespace shaketable

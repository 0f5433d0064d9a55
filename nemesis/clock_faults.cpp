// The time of day of a node: stepped, bent, or another one on every node.

#include <fmt/format.h>

#include "base/duration.h"
#include "nemesis/agent/system.h"
#include "nemesis/node_fault.h"

namespace shaketable {
namespace {

using namespace std::chrono_literals;

FaultInfo info_of(const std::string& name, const std::string& about, const std::string& target,
                  std::vector<ParameterSpec> own) {
  const std::string main = own.front().name;
  return node_fault_info(name, about, std::move(own), main, target);
}

ParameterSpec distance(const std::string& name, const std::string& about, const std::string& fallback, Nanos value) {
  return bounded(make_parameter(name, ParameterType::duration, about, fallback, value), 1e-3);
}

// So that a node on the controller's own machine is told from one of its own.
std::pair<std::string, std::string> own_boot() {
  return {"controller_boot", agent::boot_id()};
}

std::string signed_text(Nanos by) {
  return by < Nanos(0) ? "-" + format_duration(-by) : "+" + format_duration(by);
}

class Jump final : public NodeFault {
 public:
  Jump()
      : NodeFault(info_of("jump", "the clock is set forward or back, and put right afterwards", "one",
                          {distance("by", "how far", "1m", 1min),
                           make_choice("way", "either: drawn for each node", {"either", "forward", "back"})})) {}

 private:
  Result<Ask> ask(const Parameters& options, const Scene&, std::size_t, Random& random) const override {
    const std::string way = options.text("way");
    const bool back = way == "back" || (way == "either" && random.below(2) == 1);
    const Nanos by = back ? -options.duration("by") : options.duration("by");
    return Ask{"clock",
               {{"offset", std::to_string(by.count())}, own_boot()},
               way == "either" ? "the clock is set by " + format_duration(options.duration("by"))
                               : "the clock is set by " + signed_text(by)};
  }
};

class SkewAll final : public NodeFault {
 public:
  SkewAll()
      : NodeFault(info_of("skew-all", "every node's clock is set to another time", "all",
                          {distance("most", "how far the first and the last are set, back and forward", "30s", 30s)})) {
  }

 private:
  Result<Ask> ask(const Parameters& options, const Scene& scene, std::size_t node, Random&) const override {
    // Evenly from -most to +most, turned by the fault's number so that it is not always n1 that is behind. The node in
    // the middle is moved by a little: a clock that is right proves nothing.
    const auto count = static_cast<double>(scene.nodes.size());
    const auto place = static_cast<double>((node + static_cast<std::size_t>(scene.fault)) % scene.nodes.size());
    const auto most = static_cast<double>(options.duration("most").count());
    double offset = count < 2 ? most : most * (2 * place / (count - 1) - 1);
    if (std::abs(offset) < most / (2 * count)) offset = most / (2 * count);
    return Ask{"clock",
               {{"offset", std::to_string(static_cast<std::int64_t>(offset))}, own_boot()},
               "clocks are set to different times, up to " + format_duration(options.duration("most")) + " away,"};
  }
};

class Drift final : public NodeFault {
 public:
  Drift()
      : NodeFault(info_of("drift", "the clock runs faster or slower, and is put right afterwards", "one",
                          {bounded(make_parameter("ppm", ParameterType::integer, "parts per million; below 0: slower",
                                                  "1000", std::int64_t{1000}),
                                   -90000, 90000)})) {}

 private:
  Result<void> check_options(const Parameters& options) const override {
    if (options.integer("ppm") == 0) return bad_input("drift: ppm must not be 0");
    return {};
  }
  Result<Ask> ask(const Parameters& options, const Scene&, std::size_t, Random&) const override {
    const std::int64_t ppm = options.integer("ppm");
    return Ask{"clock", {{"ppm", std::to_string(ppm)}, own_boot()}, fmt::format("the clock runs at {:+} ppm", ppm)};
  }
};

class Strobe final : public NodeFault {
 public:
  Strobe()
      : NodeFault(info_of("strobe", "the clock is set away and back again and again, and put right afterwards", "one",
                          {distance("delta", "how far away", "5s", 5s),
                           bounded(make_parameter("period", ParameterType::duration, "from one step to the next",
                                                  "200ms", Nanos(200ms)),
                                   1e-3),
                           make_choice("way", "either: drawn for each node", {"either", "forward", "back"})})) {}

 private:
  Result<Ask> ask(const Parameters& options, const Scene&, std::size_t, Random& random) const override {
    const std::string way = options.text("way");
    const bool back = way == "back" || (way == "either" && random.below(2) == 1);
    const Nanos delta = back ? -options.duration("delta") : options.duration("delta");
    return Ask{"clock",
               {{"delta", std::to_string(delta.count())},
                {"period", std::to_string(options.duration("period").count())},
                own_boot()},
               fmt::format("the clock is set {} away and back every {}", format_duration(options.duration("delta")),
                           format_duration(options.duration("period")))};
  }
};

class Leap final : public NodeFault {
 public:
  Leap()
      : NodeFault(info_of("leap", "a leap second: one second comes twice, or not at all", "one",
                          {make_choice("second", "either: drawn for each node", {"either", "repeated", "skipped"}),
                           make_choice("manner",
                                       "step: the clock is set by a second at once; kernel: the kernel announces it "
                                       "(STA_INS, STA_DEL) and does it when the UTC day ends",
                                       {"step", "kernel"})})) {}

 private:
  Result<Ask> ask(const Parameters& options, const Scene&, std::size_t, Random& random) const override {
    const std::string second = options.text("second");
    const bool repeated = second == "repeated" || (second == "either" && random.below(2) == 1);
    if (options.text("manner") == "kernel")
      return Ask{"clock",
                 {{"announce", repeated ? "insert" : "delete"}, own_boot()},
                 "the kernel announces a leap second at the end of the day"};
    return Ask{"clock",
               {{"offset", repeated ? "-1000000000" : "1000000000"}, own_boot()},
               second == "either" ? "a second is repeated or skipped" : "a second is " + second};
  }
};

// The rules that cut a node off from NTP (UDP 123) and from the keys of NTS (TCP 4460), both ways.
std::string ntp_rules(const std::string& run, std::int64_t fault) {
  std::string rules = fmt::format("*filter\n:SHAKETABLE-IN-{0} - [0:0]\n:SHAKETABLE-OUT-{0} - [0:0]\n", fault);
  for (const std::string way : {"IN", "OUT"}) {
    const std::string chain = fmt::format("SHAKETABLE-{}-{}", way, fault);
    rules += fmt::format("-A {} -{} lo -j RETURN\n", chain, way == "IN" ? "i" : "o");
    for (const std::string match : {"-p udp -m udp --dport 123", "-p udp -m udp --sport 123",
                                    "-p tcp -m tcp --dport 4460", "-p tcp -m tcp --sport 4460"})
      rules += fmt::format("-A {} {} -j DROP\n", chain, match);
  }
  const auto jump = [&](const std::string& from, const std::string& way) {
    return fmt::format("-I {0} 1 -m comment --comment \"shaketable:{1}:{2}\" -j SHAKETABLE-{3}-{2}", from, run, fault,
                       way);
  };
  return rules + jump("INPUT", "IN") + "\n" + jump("FORWARD", "IN") + "\n" + jump("OUTPUT", "OUT");
}

class NtpBlock final : public NodeFault {
 public:
  NtpBlock()
      : NodeFault(node_fault_info("ntp-block", "the time service is cut off: NTP and NTS packets are dropped", {})) {}
  bool cuts() const override { return true; }

 private:
  Result<Ask> ask(const Parameters&, const Scene& scene, std::size_t node, Random&) const override {
    const NodeFacts& facts = scene.nodes[node];
    const std::string rules = ntp_rules(scene.run, scene.fault);
    Ask out{"firewall", {{"rules4", rules}, {"proof", "any"}}, "NTP is cut off"};
    if (!facts.addresses6.empty()) out.arguments.emplace_back("rules6", rules);
    return out;
  }
};

}  // namespace

const std::vector<const Fault*>& clock_faults() {
  static const Jump jump;
  static const SkewAll skew;
  static const Drift drift;
  static const Strobe strobe;
  static const Leap leap;
  static const NtpBlock ntp_block;
  static const std::vector<const Fault*> all{&jump, &skew, &drift, &strobe, &leap, &ntp_block};
  return all;
}

}  // namespace shaketable

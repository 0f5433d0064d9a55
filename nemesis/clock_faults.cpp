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

}  // namespace

const std::vector<const Fault*>& clock_faults() {
  static const Jump jump;
  static const SkewAll skew;
  static const Drift drift;
  static const std::vector<const Fault*> all{&jump, &skew, &drift};
  return all;
}

}  // namespace shaketable

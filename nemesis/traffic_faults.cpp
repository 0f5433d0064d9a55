// Packets of a node to its peers: delayed, lost, doubled, reordered, damaged, slowed down (tc netem).

#include <fmt/format.h>

#include <algorithm>

#include "base/duration.h"
#include "base/text.h"
#include "nemesis/node_fault.h"

namespace shaketable {
namespace {

using namespace std::chrono_literals;

ParameterSpec percent(const std::string& name, const std::string& about, const std::string& fallback, double value) {
  return bounded(make_parameter(name, ParameterType::number, about, fallback, value), 0, 100);
}

ParameterSpec span(const std::string& name, const std::string& about, const std::string& fallback, Nanos value) {
  return bounded(make_parameter(name, ParameterType::duration, about, fallback, value), 0, 60);
}

std::string microseconds(Nanos time) {
  return fmt::format("{}us", time.count() / 1000);
}

class TrafficFault : public NodeFault {
 public:
  TrafficFault(const std::string& name, const std::string& about, std::vector<ParameterSpec> own)
      : NodeFault(info_of(name, about, std::move(own))) {}

 protected:
  struct Netem {
    std::string options, text;
    std::int64_t wanted_ms = 0;  // what a round trip should grow by; 0: not the proof
  };
  virtual Netem netem(const Parameters& options) const = 0;

 private:
  Result<void> check(const Parameters& options, const std::vector<std::string>& nodes) const override {
    const std::vector<std::string>& only = options.texts("peers");
    const std::int64_t port = options.integer("port");
    for (const std::string& name : only)
      if (name != "clients" && std::find(nodes.begin(), nodes.end(), name) == nodes.end())
        return bad_input(
            fmt::format("{}: peers: there is no node {}; there are {}, and clients", info().name, name, join(nodes)));
    const bool clients = std::find(only.begin(), only.end(), "clients") != only.end();
    if (clients && port == 0)
      return bad_input(info().name +
                       ": peers: clients need port, the one that the system's clients use: SSH comes from the same "
                       "address and must not be touched");
    if (port > 0 && options.text("protocol") == "any" && !clients)
      return bad_input(info().name + ": a port needs a protocol, tcp or udp");
    return NodeFault::check(options, nodes);
  }
  static FaultInfo info_of(const std::string& name, const std::string& about, std::vector<ParameterSpec> own) {
    const std::string main = own.front().name;
    own.push_back(make_choice("direction", "egress: what the targets send; ingress: what arrives there; or both",
                              {"egress", "ingress", "both"}));
    own.push_back(make_parameter("peers", ParameterType::texts,
                                 "only to and from these nodes; clients: the controller's clients, by port",
                                 "all others", std::vector<std::string>{}));
    own.push_back(make_choice("protocol", "only packets of this", {"any", "tcp", "udp"}));
    own.push_back(bounded(make_parameter("port", ParameterType::integer, "only packets from or to this port; 0: any",
                                         "0", std::int64_t{0}),
                          0, 65535));
    return node_fault_info(name, about, std::move(own), main);
  }

  Result<Ask> ask(const Parameters& options, const Scene& scene, std::size_t node, Random&) const override {
    const std::vector<std::string> only = options.texts("peers");
    const auto wanted = [&](const std::string& name) {
      return std::find(only.begin(), only.end(), name) != only.end();
    };
    const Netem how = netem(options);
    const std::string way = options.text("direction");
    std::string protocol = options.text("protocol");
    Ask out{"traffic",
            {{"netem", how.options}, {"way", way}},
            how.text + (way == "ingress" ? " where they arrive"
                        : way == "both"  ? " both ways"
                                         : "")};
    for (std::size_t i = 0; i < scene.nodes.size(); ++i) {
      if (i == node || (!only.empty() && !wanted(scene.nodes[i].name))) continue;
      for (const auto* addresses : {&scene.nodes[i].addresses4, &scene.nodes[i].addresses6})
        for (const std::string& address : *addresses) out.arguments.emplace_back("peer", address);
    }
    const ControlPath& control = scene.nodes[node].control;
    if (!control.client.empty()) out.arguments.emplace_back("keep", fmt::format("{} {}", control.client, control.port));
    if (wanted("clients")) {
      // They come from where SSH comes from: only the port tells them apart.
      if (control.client.empty()) return infrastructure("nobody knows from which address the controller comes");
      if (options.integer("port") == control.port)
        return bad_input(
            fmt::format("{}: port {} is the one of SSH, the way to the node itself", info().name, control.port));
      out.arguments.emplace_back("peer", control.client);
      if (protocol == "any") protocol = "tcp";
    }
    if (protocol != "any") out.arguments.emplace_back("protocol", protocol);
    if (options.integer("port") > 0) out.arguments.emplace_back("port", std::to_string(options.integer("port")));
    // An echo request is neither, so there the packets themselves are the proof.
    if (how.wanted_ms > 0 && protocol == "any")
      out.arguments.emplace_back("wanted_ms", std::to_string(how.wanted_ms * (way == "both" ? 2 : 1)));
    return out;
  }
};

class Delay final : public TrafficFault {
 public:
  Delay()
      : TrafficFault("delay", "packets arrive later",
                     {span("by", "how much later", "100ms", 100ms), span("jitter", "give or take", "0ms", 0ms),
                      percent("correlation", "how much a packet's delay depends on the one before", "0", 0),
                      make_choice("distribution", "of the jitter", {"uniform", "normal", "pareto", "paretonormal"})}) {}

 private:
  Netem netem(const Parameters& options) const override {
    const Nanos by = options.duration("by"), jitter = options.duration("jitter");
    Netem out{"delay " + microseconds(by), "packets are delayed by " + format_duration(by),
              std::max<std::int64_t>(1, (by - jitter).count() / 1'000'000)};
    if (jitter > 0ms) {
      out.options += " " + microseconds(jitter) + fmt::format(" {}%", options.number("correlation"));
      if (options.text("distribution") != "uniform") out.options += " distribution " + options.text("distribution");
      out.text += " ± " + format_duration(jitter);
    }
    return out;
  }
};

class Loss final : public TrafficFault {
 public:
  Loss()
      : TrafficFault(
            "loss", "packets are lost",
            {percent("percent", "of the packets", "20", 20),
             percent("correlation", "how much a loss depends on the one before (not with burst)", "0", 0),
             percent("burst", "Gilbert-Elliott: chance that a burst of losses ends with a packet; 0: single losses",
                     "0", 0)}) {}

 private:
  Netem netem(const Parameters& options) const override {
    const double share = options.number("percent"), burst = options.number("burst");
    Netem out;
    out.text = fmt::format("{:g} % of the packets are lost", share);
    if (burst > 0 && share < 100) {
      // In the bad state all is lost. The share of time in it is p / (p + r).
      const double enter = std::min(100.0, burst * share / (100 - share));
      out.options = fmt::format("loss gemodel {:.4f}% {:.4f}%", enter, burst);
      out.text += " in bursts";
    } else {
      out.options = fmt::format("loss random {}%", share);
      if (options.number("correlation") > 0) out.options += fmt::format(" {}%", options.number("correlation"));
    }
    return out;
  }
};

class Duplicate final : public TrafficFault {
 public:
  Duplicate()
      : TrafficFault("duplicate", "packets arrive twice",
                     {percent("percent", "of the packets", "30", 30),
                      percent("correlation", "how much it depends on the packet before", "0", 0)}) {}

 private:
  Netem netem(const Parameters& options) const override {
    Netem out{fmt::format("duplicate {}%", options.number("percent")),
              fmt::format("{:g} % of the packets are doubled", options.number("percent"))};
    if (options.number("correlation") > 0) out.options += fmt::format(" {}%", options.number("correlation"));
    return out;
  }
};

class Reorder final : public TrafficFault {
 public:
  Reorder()
      : TrafficFault("reorder", "packets overtake each other",
                     {percent("percent", "of the packets that overtake", "25", 25),
                      span("by", "what the others are delayed by", "20ms", 20ms),
                      percent("correlation", "how much it depends on the packet before", "0", 0)}) {}

 private:
  Netem netem(const Parameters& options) const override {
    return {fmt::format("delay {} reorder {}% {}%", microseconds(options.duration("by")), options.number("percent"),
                        options.number("correlation")),
            fmt::format("{:g} % of the packets overtake others by {}", options.number("percent"),
                        format_duration(options.duration("by")))};
  }
};

class Corrupt final : public TrafficFault {
 public:
  Corrupt()
      : TrafficFault("corrupt", "packets arrive with a bit that is wrong",
                     {percent("percent", "of the packets", "10", 10),
                      percent("correlation", "how much it depends on the packet before", "0", 0)}) {}

 private:
  Netem netem(const Parameters& options) const override {
    return {fmt::format("corrupt {}% {}%", options.number("percent"), options.number("correlation")),
            fmt::format("{:g} % of the packets are damaged", options.number("percent"))};
  }
};

class Rate final : public TrafficFault {
 public:
  Rate()
      : TrafficFault("rate", "a slow line",
                     {bounded(make_parameter("bytes", ParameterType::size, "a second, all peers together", "64KiB",
                                             std::uint64_t{64} << 10),
                              100)}) {}

 private:
  Netem netem(const Parameters& options) const override {
    return {fmt::format("rate {}bps", options.size("bytes")),
            fmt::format("packets are slowed down to {} a second", format_size(options.size("bytes")))};
  }
};

}  // namespace

const std::vector<const Fault*>& traffic_faults() {
  static const Delay delay;
  static const Loss loss;
  static const Duplicate duplicate;
  static const Reorder reorder;
  static const Corrupt corrupt;
  static const Rate rate;
  static const std::vector<const Fault*> all{&delay, &loss, &duplicate, &reorder, &corrupt, &rate};
  return all;
}

}  // namespace shaketable

#include "nemesis/cut_rules.h"

#include <fmt/format.h>

#include <string_view>

namespace shaketable {
namespace {

std::string in_chain(std::int64_t fault) {
  return fmt::format("SHAKETABLE-IN-{}", fault);
}
std::string out_chain(std::int64_t fault) {
  return fmt::format("SHAKETABLE-OUT-{}", fault);
}

std::string jump(const std::string& run, std::int64_t fault, std::string_view from, const std::string& to) {
  return fmt::format("-I {} 1 -m comment --comment \"shaketable:{}:{}\" -j {}", from, run, fault, to);
}

// FORWARD too: what runs in a container behind a bridge does not get its packets by INPUT.
std::string jumps(const std::string& run, std::int64_t fault) {
  return jump(run, fault, "INPUT", in_chain(fault)) + "\n" + jump(run, fault, "FORWARD", in_chain(fault));
}

// What passes before anything is cut. RETURN, not ACCEPT: rules of others keep their say. IPv6 finds its neighbours by
// ICMPv6, IPv4 by ARP, which iptables does not see: no cut touches either.
std::string passing(std::int64_t fault, const ControlPath& control, bool ipv6, bool out) {
  const std::string chain = out ? out_chain(fault) : in_chain(fault);
  std::string rules = fmt::format("-A {} {} lo -j RETURN\n", chain, out ? "-o" : "-i");
  if (!control.client.empty() && control.is_ipv6() == ipv6)
    rules += fmt::format("-A {} {} {} -p tcp -m tcp {} {} -j RETURN\n", chain, out ? "-d" : "-s", control.client,
                         out ? "--sport" : "--dport", control.port);
  if (ipv6)
    for (const int type : {133, 134, 135, 136})
      rules += fmt::format("-A {} -p ipv6-icmp -m icmp6 --icmpv6-type {} -j RETURN\n", chain, type);
  return rules;
}

std::string refusal(std::string_view protocol, bool ipv6) {
  if (protocol == "tcp") return "REJECT --reject-with tcp-reset";
  return ipv6 ? "REJECT --reject-with icmp6-adm-prohibited" : "REJECT --reject-with icmp-admin-prohibited";
}

}  // namespace

std::string cut_rules(const std::string& run, std::int64_t fault, const ControlPath& control, bool ipv6,
                      const std::vector<std::string>& drop, CutManner manner) {
  if (drop.empty()) return {};
  const std::string chain = in_chain(fault);
  std::string rules = fmt::format("*filter\n:{} - [0:0]\n", chain) + passing(fault, control, ipv6, false);
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
        add(fmt::format(" -p {} -m multiport --ports {}", protocol, manner.port),
            manner.reject ? refusal(protocol, ipv6) : "DROP");
    } else if (manner.reject) {
      add(" -p tcp", refusal("tcp", ipv6));
      add("", refusal("", ipv6));
    } else {
      add("", "DROP");
    }
  }
  return rules + jumps(run, fault);
}

SwitchedRules switched_rules(const std::string& run, std::int64_t fault, const ControlPath& control, bool ipv6,
                             const std::vector<std::string>& peers) {
  if (peers.empty()) return {};
  SwitchedRules out;
  out.chains = fmt::format("*filter\n:{} - [0:0]\n:{} - [0:0]\n", in_chain(fault), out_chain(fault)) +
               passing(fault, control, ipv6, false) + passing(fault, control, ipv6, true);
  for (const std::string& peer : peers)
    out.chains +=
        fmt::format("-A {} -s {} -j DROP\n-A {} -d {} -j DROP\n", in_chain(fault), peer, out_chain(fault), peer);
  out.jumps = jumps(run, fault) + "\n" + jump(run, fault, "OUTPUT", out_chain(fault)) + "\n";
  return out;
}

std::string dns_rules(const std::string& run, std::int64_t fault, bool ipv6, bool reject, bool tls) {
  const std::string chain = out_chain(fault);
  std::string rules = fmt::format("*filter\n:{} - [0:0]\n", chain);
  const auto add = [&](std::string_view protocol, int port) {
    rules += fmt::format("-A {0} -p {1} -m {1} --dport {2} -j {3}\n", chain, protocol, port,
                         reject ? refusal(protocol, ipv6) : "DROP");
  };
  add("udp", 53);
  add("tcp", 53);
  if (tls) add("tcp", 853);
  return rules + jump(run, fault, "OUTPUT", chain) + "\n" + jump(run, fault, "FORWARD", chain);
}

std::string client_rules(const std::string& run, std::int64_t fault, const ControlPath& control, CutManner manner) {
  const std::string chain = in_chain(fault);
  const bool ipv6 = control.is_ipv6();
  std::string rules = fmt::format("*filter\n:{} - [0:0]\n", chain) + passing(fault, control, ipv6, false);
  for (const std::string protocol : {"tcp", "udp"})
    rules += fmt::format("-A {0} -s {1} -p {2} -m {2} --dport {3} -j {4}\n", chain, control.client, protocol,
                         manner.port, manner.reject ? refusal(protocol, ipv6) : "DROP");
  return rules + jumps(run, fault);
}

}  // namespace shaketable

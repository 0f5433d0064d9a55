#include "nemesis/agent/facts.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <unistd.h>

#include "nemesis/agent/process.h"
#include "nemesis/agent/rules.h"
#include "nemesis/agent/system.h"

namespace shaketable::agent {
namespace {

void add_addresses(Fields& out) {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return;
  for (const ifaddrs* at = list; at; at = at->ifa_next) {
    if (!at->ifa_addr || (at->ifa_flags & IFF_LOOPBACK) != 0) continue;
    char text[INET6_ADDRSTRLEN] = "";
    if (at->ifa_addr->sa_family == AF_INET) {
      inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(at->ifa_addr)->sin_addr, text, sizeof text);
      out.emplace_back("address4", text);
    } else if (at->ifa_addr->sa_family == AF_INET6) {
      inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(at->ifa_addr)->sin6_addr, text, sizeof text);
      out.emplace_back("address6", text);
    }
  }
  freeifaddrs(list);
}

}  // namespace

Fields facts() {
  Fields out;
  out.emplace_back("uid", std::to_string(geteuid()));
  add_addresses(out);
  for (const std::string family : {"iptables", "ip6tables"}) {
    const std::string problem = family == "iptables" ? "problem4" : "problem6";
    if (find_program(family).empty() || find_program(family + "-restore").empty()) {
      out.emplace_back(problem, family + " is not installed (Debian: apt-get install iptables)");
      continue;
    }
    if (const auto rules = list_rules(family); !rules) {
      out.emplace_back(problem, family + " does not work: " + rules.error().message);
      continue;
    }
    const auto version = lines_of(run({family, "-V"}, "", std::chrono::seconds(5)).out);
    out.emplace_back(family, version.empty() ? "unknown version" : version.front());
  }
  return out;
}

}  // namespace shaketable::agent

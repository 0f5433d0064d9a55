#include "nemesis/agent/facts.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <unistd.h>

#include "nemesis/agent/leftovers.h"
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

Result<Fields> foreign_state() {
  Fields out;
  for (const std::string& command : table_commands()) {
    const auto rules = list_rules(command);
    if (!rules) return Failure(rules.error());
    for (const std::string& rule : foreign_rules(*rules)) out.emplace_back("rule", command + " " + rule);
  }
  if (find_program("tc").empty()) return out;
  const Output shown = run({"tc", "qdisc", "show"}, "", std::chrono::seconds(5));
  if (shown.code != 0) return infrastructure("tc qdisc show: " + shown.describe());
  for (std::string line : lines_of(shown.out)) {
    // 0: is the kernel's own choice, and comes and goes with devices.
    if (line.find(" 0: ") != std::string::npos || line.find(std::string(" ") + kQdisc) != std::string::npos ||
        line.find(std::string(" ") + kNetem) != std::string::npos ||
        line.find(std::string(" dev ") + kInDevice) != std::string::npos)
      continue;
    // How many hold it changes by itself.
    if (const std::size_t at = line.find(" refcnt "); at != std::string::npos)
      line.erase(at, line.find(' ', at + 8) - at);
    out.emplace_back("qdisc", line);
  }
  return out;
}

}  // namespace shaketable::agent

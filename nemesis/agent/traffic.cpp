#include "nemesis/agent/traffic.h"

#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "nemesis/agent/leftovers.h"
#include "nemesis/agent/netem.h"
#include "nemesis/agent/process.h"
#include "nemesis/agent/system.h"

namespace shaketable::agent {
namespace {

using namespace std::chrono_literals;

constexpr Nanos kPatience = 5s;
constexpr const char* kHandle = kQdisc;

bool is_v6(std::string_view address) {
  return address.find(':') != std::string_view::npos;
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> out;
  for (std::string word; stream >> word;) out.push_back(word);
  return out;
}

// The word after `key` in a line of tc's or ip's.
std::string after(const std::string& line, std::string_view key) {
  const auto words = words_of(line);
  for (std::size_t i = 0; i + 1 < words.size(); ++i)
    if (words[i] == key) return words[i + 1];
  return "";
}

Result<std::string> device_to(const std::string& address) {
  const Output said = run({"ip", "-o", "route", "get", address}, "", kPatience);
  const std::string device = after(said.out, "dev");
  if (said.code != 0 || device.empty())
    return infrastructure("there is no route to " + address + ": " + said.describe());
  return device;
}

// The root qdiscs of a device, a line each, without reference counts, which change by themselves.
Result<std::vector<std::string>> qdiscs_of(const std::string& device) {
  const Output said = run({"tc", "qdisc", "show", "dev", device}, "", kPatience);
  if (said.code != 0) return infrastructure("tc qdisc show: " + said.describe());
  std::vector<std::string> out;
  for (const std::string& line : lines_of(said.out)) {
    std::string kept;
    const auto words = words_of(line);
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (words[i] == "refcnt") {
        ++i;
        continue;
      }
      kept += (kept.empty() ? "" : " ") + words[i];
    }
    if (!kept.empty()) out.push_back(kept);
  }
  return out;
}

bool is_ours(const std::string& qdisc) {
  const auto words = words_of(qdisc);
  return words.size() > 2 && (words[2] == kHandle || qdisc.find(std::string("parent ") + kHandle) != std::string::npos);
}

// What the kernel put there by itself has the number 0; it comes back when ours goes.
bool is_default(const std::string& qdisc) {
  const auto words = words_of(qdisc);
  return words.size() > 2 && words[2] == "0:";
}

bool is_of_arrival(const std::string& qdisc) {
  return qdisc.starts_with("qdisc ingress ") || qdisc.starts_with("qdisc clsact ");
}

std::vector<std::string> foreign(const std::vector<std::string>& qdiscs) {
  std::vector<std::string> out;
  for (const std::string& qdisc : qdiscs)
    if (!is_ours(qdisc)) out.push_back(qdisc);
  return out;
}

// Microseconds of the fastest of three round trips; nullopt: no answer.
std::optional<std::int64_t> round_trip(const std::string& address) {
  const Output said =
      run({"ping", is_v6(address) ? "-6" : "-4", "-n", "-c", "3", "-i", "0.2", "-w", "4", address}, "", 6s);
  const std::size_t at = said.out.find(" = ");
  if (at == std::string::npos || said.out.find("min/") == std::string::npos) return std::nullopt;
  return static_cast<std::int64_t>(std::strtod(said.out.c_str() + at + 3, nullptr) * 1000);
}

bool leaving(const Entry& entry) {
  return field(entry.fields, "way") != "ingress";
}
bool arriving(const Entry& entry) {
  const auto way = field(entry.fields, "way");
  return way == "ingress" || way == "both";
}

// u32 selectors of the packets to (or, where they arrive, from) an address: with a port two, since either side may be
// the one that listens.
std::vector<std::string> matches(const Entry& entry, const std::string& address, bool in) {
  const bool six = is_v6(address);
  const std::string family = six ? "ip6" : "ip";
  std::string out = "u32 match " + family + (in ? " src " : " dst ") + address + (six ? "/128" : "/32");
  const std::string_view protocol = field(entry.fields, "protocol");
  if (!protocol.empty()) out += " match " + family + " protocol " + (protocol == "tcp" ? "6" : "17") + " 0xff";
  const auto port = to_number(field(entry.fields, "port"));
  if (!port || *port <= 0) return {out};
  std::vector<std::string> both;
  for (const std::string side : {" dport ", " sport "})
    both.push_back(out + " match " + family + side + std::to_string(*port) + " 0xffff");
  return both;
}

// The controller's connection, with its address and port.
std::string kept_match(const std::vector<std::string>& keep, bool in) {
  const bool six = is_v6(keep[0]);
  const std::string family = six ? "ip6" : "ip";
  std::string out = "u32 match " + family + (in ? " src " : " dst ") + keep[0] + (six ? "/128" : "/32");
  if (keep.size() > 1)
    out += " match " + family + " protocol 6 0xff match " + family + (in ? " dport " : " sport ") + keep[1] + " 0xffff";
  return out;
}

// One kind of protocol a preference, as tc wants it. The controller's connection is looked at first.
std::string filter(const std::string& device, const std::string& parent, bool six, int preference,
                   const std::string& rest) {
  return "filter add dev " + device + " parent " + parent + " protocol " + (six ? "ipv6" : "ip") + " prio " +
         std::to_string(preference + (six ? 1 : 0)) + " " + rest + "\n";
}

std::string script(const Entry& entry) {
  const std::string device(field(entry.fields, "device")), handle(kHandle), netem(field(entry.fields, "netem"));
  const auto peers = all_fields(entry.fields, "peer");
  std::vector<std::vector<std::string>> keeps;
  for (const std::string& keep : all_fields(entry.fields, "keep"))
    if (auto words = words_of(keep); !words.empty()) keeps.push_back(std::move(words));
  std::string out;
  if (leaving(entry)) {
    out += "qdisc add dev " + device + " root handle " + handle +
           " prio bands 4 priomap 1 2 2 2 1 2 0 0 1 1 1 1 1 1 1 1\n";
    out += "qdisc add dev " + device + " parent " + handle + "4 handle " + kNetem + " netem " + netem + "\n";
    for (const auto& keep : keeps)
      out +=
          filter(device, handle, is_v6(keep[0]), kKeepPreference, kept_match(keep, false) + " flowid " + handle + "2");
    for (const std::string& peer : peers)
      for (const std::string& match : matches(entry, peer, false))
        out += filter(device, handle, is_v6(peer), kPeerPreference, match + " flowid " + handle + "4");
  }
  if (arriving(entry)) {
    // Only what is to be hurt goes through the other device; all else goes on as if nothing were there.
    const std::string by(field(entry.fields, "indevice"));
    out += "qdisc add dev " + by + " root handle " + kNetem + " netem " + netem + "\n";
    out += "qdisc add dev " + device + " ingress\n";
    for (const auto& keep : keeps)
      out += filter(device, "ffff:", is_v6(keep[0]), kKeepPreference, kept_match(keep, true) + " action pass");
    for (const std::string& peer : peers)
      for (const std::string& match : matches(entry, peer, true))
        out +=
            filter(device, "ffff:", is_v6(peer), kPeerPreference, match + " action mirred egress redirect dev " + by);
  }
  return out;
}

struct Counts {
  std::int64_t packets = 0, dropped = 0;
};
// Of our netem on a device.
Counts counts_of(const std::string& device) {
  Counts out;
  const Output said = run({"tc", "-s", "qdisc", "show", "dev", device}, "", kPatience);
  bool in_netem = false;
  for (const std::string& line : lines_of(said.out)) {
    if (line.starts_with("qdisc ")) in_netem = line.starts_with(std::string("qdisc netem ") + kNetem);
    if (!in_netem || line.find("Sent ") == std::string::npos) continue;
    out.packets = to_number(after(line.substr(line.find("bytes")), "bytes")).value_or(0);
    std::string count = after(line, "(dropped");
    std::erase(count, ',');
    out.dropped = to_number(count).value_or(0);
  }
  return out;
}

class ArmedTraffic final : public Armed {
 public:
  explicit ArmedTraffic(std::unique_ptr<WaitingProgram> tc, std::string script)
      : tc_(std::move(tc)), script_(std::move(script)) {}
  Result<void> commit() override {
    if (auto fed = tc_->feed(script_, kPatience); !fed) return infrastructure("tc: " + fed.error().message);
    tc_->end_input();
    if (const int code = tc_->wait(10s); code != 0) {
      std::string said = tc_->said();
      std::replace(said.begin(), said.end(), '\n', ' ');
      if (said.find("qdisc kind is unknown") != std::string::npos)
        return infrastructure("this node's kernel has no netem (module sch_netem): " + said);
      return infrastructure("tc: exit code " + std::to_string(code) + ": " + said);
    }
    return {};
  }

 private:
  std::unique_ptr<WaitingProgram> tc_;
  std::string script_;
};

}  // namespace

Result<void> Traffic::look(Entry& entry) const {
  if (auto there = netem_is_there(); !there) return there;
  const auto peers = all_fields(entry.fields, "peer");
  if (peers.empty()) return infrastructure("there is no peer");
  std::string device;
  for (const std::string& peer : peers) {
    const auto to = device_to(peer);
    if (!to) return Failure(to.error());
    if (!device.empty() && *to != device)
      return infrastructure("its peers are behind different devices (" + device + ", " + *to +
                            "); name some of them with `peers`");
    device = *to;
  }
  if (device == "lo") return infrastructure("its peers are on this machine itself");
  const auto qdiscs = qdiscs_of(device);
  if (!qdiscs) return Failure(qdiscs.error());
  for (const std::string& qdisc : *qdiscs)
    if (!is_default(qdisc) && (is_of_arrival(qdisc) ? arriving(entry) : leaving(entry)))
      return infrastructure(
          device + (is_ours(qdisc) ? " has such a fault already: " : " has a qdisc of somebody else: ") + qdisc);
  set_field(entry.fields, "device", device);
  set_field(entry.fields, "found", joined(*qdiscs, "\n"));
  if (arriving(entry)) {
    const std::string by = kInDevice + std::to_string(entry.fault);
    if (exists("/sys/class/net/" + by)) return infrastructure("the device " + by + " is there already");
    set_field(entry.fields, "indevice", by);
  }
  if (has_field(entry.fields, "wanted_ms"))
    if (const auto found = round_trip(peers.front())) set_field(entry.fields, "rtt_us", std::to_string(*found));
  return {};
}

Result<std::unique_ptr<Armed>> Traffic::arm(Entry& entry) const {
  if (arriving(entry)) {
    const std::string by(field(entry.fields, "indevice"));
    const Output made = run({"ip", "link", "add", by, "type", "ifb"}, "", kPatience);
    if (made.code != 0)
      return infrastructure("this node's kernel has no ifb, which packets that arrive would take: " + made.describe());
    const Output up = run({"ip", "link", "set", by, "up"}, "", kPatience);
    if (up.code != 0) return infrastructure("ip link set " + by + " up: " + up.describe());
  }
  auto tc = WaitingProgram::start({"tc", "-batch", "-"});
  if (!tc) return Failure(tc.error());
  set_field(entry.fields, "armed", to_text((*tc)->name()));
  return std::make_unique<ArmedTraffic>(std::move(*tc), script(entry));
}

Fields Traffic::prove(const Entry& entry) const {
  const std::string device(field(entry.fields, "device"));
  const auto peers = all_fields(entry.fields, "peer");
  Fields out;
  bool bit = false;
  if (const auto wanted = to_number(field(entry.fields, "wanted_ms"))) {
    const auto found = to_number(field(entry.fields, "rtt_us"));
    const std::int64_t now = peers.empty() ? -1 : round_trip(peers.front()).value_or(-1);
    if (found) out.emplace_back("rtt_found_us", std::to_string(*found));
    if (now >= 0) out.emplace_back("rtt_us", std::to_string(now));
    // The fastest of three, so jitter and load make it longer or, by jitter, a little shorter.
    bit = now >= 0 && now - found.value_or(0) >= *wanted * 1000 / 2;
  }
  std::int64_t dropped = 0;
  bool taken = true;
  if (leaving(entry)) {
    const Counts out_there = counts_of(device);
    out.emplace_back("packets", std::to_string(out_there.packets));
    out.emplace_back("dropped", std::to_string(out_there.dropped));
    dropped += out_there.dropped;
    taken = taken && out_there.packets > 0;
  }
  if (arriving(entry)) {
    const Counts in_here = counts_of(std::string(field(entry.fields, "indevice")));
    out.emplace_back("packets_in", std::to_string(in_here.packets));
    out.emplace_back("dropped_in", std::to_string(in_here.dropped));
    dropped += in_here.dropped;
    taken = taken && in_here.packets > 0;
  }
  if (!has_field(entry.fields, "wanted_ms"))
    bit = field(entry.fields, "netem").starts_with("loss") ? dropped > 0 : taken;
  out.emplace_back("bit", bit ? "yes" : "no");
  return out;
}

Result<Undone> Traffic::undo(const Entry& entry) const {
  if (const auto armed = to_process(field(entry.fields, "armed"))) signal_process(*armed, SIGKILL);
  const std::string device(field(entry.fields, "device"));
  Undone undone;
  if (device.empty()) return undone;
  if (auto removed = remove_traffic(device); !removed) return Failure(removed.error());
  const std::string by(field(entry.fields, "indevice"));
  if (!by.empty() && exists("/sys/class/net/" + by)) {
    const Output gone = run({"ip", "link", "del", by}, "", kPatience);
    if (gone.code != 0) return infrastructure("ip link del " + by + ": " + gone.describe());
  }
  const auto now = qdiscs_of(device);
  if (!now) return Failure(now.error());
  if (std::any_of(now->begin(), now->end(), is_ours)) return infrastructure("its qdisc is still there");
  const auto found = lines_of(field(entry.fields, "found"));
  for (const std::string& qdisc : found)
    if (std::find(now->begin(), now->end(), qdisc) == now->end())
      undone.missing += (undone.missing.empty() ? "" : "; ") + qdisc;
  for (const std::string& qdisc : foreign(*now))
    if (std::find(found.begin(), found.end(), qdisc) == found.end())
      undone.added += (undone.added.empty() ? "" : "; ") + qdisc;
  return undone;
}

}  // namespace shaketable::agent

#include "nemesis/agent/traffic.h"

#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "nemesis/agent/netem.h"
#include "nemesis/agent/process.h"
#include "nemesis/agent/system.h"

namespace shaketable::agent {
namespace {

using namespace std::chrono_literals;

constexpr Nanos kPatience = 5s;
// Ours by its number, which nobody else uses: what has it may be removed, and nothing else.
constexpr const char* kHandle = "5ba1:";

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

std::string match(const Entry& entry, const std::string& address) {
  const bool six = is_v6(address);
  const std::string family = six ? "ip6" : "ip";
  std::string out = "u32 match " + family + " dst " + address + (six ? "/128" : "/32");
  const std::string_view protocol = field(entry.fields, "protocol");
  if (!protocol.empty()) out += " match " + family + " protocol " + (protocol == "tcp" ? "6" : "17") + " 0xff";
  if (const auto port = to_number(field(entry.fields, "port")); port && *port > 0)
    out += " match " + family + " dport " + std::to_string(*port) + " 0xffff";
  return out;
}

std::string script(const Entry& entry) {
  const std::string device(field(entry.fields, "device")), handle(kHandle);
  std::string out =
      "qdisc add dev " + device + " root handle " + handle + " prio bands 4 priomap 1 2 2 2 1 2 0 0 1 1 1 1 1 1 1 1\n";
  out += "qdisc add dev " + device + " parent " + handle + "4 handle 5ba2: netem " +
         std::string(field(entry.fields, "netem")) + "\n";
  const auto filter = [&](bool six, int preference, const std::string& matched, const std::string& band) {
    out += "filter add dev " + device + " parent " + handle + " protocol " + (six ? "ipv6" : "ip") + " prio " +
           std::to_string(preference) + " " + matched + " flowid " + handle + band + "\n";
  };
  // One kind of protocol a preference, as tc wants it. The controller's connection is looked at first.
  for (const std::string& keep : all_fields(entry.fields, "keep")) {
    const auto words = words_of(keep);
    if (words.empty()) continue;
    const bool six = is_v6(words[0]);
    std::string matched =
        std::string("u32 match ") + (six ? "ip6" : "ip") + " dst " + words[0] + (six ? "/128" : "/32");
    if (words.size() > 1) matched += std::string(" match ") + (six ? "ip6" : "ip") + " sport " + words[1] + " 0xffff";
    filter(six, six ? 2 : 1, matched, "2");
  }
  for (const std::string& peer : all_fields(entry.fields, "peer"))
    filter(is_v6(peer), is_v6(peer) ? 4 : 3, match(entry, peer), "4");
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
    if (!is_default(qdisc))
      return infrastructure(
          device + (is_ours(qdisc) ? " has such a fault already: " : " has a qdisc of somebody else: ") + qdisc);
  set_field(entry.fields, "device", device);
  set_field(entry.fields, "found", joined(*qdiscs, "\n"));
  if (has_field(entry.fields, "wanted_ms"))
    if (const auto found = round_trip(peers.front())) set_field(entry.fields, "rtt_us", std::to_string(*found));
  return {};
}

Result<std::unique_ptr<Armed>> Traffic::arm(Entry& entry) const {
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
  const Output said = run({"tc", "-s", "qdisc", "show", "dev", device}, "", kPatience);
  bool in_netem = false;
  std::int64_t packets = 0, dropped = 0;
  for (const std::string& line : lines_of(said.out)) {
    if (line.starts_with("qdisc ")) in_netem = line.starts_with("qdisc netem 5ba2:");
    if (!in_netem || line.find("Sent ") == std::string::npos) continue;
    packets = to_number(after(line.substr(line.find("bytes")), "bytes")).value_or(0);
    std::string count = after(line, "(dropped");
    std::erase(count, ',');
    dropped = to_number(count).value_or(0);
  }
  out.emplace_back("packets", std::to_string(packets));
  out.emplace_back("dropped", std::to_string(dropped));
  if (!has_field(entry.fields, "wanted_ms"))
    bit = field(entry.fields, "netem").starts_with("loss") ? dropped > 0 : packets > 0;
  out.emplace_back("bit", bit ? "yes" : "no");
  return out;
}

Result<Undone> Traffic::undo(const Entry& entry) const {
  if (const auto armed = to_process(field(entry.fields, "armed"))) signal_process(*armed, SIGKILL);
  const std::string device(field(entry.fields, "device"));
  Undone undone;
  if (device.empty()) return undone;
  auto now = qdiscs_of(device);
  if (!now) return Failure(now.error());
  if (std::any_of(now->begin(), now->end(), is_ours)) {
    const Output removed = run({"tc", "qdisc", "del", "dev", device, "root", "handle", kHandle}, "", kPatience);
    if (removed.code != 0) return infrastructure("tc qdisc del: " + removed.describe());
    now = qdiscs_of(device);
    if (!now) return Failure(now.error());
    if (std::any_of(now->begin(), now->end(), is_ours)) return infrastructure("its qdisc is still there");
  }
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

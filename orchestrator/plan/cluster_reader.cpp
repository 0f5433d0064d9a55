#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/log.h"
#include "orchestrator/plan/parts.h"

namespace shaketable {
namespace {

constexpr std::size_t kNodesMax = 256;

bool is_ipv4(const std::string& text) {
  in_addr parsed{};
  return inet_pton(AF_INET, text.c_str(), &parsed) == 1;
}

bool is_ipv6(const std::string& text) {
  in6_addr parsed{};
  return inet_pton(AF_INET6, text.c_str(), &parsed) == 1;
}

// Names and hosts reach shells, file names and SSH command lines, so nothing that means something there may pass.
bool is_host(const std::string& text) {
  constexpr std::string_view fine = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
  return is_ipv6(text) || (!text.empty() && text.size() < 254 && text.front() != '-' && text.front() != '.' &&
                           text.find_first_not_of(fine) == std::string::npos);
}

void check_host(const std::string& host, const Place& place, Problems& problems) {
  if (is_host(host)) return;
  const bool more = host.find('@') != std::string::npos || std::count(host.begin(), host.end(), ':') == 1;
  problems.add(place, fmt::format("\"{}\" is not a host name or an address{}", host.substr(0, 60),
                                  more ? "; user and port have keys of their own: {host: …, user: …, port: …}" : ""));
}

void check_address(Fields& fields, std::string_view key, std::string& out, bool (*right)(const std::string&),
                   std::string_view form) {
  fields.text(key, out);
  const YamlEntry* entry = fields.entry(key);
  if (entry && entry->value->kind == YamlKind::scalar && !right(out))
    fields.problems().add(entry->value->place,
                          fmt::format("{} must be {}, not {}", key, form, describe(*entry->value)));
}

void check_client_url(Fields& fields, std::string& out) {
  fields.text("client", out);
  const YamlEntry* entry = fields.entry("client");
  if (!entry || entry->value->kind != YamlKind::scalar) return;
  const std::size_t scheme = out.find("://");
  if (scheme == std::string::npos || scheme == 0 || scheme + 3 >= out.size()) {
    fields.problems().add(entry->value->place, fmt::format("client must be a URL such as http://10.0.0.1:2379, not {}",
                                                           describe(*entry->value)));
    return;
  }
  const std::size_t authority = scheme + 3, end = out.find_first_of("/?#", authority);
  const std::size_t at = out.substr(0, end).rfind('@');
  if (at == std::string::npos || at < authority) return;
  log::keep_secret(out.substr(authority, at - authority));
  fields.problems().add(entry->value->place,
                        "a user and password do not belong in a URL; give them to the client: "
                        "{user: NAME, password: {file: FILE}}");
}

void read_ssh_basics(Fields& fields, SshOptions& ssh) {
  fields.text("user", ssh.user);
  const YamlEntry* user = fields.entry("user");
  if (user && user->value->kind == YamlKind::scalar && (ssh.user.empty() || ssh.user.front() == '-'))
    fields.problems().add(user->value->place, fmt::format("user must be a login name, not {}", describe(*user->value)));
  fields.integer("port", ssh.port, {1, 65535});
}

void read_ssh(Fields& cluster, Reading& reading, SshOptions& ssh) {
  const YamlEntry* entry = cluster.entry("ssh");
  if (!entry) return;
  Problems& problems = reading.problems;
  if (entry->value->kind != YamlKind::map) {
    problems.add(entry->value->place,
                 fmt::format("ssh must be a map such as {{user: root, identity: ~/.ssh/id_ed25519}}, "
                             "not {}",
                             describe(*entry->value)));
    return;
  }
  Fields fields(*entry->value, entry->place, "ssh", problems);
  read_ssh_basics(fields, ssh);
  fields.boolean("sudo", ssh.sudo);
  if (const Yaml* identity = fields.find("identity")) {
    if (identity->kind == YamlKind::list) {
      for (const YamlPtr& item : identity->items)
        ssh.identity_files.push_back(reading.existing_file(*item, "identity"));
    } else {
      ssh.identity_files.push_back(reading.existing_file(*identity, "identity"));
    }
  }
  fields.boolean("agent", ssh.use_agent);
  if (const Yaml* file = fields.find("known_hosts")) ssh.known_hosts = reading.existing_file(*file, "known_hosts");
  if (const Yaml* file = fields.find("config")) {
    const bool none = file->kind == YamlKind::scalar && file->text == "none";
    ssh.config = none ? "none" : reading.existing_file(*file, "config");
  }
  fields.duration("connect_timeout", ssh.connect_timeout, {0.1, 600});
  fields.finish();
}

NodeSpec read_node(const YamlPtr& item, const SshOptions& ssh, Problems& problems) {
  NodeSpec node;
  node.ssh = ssh;
  if (item->kind == YamlKind::scalar) {
    node.host = node.name = item->text;
    check_host(node.host, item->place, problems);
  } else if (item->kind == YamlKind::map) {
    Fields fields(*item, item->place, "a node", problems);
    fields.text("name", node.name);
    fields.text("host", node.host);
    check_address(fields, "address", node.address, is_ipv4, "an IPv4 address");
    check_address(fields, "address6", node.address6, is_ipv6, "an IPv6 address");
    read_ssh_basics(fields, node.ssh);
    fields.text("role", node.role);
    check_client_url(fields, node.client_url);
    fields.text("host_key_alias", node.host_key_alias);
    fields.finish();
    if (!item->find("host")) problems.add(item->place, "a node needs \"host\": what SSH connects to");
    if (node.name.empty()) node.name = node.host;
    if (const YamlEntry* host = item->find("host"); host && host->value->kind == YamlKind::scalar)
      check_host(node.host, host->value->place, problems);
    if (const YamlEntry* name = item->find("name");
        name && name->value->kind == YamlKind::scalar && !is_host(node.name))
      problems.add(name->value->place,
                   fmt::format("name must be letters, digits, \".\", \"-\" and \"_\", not {}", describe(*name->value)));
  } else {
    problems.add(item->place, fmt::format("a node must be a host name or a map with host, not {}", describe(*item)));
  }
  if (node.address.empty() && is_ipv4(node.host)) node.address = node.host;
  if (node.address6.empty() && is_ipv6(node.host)) node.address6 = node.host;
  return node;
}

void read_nodes(const Yaml& list, const SshOptions& ssh, Reading& reading, Plan& plan) {
  Problems& problems = reading.problems;
  if (list.kind != YamlKind::list || list.items.empty()) {
    const std::string found = list.kind == YamlKind::list ? "an empty list" : describe(list);
    problems.add(list.place, fmt::format("nodes must be a list of hosts, not {}", found));
    return;
  }
  if (list.items.size() > kNodesMax)
    problems.add(list.place, fmt::format("at most {} nodes, not {}", kNodesMax, list.items.size()));
  std::set<std::string> names, hosts;
  for (const YamlPtr& item : list.items) {
    NodeSpec node = read_node(item, ssh, problems);
    const std::string host = fmt::format("{}:{}", node.host, node.ssh.port);
    const YamlEntry* name_entry = item->kind == YamlKind::map ? item->find("name") : nullptr;
    if (!node.host.empty() && !hosts.insert(host).second)
      problems.add(item->place, fmt::format("the host \"{}\" stands twice", node.host));
    else if (!node.name.empty() && !names.insert(node.name).second)
      problems.add(name_entry ? name_entry->value->place : item->place,
                   fmt::format("two nodes are named \"{}\"", node.name));
    plan.cluster.nodes.push_back(std::move(node));
  }
}

// A host a line; blank lines and what follows a # do not count.
YamlPtr nodes_of_file(const std::string& path, Problems& problems) {
  auto text = read_text_file(path);
  if (!text) {
    problems.add({}, "--nodes-file " + text.error().message);
    return nullptr;
  }
  const Source& source = problems.add_file(path, *text);
  auto list = std::make_shared<Yaml>();
  list->kind = YamlKind::list;
  list->place = {&source, 0, 0};
  for (std::size_t i = 0; i < source.lines.size(); ++i) {
    const std::string_view line = std::string_view(source.lines[i]).substr(0, source.lines[i].find('#'));
    const std::size_t begin = line.find_first_not_of(" \t");
    if (begin == std::string_view::npos) continue;
    auto item = std::make_shared<Yaml>();
    item->kind = YamlKind::scalar;
    item->place = {&source, static_cast<int>(i) + 1, static_cast<int>(begin) + 1};
    item->text = line.substr(begin, line.find_last_not_of(" \t") + 1 - begin);
    list->items.push_back(std::move(item));
  }
  return list;
}

}  // namespace

bool apply_nodes_file(YamlPtr& tree, const PlanOptions& options, Problems& problems) {
  if (options.nodes_file.empty() || tree->kind != YamlKind::map) return true;
  const YamlPtr nodes = nodes_of_file(options.nodes_file, problems);
  if (!nodes) return false;
  auto cluster = std::make_shared<Yaml>();
  cluster->kind = YamlKind::map;
  cluster->place = nodes->place;
  auto copy = std::make_shared<Yaml>(*tree);
  YamlEntry* place = nullptr;
  for (YamlEntry& entry : copy->entries)
    if (entry.key == "cluster") place = &entry;
  if (place && place->value->kind == YamlKind::map) *cluster = *place->value;
  std::erase_if(cluster->entries, [](const YamlEntry& entry) { return entry.key == "lab" || entry.key == "nodes"; });
  cluster->entries.push_back({"nodes", nodes->place, nodes});
  if (place)
    place->value = std::move(cluster);
  else
    copy->entries.push_back({"cluster", nodes->place, std::move(cluster)});
  tree = std::move(copy);
  return true;
}

void read_cluster(Fields& top, Reading& reading, Plan& plan) {
  Problems& problems = reading.problems;
  const YamlEntry* entry = top.entry("cluster");
  if (!entry) {
    plan.cluster.lab = LabPlan{};
    return;
  }
  if (entry->value->kind != YamlKind::map) {
    problems.add(entry->value->place,
                 fmt::format("cluster must be a map with lab or nodes, such as {{lab: {{nodes: 5}}}}, not {}",
                             describe(*entry->value)));
    return;
  }
  Fields fields(*entry->value, entry->place, "the cluster", problems);
  const YamlEntry* lab = fields.entry("lab");
  const YamlEntry* nodes = fields.entry("nodes");
  const YamlEntry* manage = fields.entry("manage");
  if (manage)
    if (const auto choice = to_choice(*manage->value, "manage", problems, {"all", "none"}))
      plan.cluster.managed = *choice == "all";
  if (lab && nodes) {
    const bool lab_first =
        std::pair(lab->place.line, lab->place.column) < std::pair(nodes->place.line, nodes->place.column);
    problems.add(lab_first ? nodes->place : lab->place, "a cluster is either the lab or nodes of your own, not both");
  } else if (nodes) {
    SshOptions ssh;
    read_ssh(fields, reading, ssh);
    read_nodes(*nodes->value, ssh, reading, plan);
    // Set-up empties data directories, so this is never assumed about machines that are not ours.
    if (!manage)
      problems.add(
          nodes->place,
          "say what shaketable may do on these machines: manage: all (it installs, starts, stops and wipes the "
          "system there), or manage: none (the system already runs, and nothing of it is touched)");
  } else {
    plan.cluster.lab = LabPlan{};
    if (lab && lab->value->kind != YamlKind::null) {
      if (lab->value->kind != YamlKind::map) {
        problems.add(lab->value->place,
                     fmt::format("lab must be a map such as {{nodes: 5}}, not {}", describe(*lab->value)));
      } else {
        Fields inner(*lab->value, lab->place, "the lab", problems);
        inner.integer("nodes", plan.cluster.lab->nodes, {1, 64});
        inner.text("kernel", plan.cluster.lab->kernel);
        if (const std::string& kernel = plan.cluster.lab->kernel; kernel != "host" && kernel != "uml")
          problems.add(inner.entry("kernel")->value->place,
                       fmt::format("kernel must be host (nodes share this machine's) or uml (each has its own), not {}",
                                   kernel));
        inner.size("memory", plan.cluster.lab->node_memory_bytes, {32.0 * (1 << 20), 1024.0 * (1 << 30)});
        inner.size("disk", plan.cluster.lab->node_disk_bytes, {16.0 * (1 << 20), 1024.0 * (1 << 30)});
        inner.finish();
      }
    } else if (!lab && !entry->value->find("ssh")) {
      problems.add(entry->place, "a cluster needs \"lab\" or \"nodes\"");
    }
    if (const YamlEntry* ssh = fields.entry("ssh"))
      problems.add(ssh->place, "ssh is for nodes of your own; the lab brings its own keys");
  }
  fields.finish();
}

}  // namespace shaketable

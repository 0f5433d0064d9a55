// What a system file says before it meets a node: variables, and whether the description holds together.

#include <fmt/format.h>

#include <array>
#include <regex>
#include <set>

#include "base/text.h"
#include "cluster/system.h"

namespace shaketable {
namespace {

std::pair<std::size_t, std::size_t> line_and_column(std::string_view text, std::size_t at) {
  std::size_t line = 1, start = 0;
  for (std::size_t i = 0; i < at; ++i)
    if (text[i] == '\n') {
      ++line;
      start = i + 1;
    }
  return {line, at - start + 1};
}

std::string_view trimmed(std::string_view text) {
  const std::size_t from = text.find_first_not_of(" \t");
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(" \t") - from + 1);
}

std::vector<std::string> components(const std::string& path) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    if (end > at) out.push_back(path.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

NodeSpec example_node(int number) {
  NodeSpec node;
  node.name = fmt::format("n{}", number);
  node.address = fmt::format("192.0.2.{}", number);
  node.address6 = fmt::format("2001:db8::{}", number);
  return node;
}

}  // namespace

Result<std::string> fill_template(std::string_view text, const std::map<std::string, std::string>& variables) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    if (text.substr(at).starts_with("\\{{")) {
      out += "{{";
      at += 3;
      continue;
    }
    if (!text.substr(at).starts_with("{{")) {
      out += text[at++];
      continue;
    }
    const auto [line, column] = line_and_column(text, at);
    const std::size_t end = text.find("}}", at);
    if (end == std::string_view::npos)
      return bad_input(
          fmt::format("line {} column {}: {{{{ has no }}}} (a literal {{{{ is written \\{{{{)", line, column));
    const std::string_view name = trimmed(text.substr(at + 2, end - at - 2));
    const auto found = variables.find(std::string(name));
    if (found == variables.end()) {
      std::vector<std::string_view> known;
      for (const auto& [variable, value] : variables) known.push_back(variable);
      const std::string_view meant = nearest(name, known);
      return bad_input(fmt::format("line {} column {}: there is no variable {{{{{}}}}}{}", line, column, name,
                                   meant.empty() ? "" : fmt::format("; did you mean {{{{{}}}}}?", meant)));
    }
    out += found->second;
    at = end + 2;
  }
  return out;
}

Result<std::map<std::string, std::string>> node_variables(const SystemSpec& spec,
                                                          const std::map<std::string, std::string>& options,
                                                          const std::vector<NodeSpec>& nodes, std::size_t index) {
  std::map<std::string, std::string> shared{{"count", std::to_string(nodes.size())},
                                            {"run", "/run/shaketable/" + spec.name}};
  for (const auto& [name, value] : spec.options) shared["option." + name] = value;
  for (const auto& [name, value] : options) shared["option." + name] = value;
  const auto own = [&](std::size_t i) {
    std::map<std::string, std::string> variables = shared;
    variables["node"] = nodes[i].name;
    variables["ip"] = nodes[i].address.empty() ? nodes[i].host : nodes[i].address;
    variables["ip6"] = nodes[i].address6;
    variables["index"] = std::to_string(i + 1);
    return variables;
  };
  // Directories may name the node; the lists may name the directories.
  const auto with_places = [&](std::size_t i) -> Result<std::map<std::string, std::string>> {
    auto variables = own(i);
    for (const auto& [key, text] : {std::pair{"data", &spec.data}, std::pair{"log", &spec.log}}) {
      auto filled = fill_template(*text, own(i));
      if (!filled) return tl::unexpected(filled.error().in(key));
      variables[key] = std::move(*filled);
    }
    return variables;
  };
  auto variables = with_places(index);
  if (!variables) return variables;
  for (const auto& [name, list] : spec.lists) {
    std::vector<std::string> items;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      auto of_node = with_places(i);
      if (!of_node) return of_node;
      auto item = fill_template(list.each, *of_node);
      if (!item) return tl::unexpected(item.error().in("lists." + name));
      items.push_back(std::move(*item));
    }
    (*variables)[name] = join(items, list.separator);
  }
  return variables;
}

Result<void> check_data_directory(const std::string& path) {
  if (!path.starts_with('/')) return bad_input(fmt::format("data: {} is not an absolute path", path));
  const auto parts = components(path);
  for (const std::string& part : parts)
    if (part == "." || part == ".." || part.find_first_of("\n*?[") != std::string::npos)
      return bad_input(fmt::format("data: {} is not a plain path", path));
  static const std::set<std::string> never{"bin",   "boot", "dev",  "etc", "lib", "lib32",
                                           "lib64", "proc", "sbin", "sys", "usr"};
  static const std::set<std::string> deeper{"home", "media", "mnt", "opt", "root", "run", "var"};
  const std::size_t least = parts.empty() || deeper.contains(parts.front()) ? 3 : 2;
  if (parts.size() < (parts.empty() ? 2 : least) || never.contains(parts.front()))
    return bad_input(
        fmt::format("data: {} is not a directory that may be emptied; give the system one of its own, such as "
                    "/var/lib/NAME or /data/NAME",
                    path));
  return {};
}

Result<void> check_system(const SystemSpec& spec, const std::map<std::string, std::string>& options) {
  std::vector<std::string_view> known;
  for (const auto& [name, value] : spec.options) known.push_back(name);
  for (const auto& [name, value] : options) {
    if (spec.options.contains(name)) continue;
    const std::string_view meant = nearest(name, known);
    return bad_input(fmt::format("system {} has no option {}{}", spec.name, name,
                                 meant.empty() ? "" : fmt::format("; did you mean {}?", meant)));
  }
  static const std::set<std::string> taken{"node", "ip", "ip6", "index", "count", "data", "log", "run"};
  for (const auto& [name, list] : spec.lists)
    if (taken.contains(name)) return bad_input(fmt::format("lists.{}: the name is taken", name));

  const auto variables = node_variables(spec, options, {example_node(1), example_node(2), example_node(3)}, 0);
  if (!variables) return tl::unexpected(variables.error());
  const std::array<std::pair<const char*, const std::string*>, 11> parts{{{"setup", &spec.setup},
                                                                          {"start", &spec.start},
                                                                          {"stop", &spec.stop},
                                                                          {"pids", &spec.pids},
                                                                          {"healthy", &spec.healthy},
                                                                          {"primaries", &spec.primaries},
                                                                          {"member_remove", &spec.member_remove},
                                                                          {"member_add", &spec.member_add},
                                                                          {"members", &spec.members},
                                                                          {"version", &spec.version},
                                                                          {"teardown", &spec.teardown}}};
  for (const auto& [key, text] : parts)
    if (auto filled = fill_template(*text, *variables); !filled) return tl::unexpected(filled.error().in(key));
  for (const auto& [path, content] : spec.files) {
    auto filled = fill_template(path, *variables);
    if (!filled) return tl::unexpected(filled.error().in("files"));
    if (!filled->starts_with('/')) return bad_input(fmt::format("files: {} is not an absolute path", path));
    if (auto text = fill_template(content, *variables); !text) return tl::unexpected(text.error().in("files: " + path));
  }
  for (const std::string& glob : spec.logs)
    if (auto filled = fill_template(glob, *variables); !filled) return tl::unexpected(filled.error().in("logs"));
  if (!spec.data.empty())
    if (auto ok = check_data_directory(variables->at("data")); !ok) return ok;
  for (const std::string& expression : spec.log_findings) try {
      const std::regex compiled(expression, std::regex::extended);
    } catch (const std::regex_error& error) {
      return bad_input(fmt::format("log_findings: {}: {}", expression, error.what()));
    }
  return {};
}

}  // namespace shaketable

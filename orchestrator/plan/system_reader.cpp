#include <dirent.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <regex>

#include "base/text.h"
#include "orchestrator/plan/parts.h"

namespace shaketable {
namespace {

// Those that every node has; the file's own lists and options come to them.
const std::vector<std::string> kVariables{"node", "ip", "ip6", "index", "count", "data", "log", "run"};

// The names of systems/*.yaml below a directory.
std::vector<std::string> systems_in(const std::string& directory) {
  std::vector<std::string> out;
  DIR* dir = opendir((directory + "/systems").c_str());
  if (!dir) return out;
  while (const dirent* entry = readdir(dir)) {  // NOLINT(concurrency-mt-unsafe): a stream of our own
    const std::string_view name = entry->d_name;
    if (name.size() > 5 && name.front() != '.' && name.ends_with(".yaml"))
      out.emplace_back(name.substr(0, name.size() - 5));
  }
  closedir(dir);
  std::sort(out.begin(), out.end());
  return out;
}

std::string joined(const std::string& directory, const std::string& name) {
  return directory.empty() || directory == "." ? name : directory + "/" + name;
}

void read_text_map(Fields& fields, std::string_view key, std::map<std::string, std::string>& out) {
  const Yaml* map = fields.find(key);
  if (!map) return;
  if (map->kind != YamlKind::map) {
    fields.problems().add(map->place, fmt::format("{} must be a map of names to texts, not {}", key, describe(*map)));
    return;
  }
  for (const YamlEntry& entry : map->entries)
    if (auto text = to_text(*entry.value, fmt::format("\"{}\" in {}", entry.key, key), fields.problems()))
      out[entry.key] = std::move(*text);
}

void read_lists(Fields& fields, std::map<std::string, SystemList>& out) {
  const Yaml* map = fields.find("lists");
  if (!map) return;
  if (map->kind != YamlKind::map) {
    fields.problems().add(map->place, fmt::format("lists must be a map of names to lists, not {}", describe(*map)));
    return;
  }
  for (const YamlEntry& entry : map->entries) {
    SystemList list;
    if (std::find(kVariables.begin(), kVariables.end(), entry.key) != kVariables.end())
      fields.problems().add(
          entry.place, fmt::format("a list cannot be named \"{}\": every node has a variable of that name", entry.key));
    if (entry.value->kind == YamlKind::scalar) {
      list.each = entry.value->text;
    } else if (entry.value->kind == YamlKind::map) {
      Fields inner(*entry.value, entry.place, fmt::format("the list \"{}\"", entry.key), fields.problems());
      inner.text("each", list.each);
      inner.text("separator", list.separator);
      inner.finish();
      if (!entry.value->find("each"))
        fields.problems().add(entry.place,
                              fmt::format("the list \"{}\" needs \"each\": the text for one node", entry.key));
    } else {
      fields.problems().add(entry.value->place,
                            fmt::format("the list \"{}\" must be a text for one node, or a map with each "
                                        "and separator, not {}",
                                        entry.key, describe(*entry.value)));
    }
    out[entry.key] = std::move(list);
  }
}

void check_expressions(const Yaml* node, const std::vector<std::string>& expressions, Problems& problems) {
  for (std::size_t i = 0; i < expressions.size(); ++i) {
    try {
      const std::regex expression(expressions[i], std::regex::extended);
    } catch (const std::regex_error& error) {
      const Place& place = node->kind == YamlKind::list ? node->items[i]->place : node->place;
      problems.add(place,
                   fmt::format("log_findings: \"{}\" is no regular expression: {}", expressions[i], error.what()));
    }
  }
}

// A variable that nobody fills in would only show when its script runs on a node, so it is looked for here.
class Variables {
 public:
  Variables(const SystemSpec& spec, Problems& problems) : problems_(problems) {
    for (const auto& [name, list] : spec.lists) known_.push_back(name);
    for (const auto& [name, fallback] : spec.options) known_.push_back("option." + name);
  }

  void check(const Yaml& node) {
    for (const YamlPtr& item : node.items) check(*item);
    for (const YamlEntry& entry : node.entries) {
      check_text(entry.key, entry.place);
      check(*entry.value);
    }
    if (node.kind == YamlKind::scalar) check_text(node.text, node.place);
  }

 private:
  // `\{{` stands for two braces.
  void check_text(const std::string& text, const Place& place) {
    for (std::size_t at = 0; (at = text.find("{{", at)) != std::string::npos; at += 2) {
      if (at > 0 && text[at - 1] == '\\') continue;
      const std::size_t end = text.find("}}", at);
      if (end == std::string::npos) {
        problems_.add(found_again(text.substr(at, text.find('\n', at) - at), place),
                      "this \"{{\" has no \"}}\"; braces that are meant as such are written \\{{");
        continue;
      }
      const std::string inside = text.substr(at + 2, end - at - 2);
      const std::size_t begin = inside.find_first_not_of(" \t");
      const std::string name =
          begin == std::string::npos ? "" : inside.substr(begin, inside.find_last_not_of(" \t") + 1 - begin);
      if (std::find(known_.begin(), known_.end(), name) == known_.end())
        problems_.add(found_again("{{" + inside, place),
                      fmt::format("there is no variable \"{{{{{}}}}}\"{}", name, did_you_mean(name, known_)));
    }
  }

  // A block of text is one value of many lines; this is the line of it that says `words`.
  static Place found_again(const std::string& words, const Place& place) {
    const auto& lines = place.source->lines;
    for (auto i = static_cast<std::size_t>(std::max(place.line - 1, 0)); i < lines.size(); ++i)
      if (const std::size_t column = lines[i].find(words); column != std::string::npos)
        return {place.source, static_cast<int>(i) + 1, static_cast<int>(column) + 1};
    return place;
  }

  Problems& problems_;
  std::vector<std::string> known_ = kVariables;
};

}  // namespace

std::optional<SystemSpec> read_system_text(std::string_view text, const std::string& path, Problems& problems) {
  const std::size_t before = problems.size();
  const Source& source = problems.add_file(path, text);
  const YamlPtr tree = parse_yaml(text, source, problems);
  if (!tree) return std::nullopt;
  if (tree->kind != YamlKind::map) {
    problems.add(tree->place, fmt::format("a system must be a map of keys and values, not {}", describe(*tree)));
    return std::nullopt;
  }
  SystemSpec spec;
  Fields fields(*tree, {&source, 1, 1}, "a system", problems);
  fields.text("name", spec.name);
  if (!tree->find("name")) problems.add({&source, 1, 1}, "a system needs \"name\"");
  fields.text("about", spec.about);
  fields.texts("packages", spec.packages);
  read_text_map(fields, "options", spec.options);
  read_lists(fields, spec.lists);
  read_text_map(fields, "files", spec.files);
  for (const auto& [name, content] : spec.files)
    if (!name.starts_with('/') && !name.starts_with("{{"))
      problems.add(tree->find("files")->value->find(name)->place,
                   fmt::format("files: \"{}\" must be an absolute path on the node", name));
  fields.text("data", spec.data);
  fields.text("log", spec.log);
  fields.texts("logs", spec.logs);
  fields.integer("client_port", spec.client_port, {1, 65535});
  fields.text("client_scheme", spec.client_scheme);
  for (const auto& [key, script] :
       std::initializer_list<std::pair<const char*, std::string*>>{{"setup", &spec.setup},
                                                                   {"start", &spec.start},
                                                                   {"stop", &spec.stop},
                                                                   {"pids", &spec.pids},
                                                                   {"healthy", &spec.healthy},
                                                                   {"primaries", &spec.primaries},
                                                                   {"member_remove", &spec.member_remove},
                                                                   {"member_add", &spec.member_add},
                                                                   {"members", &spec.members},
                                                                   {"no_members", &spec.no_members},
                                                                   {"version", &spec.version},
                                                                   {"teardown", &spec.teardown}})
    fields.text(key, *script);
  fields.duration("start_timeout", spec.start_timeout, {0.1, 3600});
  fields.texts("log_findings", spec.log_findings);
  if (const YamlEntry* findings = tree->find("log_findings"))
    check_expressions(findings->value.get(), spec.log_findings, problems);
  fields.finish();
  Variables variables(spec, problems);
  for (const YamlEntry& entry : tree->entries)
    if (entry.key != "about" && entry.key != "options" && entry.key != "log_findings") variables.check(*entry.value);
  if (problems.size() != before) return std::nullopt;
  return spec;
}

void read_system_choice(Fields& top, Reading& reading, Plan& plan) {
  Problems& problems = reading.problems;
  const YamlEntry* entry = top.entry("system");
  if (!entry) {
    problems.add(top.place(), "a plan needs \"system\": the system under test, such as etcd");
    return;
  }
  const NamedMap named = named_map(
      *entry, "the name of a system, a path ending in .yaml, or a map with name, options, versions", problems);
  if (named.name.empty()) return;

  const bool is_path =
      named.name.ends_with(".yaml") || named.name.ends_with(".yml") || named.name.find('/') != std::string::npos;
  std::vector<std::string> tried;
  if (is_path) {
    Yaml node;
    node.kind = YamlKind::scalar;
    node.text = named.name;
    node.place = named.name_place;
    tried.push_back(reading.file_name(node, "system"));
    if (tried.back().empty()) return;
  } else {
    tried.push_back(joined(reading.directory, "systems/" + named.name + ".yaml"));
    for (const std::string& directory : reading.options.config_directories) {
      std::string path = joined(directory, "systems/" + named.name + ".yaml");
      if (std::find(tried.begin(), tried.end(), path) == tried.end()) tried.push_back(std::move(path));
    }
  }
  for (const std::string& path : tried)
    if (plan.system_path.empty() && access(path.c_str(), F_OK) == 0) plan.system_path = path;
  if (plan.system_path.empty()) {
    std::vector<std::string> directories = reading.options.config_directories, names;
    directories.insert(directories.begin(), reading.directory);
    for (const auto& [name, path] : find_systems(directories)) names.push_back(name);
    std::string remedy = is_path ? "" : did_you_mean(named.name, names);
    if (remedy.empty() && !names.empty()) remedy = "; there is " + join(names);
    problems.add(named.name_place,
                 fmt::format("there is no system \"{}\": no file {}{}", named.name, one_of(tried), remedy));
    return;
  }
  auto text = read_text_file(plan.system_path);
  if (!text) {
    problems.add(named.name_place, "system: " + text.error().message);
    return;
  }
  auto spec = read_system_text(*text, plan.system_path, problems);
  if (!spec) return;
  plan.system = std::move(*spec);

  Fields fields(*named.map, entry->place, "the system", problems);
  fields.know("name");
  if (const Yaml* options = fields.find("options")) {
    if (options->kind != YamlKind::map)
      problems.add(options->place, fmt::format("options must be a map of names to values, not {}", describe(*options)));
    std::vector<std::string> known;
    for (const auto& [name, fallback] : plan.system.options) known.push_back(name);
    for (const YamlEntry& option : options->entries) {
      if (!plan.system.options.count(option.key)) {
        std::string remedy = did_you_mean(option.key, known);
        if (remedy.empty()) remedy = known.empty() ? "; it has none" : "; it has " + join(known);
        problems.add(option.place, fmt::format("{} has no option \"{}\"{}", plan.system.name, option.key, remedy));
      } else if (auto value = to_text(*option.value, option.key, problems)) {
        plan.system_options[option.key] = std::move(*value);
      }
    }
  }
  if (const Yaml* versions = fields.find("versions")) {
    if (versions->kind != YamlKind::map)
      problems.add(versions->place,
                   fmt::format("versions must be a map of packages to versions, not {}", describe(*versions)));
    for (const YamlEntry& version : versions->entries) {
      auto& packages = plan.system.packages;
      const auto package = std::find(packages.begin(), packages.end(), version.key);
      if (package == packages.end())
        problems.add(version.place, fmt::format("{} is not made of a package \"{}\"{}", plan.system.name, version.key,
                                                packages.empty() ? "; it has none" : "; it has " + join(packages)));
      else if (auto value = to_text(*version.value, version.key, problems))
        *package += "=" + *value;
    }
  }
  fields.finish();
}

Result<SystemSpec> read_system(const std::string& path) {
  auto text = read_text_file(path);
  if (!text) return Failure(std::move(text.error()));
  Problems problems;
  auto spec = read_system_text(*text, path, problems);
  if (!spec) return Failure(problems.error());
  return std::move(*spec);
}

std::map<std::string, std::string> find_systems(const std::vector<std::string>& config_directories) {
  std::map<std::string, std::string> out;
  for (const std::string& directory : config_directories)
    for (const std::string& name : systems_in(directory.empty() ? "." : directory))
      out.emplace(name, joined(directory, "systems/" + name + ".yaml"));
  return out;
}

}  // namespace shaketable

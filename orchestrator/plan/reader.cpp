#include "orchestrator/plan/reader.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "base/duration.h"
#include "base/text.h"
#include "orchestrator/plan/parts.h"

namespace shaketable {
namespace {

constexpr double kDay = 86400;

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

std::string stem_of(const std::string& path) {
  const std::string file = path.substr(path.rfind('/') + 1);
  return file.substr(0, file.rfind('.'));
}

void read_name(Fields& top, Plan& plan) {
  plan.name = stem_of(plan.path);
  top.text("name", plan.name);
  const YamlEntry* entry = top.entry("name");
  if (!entry || entry->value->kind != YamlKind::scalar) return;
  // It becomes part of the run's folder.
  constexpr std::string_view fine = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
  if (plan.name.empty() || plan.name.size() > 80 || plan.name.front() == '.' || plan.name.front() == '-' ||
      plan.name.find_first_not_of(fine) != std::string::npos)
    top.problems().add(entry->value->place,
                       fmt::format("name must be at most 80 letters, digits, \".\", \"-\" and \"_\", not {}",
                                   describe(*entry->value)));
}

void read_safety(Fields& top, Plan& plan) {
  const YamlEntry* entry = top.entry("safety");
  if (!entry) return;
  Problems& problems = top.problems();
  if (entry->value->kind != YamlKind::map) {
    problems.add(entry->value->place, fmt::format("safety must be a map such as {{lease: 10s, max_faulty: 2}}, not {}",
                                                  describe(*entry->value)));
    return;
  }
  SafetyPlan& safety = plan.safety;
  Fields fields(*entry->value, entry->place, "safety", problems);
  fields.duration("lease", safety.lease, {1, 3600});
  fields.duration("longest_fault", safety.longest_fault, {1, kDay});
  fields.texts("allowed_hosts", safety.allowed_hosts);
  fields.boolean("keep_quorum", safety.keep_quorum);
  int max_faulty = 0;
  fields.integer("max_faulty", max_faulty, {1, 256});
  if (const YamlEntry* most = entry->value->find("max_faulty"); most && most->value->kind == YamlKind::scalar)
    safety.max_faulty = max_faulty;
  fields.finish();
  if (safety.lease > safety.longest_fault) {
    const YamlEntry* lease = entry->value->find("lease");
    problems.add(lease ? lease->value->place : entry->place,
                 fmt::format("the lease ({}) must not be longer than longest_fault ({})", format_duration(safety.lease),
                             format_duration(safety.longest_fault)));
  }
  // An empty list says "the plan's own nodes"; a list that leaves one of them out would stop the run halfway.
  const YamlEntry* allowed = entry->value->find("allowed_hosts");
  if (!allowed || safety.allowed_hosts.empty()) return;
  for (const NodeSpec& node : plan.cluster.nodes)
    if (std::find(safety.allowed_hosts.begin(), safety.allowed_hosts.end(), node.host) == safety.allowed_hosts.end())
      problems.add(allowed->value->place, fmt::format("allowed_hosts leaves out the plan's own node {}", node.host));
}

void read_checker(const YamlPtr& item, Reading& reading, Plan& plan) {
  Problems& problems = reading.problems;
  const Yaml nothing;
  const YamlEntry* entry = item->kind == YamlKind::map && item->entries.size() == 1 ? &item->entries.front() : nullptr;
  if (!entry && item->kind != YamlKind::scalar) {
    problems.add(item->place,
                 fmt::format("a checker must be a name, or a map of one name to its parameters, not {}",
                             item->kind == YamlKind::map ? fmt::format("a map of {} keys", item->entries.size())
                                                         : describe(*item)));
    return;
  }
  CheckPlan check;
  check.checker = entry ? entry->key : item->text;
  const Place& place = entry ? entry->place : item->place;
  const Described* described = look_up(reading.catalogue.checkers, check.checker, "checker", place, problems);
  if (!described) return;
  check.options =
      read_given(entry ? *entry->value : nothing, place, "the checker " + check.checker, *described, problems);
  plan.checks.push_back(std::move(check));
}

void read_check(Fields& top, Reading& reading, Plan& plan) {
  Problems& problems = reading.problems;
  const Yaml* node = top.find("check");
  if (!node) return;
  const Yaml* checkers = node;
  if (node->kind == YamlKind::map) {
    Fields fields(*node, top.entry("check")->place, "check", problems);
    fields.duration("timeout", plan.check_timeout, {0.001, kDay});
    fields.size("memory", plan.check_memory_bytes, {1 << 20, 1024.0 * (1 << 30)});
    checkers = fields.find("checkers");
    fields.finish();
    if (!checkers) return;
  }
  if (checkers->kind == YamlKind::scalar) {
    read_checker(std::make_shared<Yaml>(*checkers), reading, plan);
  } else if (checkers->kind == YamlKind::list && !checkers->items.empty()) {
    for (const YamlPtr& item : checkers->items) read_checker(item, reading, plan);
  } else {
    problems.add(checkers->place,
                 fmt::format("checkers must be a list of checkers, not {}",
                             checkers->kind == YamlKind::list ? "an empty list" : describe(*checkers)));
  }
}

// What was changed on the command line, as a comment before the changed plan.
std::string changed_text(const Yaml& tree, const PlanOptions& options) {
  std::string out = "# The plan as run, changed on the command line:\n";
  const auto line = [&out](std::string text) {
    std::replace_if(
        text.begin(), text.end(), [](unsigned char c) { return c < 0x20; }, ' ');
    out += "#   " + text + "\n";
  };
  for (const std::string& set : options.set) line("--set " + shell_quote(set));
  if (options.seed) line(fmt::format("--seed {}", *options.seed));
  if (!options.nodes_file.empty()) line("--nodes-file " + shell_quote(options.nodes_file));
  return out + dump_yaml(tree);
}

}  // namespace

std::string Reading::file_name(const Yaml& node, std::string_view name) const {
  if (node.kind != YamlKind::scalar || node.text.empty()) {
    problems.add(node.place, fmt::format("{} must be the name of a file, not {}", name, describe(node)));
    return "";
  }
  const std::string& text = node.text;
  if (text.front() == '/') return text;
  if (text.front() != '~') return directory == "." ? text : directory + "/" + text;
  const char* home = std::getenv("HOME");  // NOLINT(concurrency-mt-unsafe): plans are read before threads start
  if (text.size() > 1 && text[1] == '/' && home && *home) return home + text.substr(1);
  problems.add(node.place,
               fmt::format("{}: only ~/ is known here, not \"{}\"{}", name, text, home ? "" : " (HOME is not set)"));
  return "";
}

std::string Reading::existing_file(const Yaml& node, std::string_view name) const {
  std::string path = file_name(node, name);
  if (path.empty() || !options.need_files) return path;
  struct stat status {};
  std::string problem;
  if (stat(path.c_str(), &status) != 0 || access(path.c_str(), R_OK) != 0)
    problem = errno == ENOENT ? "there is no such file" : std::generic_category().message(errno);
  else if (S_ISDIR(status.st_mode))
    problem = "this is a directory, not a file";
  if (!problem.empty()) problems.add(node.place, fmt::format("{}: {}: {}", name, path, problem));
  return path;
}

NamedMap named_map(const YamlEntry& entry, std::string_view form, Problems& problems, const std::string& fallback) {
  NamedMap out{"", entry.value->place, std::make_shared<Yaml>()};
  if (entry.value->kind == YamlKind::scalar) {
    out.name = entry.value->text;
    if (out.name.empty()) problems.add(out.name_place, fmt::format("{} must be {}, not \"\"", entry.key, form));
    return out;
  }
  if (entry.value->kind != YamlKind::map) {
    problems.add(entry.value->place, fmt::format("{} must be {}, not {}", entry.key, form, describe(*entry.value)));
    return out;
  }
  out.map = entry.value;
  const YamlEntry* name = entry.value->find("name");
  out.name_place = name ? name->value->place : entry.place;
  if (!name) {
    out.name = fallback;
    if (fallback.empty()) problems.add(entry.place, fmt::format("{} needs \"name\"", entry.key));
  } else if (auto text = to_text(*name->value, "name", problems)) {
    out.name = std::move(*text);
    if (out.name.empty()) problems.add(out.name_place, "name must not be empty");
  }
  return out;
}

const Described* look_up(const std::map<std::string, Described>& known, const std::string& name, std::string_view noun,
                         const Place& place, Problems& problems) {
  const auto found = known.find(name);
  if (found != known.end()) return &found->second;
  std::vector<std::string> names;
  for (const auto& [other, described] : known) names.push_back(other);
  std::string remedy = did_you_mean(name, names);
  if (remedy.empty()) remedy = names.empty() ? "" : "; there is " + join(names);
  problems.add(place, fmt::format("there is no {} \"{}\"{}", noun, name.substr(0, 60), remedy));
  return nullptr;
}

Result<Plan> parse_plan(std::string_view text, const std::string& path, const Catalogue& catalogue,
                        const PlanOptions& options) {
  Problems problems;
  Plan plan;
  plan.path = path;
  plan.directory = options.directory.empty() ? directory_of(path) : options.directory;
  const Source& source = problems.add_file(path, text);
  YamlPtr tree = parse_yaml(text, source, problems);
  if (!tree) return Failure(problems.error());
  if (tree->kind != YamlKind::map) {
    problems.add(tree->place, fmt::format("a plan must be a map of keys and values, not {}", describe(*tree)));
    return Failure(problems.error());
  }
  const YamlPtr written = tree;
  apply_overrides(tree, options, problems);
  if (!apply_nodes_file(tree, options, problems)) return Failure(problems.error());

  Reading reading{catalogue, options, problems, plan.directory};
  Fields top(*tree, {&source, 1, 1}, "a plan", problems);
  read_name(top, plan);
  top.text("about", plan.about);
  if (const Yaml* seed = top.find("seed")) plan.seed = to_seed(*seed, "seed", problems);
  top.duration("time_limit", plan.time_limit, {0.1, 30 * kDay});
  top.duration("health_before", plan.health_before, {0.1, kDay});
  top.duration("recovery", plan.recovery, {0.1, kDay});
  read_cluster(top, reading, plan);
  read_safety(top, plan);
  read_system_choice(top, reading, plan);
  read_client(top, reading, plan);
  read_workload(top, reading, plan);
  read_model(top, plan);
  read_faults(top, reading, plan);
  read_check(top, reading, plan);
  read_findings(top, plan);
  top.finish();
  if (!problems.empty()) return Failure(problems.error());
  plan.text = tree == written ? std::string(text) : changed_text(*tree, options);
  return plan;
}

Result<Plan> read_plan(const std::string& path, const Catalogue& catalogue, const PlanOptions& options) {
  auto text = read_text_file(path);
  if (!text) return Failure(std::move(text.error()));
  return parse_plan(*text, path, catalogue, options);
}

}  // namespace shaketable

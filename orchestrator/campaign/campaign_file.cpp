#include <fmt/format.h>

#include <filesystem>
#include <set>

#include "orchestrator/campaign/campaign.h"
#include "orchestrator/plan/fields.h"

namespace shaketable {
namespace {

constexpr int kSeedsMax = 100'000;
constexpr double kDay = 86400;

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash + 1);
}

std::string stem_of(const std::string& path) {
  const std::string file = path.substr(path.rfind('/') + 1);
  return file.substr(0, file.rfind('.'));
}

void read_name(Fields& top, Campaign& campaign) {
  campaign.name = stem_of(campaign.path);
  top.text("name", campaign.name);
  constexpr std::string_view fine = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
  if (campaign.name.empty() || campaign.name.size() > 80 || campaign.name.front() == '.' ||
      campaign.name.front() == '-' || campaign.name.find_first_not_of(fine) != std::string::npos)
    top.problems().add(top.place(), fmt::format("name must be at most 80 letters, digits, \".\", \"-\" and \"_\", not "
                                                "\"{}\"",
                                                campaign.name));
}

// `seeds: 20` (1 to 20), `seeds: [3, 7]`, `seeds: {first: 100, count: 20}`.
void read_seeds(Fields& top, Campaign& campaign) {
  Problems& problems = top.problems();
  const Yaml* node = top.find("seeds");
  std::uint64_t first = 1;
  int count = 0;
  if (!node) {
    if (!top.entry("seeds")) problems.add(top.place(), "a campaign needs \"seeds\", such as 20");
    return;
  }
  if (node->kind == YamlKind::list) {
    std::set<std::uint64_t> seen;
    for (const YamlPtr& item : node->items)
      if (const auto seed = to_seed(*item, "a seed", problems)) {
        if (!seen.insert(*seed).second) problems.add(item->place, fmt::format("the seed {} stands there twice", *seed));
        campaign.seeds.push_back(*seed);
      }
    if (node->items.empty()) problems.add(node->place, "seeds names none");
    return;
  }
  if (node->kind == YamlKind::map) {
    Fields fields(*node, node->place, "seeds", problems);
    if (const Yaml* begin = fields.find("first")) first = to_seed(*begin, "first", problems).value_or(1);
    fields.integer("count", count, {1, kSeedsMax});
    if (!fields.entry("count")) problems.add(node->place, "seeds needs \"count\"");
    fields.finish();
  } else if (const auto number = to_integer(*node, "seeds", problems, {1, kSeedsMax})) {
    count = static_cast<int>(*number);
  }
  for (int i = 0; i < count; ++i) campaign.seeds.push_back(first + static_cast<std::uint64_t>(i));
}

void read_vary(Fields& top, Campaign& campaign) {
  const Yaml* node = top.find("vary");
  if (!node) return;
  Problems& problems = top.problems();
  if (node->kind != YamlKind::map) {
    problems.add(node->place,
                 fmt::format("vary must be a map such as {{client.reads: [linearizable, serializable]}}, not {}",
                             describe(*node)));
    return;
  }
  for (const YamlEntry& entry : node->entries) {
    Variation variation{entry.key, {}};
    if (const auto values = to_texts(*entry.value, entry.key, problems)) variation.values = *values;
    std::set<std::string> seen(variation.values.begin(), variation.values.end());
    if (variation.values.empty())
      problems.add(entry.place, fmt::format("{} has no value to take", entry.key));
    else if (seen.size() < variation.values.size())
      problems.add(entry.place, fmt::format("{} takes the same value twice", entry.key));
    campaign.vary.push_back(std::move(variation));
  }
}

void read_stop(Fields& top, Campaign& campaign) {
  const Yaml* node = top.find("stop");
  if (!node) return;
  Problems& problems = top.problems();
  if (node->kind != YamlKind::map) {
    problems.add(node->place, fmt::format("stop must be a map such as {{violations: 1}} or {{interval: 0.3}}, not {}",
                                          describe(*node)));
    return;
  }
  Fields fields(*node, node->place, "stop", problems);
  if (fields.entry("violations")) {
    int violations = 1;
    fields.integer("violations", violations, {1, 1e9});
    campaign.stop.violations = violations;
  }
  if (fields.entry("interval")) {
    double interval = 1;
    fields.number("interval", interval, {0.001, 1});
    campaign.stop.interval = interval;
  }
  fields.finish();
}

// `executor: local`, `executor: slurm`, `executor: {slurm: {partition: debug, time: "10:00"}}`.
void read_executor(Fields& top, Campaign& campaign) {
  const Yaml* node = top.find("executor");
  if (!node) return;
  Problems& problems = top.problems();
  if (node->kind == YamlKind::scalar) {
    if (const auto name = to_choice(*node, "executor", problems, {"local", "slurm"})) campaign.executor = *name;
    return;
  }
  const YamlEntry* slurm = node->kind == YamlKind::map && node->entries.size() == 1 ? node->find("slurm") : nullptr;
  if (!slurm) {
    problems.add(node->place, "executor must be local, slurm, or a map such as {slurm: {partition: debug}}");
    return;
  }
  campaign.executor = "slurm";
  Fields fields(*slurm->value, slurm->place, "slurm", problems);
  fields.text("partition", campaign.slurm.partition);
  fields.text("account", campaign.slurm.account);
  fields.text("time", campaign.slurm.time);
  fields.texts("options", campaign.slurm.options);
  fields.finish();
}

}  // namespace

Result<Campaign> parse_campaign(std::string_view text, const std::string& path) {
  Problems problems;
  Campaign campaign;
  campaign.path = path;
  const Source& source = problems.add_file(path, text);
  const YamlPtr tree = parse_yaml(text, source, problems);
  if (!tree) return Failure(problems.error());
  if (tree->kind != YamlKind::map) {
    problems.add(tree->place, fmt::format("a campaign must be a map of keys and values, not {}", describe(*tree)));
    return Failure(problems.error());
  }
  Fields top(*tree, {&source, 1, 1}, "a campaign", problems);
  read_name(top, campaign);
  top.text("about", campaign.about);
  std::vector<std::string> plans;
  top.texts("plans", plans);
  if (plans.empty()) problems.add(top.place(), "a campaign needs \"plans\", a list of files");
  for (const std::string& plan : plans)
    campaign.plans.push_back(
        std::filesystem::path(plan.starts_with('/') ? plan : directory_of(path) + plan).lexically_normal().string());
  read_seeds(top, campaign);
  top.texts("set", campaign.set);
  read_vary(top, campaign);
  read_stop(top, campaign);
  read_executor(top, campaign);
  top.integer("at_once", campaign.at_once, {1, 256});
  top.integer("retries", campaign.retries, {0, 10});
  top.duration("run_limit", campaign.run_limit, {1, kDay});
  top.finish();
  if (!problems.empty()) return Failure(problems.error());
  return campaign;
}

Result<Campaign> read_campaign(const std::string& path) {
  const auto text = read_text_file(path);
  if (!text) return Failure(text.error());
  return parse_campaign(*text, path);
}

}  // namespace shaketable

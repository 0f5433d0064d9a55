#include <fmt/format.h>

#include "orchestrator/plan/parts.h"

namespace shaketable {
namespace {

std::optional<std::vector<std::string>> split_path(std::string_view path) {
  std::vector<std::string> out;
  while (true) {
    const std::size_t dot = path.find('.');
    if (dot == 0 || path.empty()) return std::nullopt;
    out.emplace_back(path.substr(0, dot));
    if (dot == std::string_view::npos) return out;
    path.remove_prefix(dot + 1);
  }
}

// `node` with `value` at path[depth…]; a null value takes the key away. Nodes are shared by aliases, so each one on the
// path is copied. Null after a problem.
YamlPtr changed(const YamlPtr& node, const std::vector<std::string>& path, std::size_t depth, const YamlPtr& value,
                Problems& problems) {
  if (depth == path.size()) return value;
  const std::string& step = path[depth];
  const Place& place = value->place;
  auto copy = std::make_shared<Yaml>(*node);
  if (copy->kind == YamlKind::list) {
    const bool digits = step.find_first_not_of("0123456789") == std::string::npos && step.size() < 7;
    const std::size_t index = digits ? std::stoul(step) : copy->items.size();
    if (index >= copy->items.size()) {
      problems.add(
          place, digits
                     ? fmt::format("\"{}\" is beyond the end of a list of {}; the first is 0", step, copy->items.size())
                     : fmt::format("\"{}\" names no item of a list; write its number, the first is 0", step));
      return nullptr;
    }
    YamlPtr item = changed(copy->items[index], path, depth + 1, value, problems);
    if (!item) return nullptr;
    if (item->kind == YamlKind::null)
      copy->items.erase(copy->items.begin() + static_cast<std::ptrdiff_t>(index));
    else
      copy->items[index] = std::move(item);
    return copy;
  }
  if (copy->kind == YamlKind::scalar) {  // `client: etcd` is short for `client: {name: etcd}`
    copy->kind = YamlKind::map;
    copy->entries = {{"name", copy->place, node}};
    copy->text.clear();
  } else if (copy->kind == YamlKind::null) {
    copy->kind = YamlKind::map;
  }
  for (std::size_t i = 0; i < copy->entries.size(); ++i) {
    YamlEntry& entry = copy->entries[i];
    if (entry.key != step) continue;
    YamlPtr below = changed(entry.value, path, depth + 1, value, problems);
    if (!below) return nullptr;
    if (below->kind == YamlKind::null)
      copy->entries.erase(copy->entries.begin() + static_cast<std::ptrdiff_t>(i));
    else
      entry.value = std::move(below);
    return copy;
  }
  if (value->kind == YamlKind::null) return copy;
  auto empty = std::make_shared<Yaml>();
  empty->place = place;
  YamlPtr below = changed(empty, path, depth + 1, value, problems);
  if (!below) return nullptr;
  copy->entries.push_back({step, place, std::move(below)});
  return copy;
}

void moved_to(Yaml& node, const Place& place) {
  node.place = place;
  for (YamlPtr& item : node.items) {
    auto copy = std::make_shared<Yaml>(*item);
    moved_to(*copy, place);
    item = std::move(copy);
  }
  for (YamlEntry& entry : node.entries) {
    auto copy = std::make_shared<Yaml>(*entry.value);
    moved_to(*copy, place);
    entry.place = place;
    entry.value = std::move(copy);
  }
}

}  // namespace

void apply_overrides(YamlPtr& tree, const PlanOptions& options, Problems& problems) {
  for (const std::string& option : options.set) {
    const std::size_t equals = option.find('=');
    const Source& source = problems.add_option("--set " + option);
    const Place place{&source, 0, 0};
    if (equals == std::string::npos) {
      problems.add(place, "write it as KEY=VALUE or KEY.KEY=VALUE, such as client.timeout=5s");
      continue;
    }
    const auto path = split_path(std::string_view(option).substr(0, equals));
    if (!path) {
      problems.add(place, "the part before \"=\" must be keys joined by dots, such as client.timeout");
      continue;
    }
    auto value = std::make_shared<Yaml>();
    const std::string_view text = std::string_view(option).substr(equals + 1);
    if (text.find_first_not_of(" \t\r\n") != std::string_view::npos) {
      const YamlPtr parsed = parse_yaml(text, source, problems);
      if (!parsed) continue;
      *value = *parsed;
    }
    moved_to(*value, place);
    if (YamlPtr next = changed(tree, *path, 0, value, problems)) tree = std::move(next);
  }
  if (options.seed) {
    const Source& source = problems.add_option(fmt::format("--seed {}", *options.seed));
    auto value = std::make_shared<Yaml>();
    value->kind = YamlKind::scalar;
    value->text = fmt::format("{}", *options.seed);
    value->place = {&source, 0, 0};
    if (YamlPtr next = changed(tree, {"seed"}, 0, value, problems)) tree = std::move(next);
  }
}

}  // namespace shaketable

#include "nemesis/targets.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <optional>

#include "base/text.h"
#include "nemesis/agent/protocol.h"

namespace shaketable {
namespace {

constexpr std::string_view kRandom = "random ", kRole = "role ";

bool is_word(const std::string& text) {
  const auto& words = target_words();
  return std::find(words.begin(), words.end(), text) != words.end();
}

// Of "random 2".
std::optional<std::int64_t> wanted_number(const std::string& text) {
  if (!text.starts_with(kRandom)) return std::nullopt;
  return agent::to_number(std::string_view(text).substr(kRandom.size()));
}

// How many nodes a word that counts them means; nullopt for others.
std::optional<std::size_t> count_of(const std::string& word, std::size_t n) {
  if (word == "one" || word == "random") return 1;
  if (word == "minority") return (n - 1) / 2;
  if (word == "majority") return n / 2 + 1;
  if (word == "minority-third") return (n - 1) / 3;
  if (word == "all") return n;
  if (const auto number = wanted_number(word); number && *number >= 0) return static_cast<std::size_t>(*number);
  return std::nullopt;
}

}  // namespace

const std::vector<std::string>& target_words() {
  static const std::vector<std::string> words{"one", "random",         "minority",  "majority",
                                              "all", "minority-third", "primaries", "not-primaries"};
  return words;
}

ParameterSpec target_parameter(std::string fallback, std::string about) {
  ParameterSpec spec;
  spec.name = "target";
  spec.type = ParameterType::texts;
  spec.about = std::move(about);
  spec.value = std::vector<std::string>{fallback};
  spec.fallback = std::move(fallback);
  return spec;
}

Result<void> check_target(const std::string& fault, const std::vector<std::string>& target,
                          const std::vector<std::string>& nodes) {
  if (target.empty()) return bad_input(fault + ": target names nothing");
  for (const std::string& name : target) {
    const bool counts = wanted_number(name).has_value();
    if (is_word(name) || counts || name.starts_with(kRole)) {
      if (target.size() > 1)
        return bad_input(fmt::format("{}: target {} stands alone, or names of nodes do", fault, name));
      const auto count = count_of(name, nodes.size());
      if (count && (*count == 0 || *count > nodes.size()))
        return bad_input(fmt::format("{}: target {} is {} of {} nodes", fault, name, *count, nodes.size()));
      continue;
    }
    if (std::find(nodes.begin(), nodes.end(), name) == nodes.end()) {
      std::vector<std::string_view> known(nodes.begin(), nodes.end());
      known.insert(known.end(), target_words().begin(), target_words().end());
      const std::string_view meant = nearest(name, known);
      return bad_input(fmt::format("{}: target \"{}\" is not a node ({}){}", fault, name, join(nodes),
                                   meant.empty() ? "" : fmt::format("; did you mean {}?", meant)));
    }
  }
  return {};
}

std::optional<std::size_t> target_count(const std::vector<std::string>& target, std::size_t nodes) {
  if (target.size() != 1) return target.size();
  if (const auto count = count_of(target.front(), nodes)) return count;
  if (is_word(target.front()) || target.front().starts_with(kRole)) return std::nullopt;
  return 1;
}

Result<std::vector<std::size_t>> resolve_target(const std::vector<std::string>& target, const Scene& scene,
                                                Random& random) {
  const std::vector<std::string> names = scene.names();
  std::vector<std::size_t> out;
  if (target.size() == 1)
    if (const auto count = count_of(target.front(), names.size())) {
      std::vector<std::size_t> order(names.size());
      std::iota(order.begin(), order.end(), 0);
      random.shuffle(order);
      order.resize(std::min(*count, order.size()));
      std::sort(order.begin(), order.end());
      if (order.empty()) return infrastructure("target " + target.front() + " is no node");
      return order;
    }
  if (target.size() == 1 && target.front().starts_with(kRole)) {
    const std::string role = target.front().substr(kRole.size());
    for (std::size_t i = 0; i < scene.nodes.size(); ++i)
      if (scene.nodes[i].role == role) out.push_back(i);
    if (out.empty()) return infrastructure(fmt::format("no node has the role \"{}\"", role));
    return out;
  }
  std::vector<std::string> wanted = target;
  const bool others = target == std::vector<std::string>{"not-primaries"};
  if (others || target == std::vector<std::string>{"primaries"}) {
    if (!scene.primaries) return bad_input("the system does not say which nodes are primaries");
    auto primaries = scene.primaries();
    if (!primaries) return tl::unexpected(std::move(primaries.error()).in("who is primary"));
    if (primaries->empty()) return infrastructure("no node is primary now");
    wanted = std::move(*primaries);
  }
  for (std::size_t i = 0; i < names.size(); ++i)
    if ((std::find(wanted.begin(), wanted.end(), names[i]) != wanted.end()) != others) out.push_back(i);
  if (out.empty()) return infrastructure("none of the targets is a node of the cluster: " + join(wanted));
  return out;
}

}  // namespace shaketable

#include "nemesis/grudge.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <numeric>

#include "base/log.h"
#include "base/text.h"

namespace shaketable {
namespace {

std::vector<std::size_t> shuffled(std::size_t n, Random& random) {
  std::vector<std::size_t> nodes(n);
  std::iota(nodes.begin(), nodes.end(), 0);
  random.shuffle(nodes);
  return nodes;
}

// Nodes inside `first` and nodes outside do not hear each other, or only one way.
Grudge between(const std::vector<bool>& first, Direction direction) {
  Grudge grudge;
  grudge.deaf_to.resize(first.size());
  for (std::size_t i = 0; i < first.size(); ++i)
    for (std::size_t j = 0; j < first.size(); ++j) {
      if (first[i] == first[j]) continue;
      const bool deaf = direction == Direction::both || (direction == Direction::in && first[i]) ||
                        (direction == Direction::out && first[j]);
      if (deaf) grudge.deaf_to[i].push_back(j);
    }
  for (std::size_t i = 0; i < first.size(); ++i)
    if (first[i]) grudge.hit.push_back(i);
  return grudge;
}

std::vector<bool> random_group(std::size_t n, std::size_t size, Random& random) {
  std::vector<bool> in(n);
  const std::vector<std::size_t> nodes = shuffled(n, random);
  for (std::size_t i = 0; i < size; ++i) in[nodes[i]] = true;
  return in;
}

}  // namespace

const std::vector<std::string>& shape_names() {
  static const std::vector<std::string> names{"halves",  "isolate",           "majorities-ring", "bridge",
                                              "one-way", "majority-minority", "primaries",       "custom"};
  return names;
}

Shape shape_named(std::string_view name) {
  const auto& names = shape_names();
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) {
    log::error("partition: no shape is called \"{}\"", name);
    std::abort();
  }
  return static_cast<Shape>(found - names.begin());
}

std::string_view to_string(Shape shape) {
  return shape_names()[static_cast<std::size_t>(shape)];
}

std::size_t nodes_needed(Shape shape) {
  const bool three = shape == Shape::majorities_ring || shape == Shape::bridge || shape == Shape::majority_minority;
  return three ? 3 : 2;
}

bool Grudge::hears(std::size_t listener, std::size_t speaker) const {
  const auto& deaf = deaf_to[listener];
  return !std::binary_search(deaf.begin(), deaf.end(), speaker);
}

bool Grudge::cuts_nothing() const {
  return std::all_of(deaf_to.begin(), deaf_to.end(), [](const auto& deaf) { return deaf.empty(); });
}

Grudge halves(std::size_t n, Random& random, Direction direction) {
  return between(random_group(n, n / 2, random), direction);
}

Grudge isolate(std::size_t n, const std::vector<std::size_t>& victims, Direction direction) {
  Grudge grudge;
  grudge.deaf_to.resize(n);
  std::vector<bool> victim(n);
  for (std::size_t v : victims) victim[v] = true;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      if (i == j) continue;
      if ((victim[i] && direction != Direction::out) || (victim[j] && direction != Direction::in))
        grudge.deaf_to[i].push_back(j);
    }
  for (std::size_t i = 0; i < n; ++i)
    if (victim[i]) grudge.hit.push_back(i);
  return grudge;
}

Grudge majorities_ring(std::size_t n, Random& random) {
  const std::vector<std::size_t> ring = shuffled(n, random);
  const std::size_t majority = n / 2 + 1;
  // Each hears `side` nodes to the left and to the right, and the one opposite if that makes a bare majority of an even
  // number.
  const bool opposite = n % 2 == 0 && majority % 2 == 0;
  const std::size_t side = opposite ? (majority - 2) / 2 : majority / 2;
  std::vector<std::vector<bool>> heard(n, std::vector<bool>(n));
  for (std::size_t at = 0; at < n; ++at) {
    heard[ring[at]][ring[at]] = true;
    for (std::size_t step = 1; step <= side; ++step) {
      heard[ring[at]][ring[(at + step) % n]] = true;
      heard[ring[at]][ring[(at + n - step) % n]] = true;
    }
    if (opposite) heard[ring[at]][ring[(at + n / 2) % n]] = true;
  }
  // A ring of three hears itself whole: open it.
  if (n == 3) heard[ring[0]][ring[2]] = heard[ring[2]][ring[0]] = false;
  Grudge grudge;
  grudge.deaf_to.resize(n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j)
      if (!heard[i][j]) grudge.deaf_to[i].push_back(j);
    if (!grudge.deaf_to[i].empty()) grudge.hit.push_back(i);
  }
  return grudge;
}

Grudge bridge(std::size_t n, Random& random) {
  const std::vector<std::size_t> nodes = shuffled(n, random);
  const std::size_t first = (n - 1) / 2;
  std::vector<int> group(n, 0);  // 0: the bridge
  for (std::size_t i = 1; i < n; ++i) group[nodes[i]] = i <= first ? 1 : 2;
  Grudge grudge;
  grudge.deaf_to.resize(n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j)
      if (group[i] != 0 && group[j] != 0 && group[i] != group[j]) grudge.deaf_to[i].push_back(j);
    if (group[i] != 0) grudge.hit.push_back(i);
  }
  return grudge;
}

Grudge apart(std::size_t n, const std::vector<std::size_t>& group, Direction direction) {
  std::vector<bool> in(n);
  for (const std::size_t node : group) in[node] = true;
  return between(in, direction);
}

Grudge majority_minority(std::size_t n, Random& random, Direction direction) {
  const std::size_t size = 1 + random.below((n - 1) / 2);
  return between(random_group(n, size, random), direction);
}

Grudge groups(std::size_t n, const std::vector<std::vector<std::size_t>>& members) {
  std::vector<std::vector<bool>> in(members.size(), std::vector<bool>(n));
  std::vector<bool> named(n);
  for (std::size_t g = 0; g < members.size(); ++g)
    for (const std::size_t node : members[g]) in[g][node] = named[node] = true;
  Grudge grudge;
  grudge.deaf_to.resize(n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      if (i == j || !named[i] || !named[j]) continue;
      const bool together = std::any_of(in.begin(), in.end(), [&](const auto& group) { return group[i] && group[j]; });
      if (!together) grudge.deaf_to[i].push_back(j);
    }
  const auto largest = std::max_element(members.begin(), members.end(),
                                        [](const auto& a, const auto& b) { return a.size() < b.size(); });
  for (std::size_t i = 0; i < n; ++i) {
    const bool inside = largest != members.end() && in[static_cast<std::size_t>(largest - members.begin())][i];
    if (named[i] && !inside && !grudge.deaf_to[i].empty()) grudge.hit.push_back(i);
  }
  return grudge;
}

Grudge one_way(std::size_t n, Random& random) {
  const std::size_t size = random.chance(0.5) ? n / 2 : n - n / 2;
  return between(random_group(n, size, random), Direction::in);
}

std::string describe(const Grudge& grudge, const std::vector<std::string>& names) {
  // Listeners that are deaf to the same nodes are named together.
  std::map<std::vector<std::size_t>, std::vector<std::string>> deaf;
  std::vector<std::vector<std::size_t>> order;
  for (std::size_t i = 0; i < grudge.deaf_to.size(); ++i) {
    if (grudge.deaf_to[i].empty()) continue;
    auto& group = deaf[grudge.deaf_to[i]];
    if (group.empty()) order.push_back(grudge.deaf_to[i]);
    group.push_back(names[i]);
  }
  std::vector<std::string> parts;
  for (const auto& speakers : order) {
    std::vector<std::string> to;
    for (std::size_t j : speakers) to.push_back(names[j]);
    parts.push_back(join(deaf[speakers], " ") + " deaf to " + join(to, " "));
  }
  return parts.empty() ? "nothing is cut" : join(parts, "; ");
}

}  // namespace shaketable

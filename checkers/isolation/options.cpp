#include <array>
#include <utility>

#include "checkers/isolation/isolation.h"
#include "checkers/isolation/models.h"

namespace shaketable {
namespace {

constexpr std::array<std::pair<VersionOrder, std::string_view>, 6> kVersionOrders = {{
    {VersionOrder::initial_state, "initial-state"},
    {VersionOrder::assumed_initial, "assumed-initial"},
    {VersionOrder::writes_follow_reads, "writes-follow-reads"},
    {VersionOrder::process, "process"},
    {VersionOrder::realtime, "realtime"},
    {VersionOrder::transaction_order, "transaction-order"},
}};

constexpr std::array<std::pair<WeakLevel, std::string_view>, 9> kWeakLevels = {{
    {WeakLevel::read_committed, "read-committed"},
    {WeakLevel::read_atomic, "read-atomic"},
    {WeakLevel::causal, "causal"},
    {WeakLevel::monotonic_reads, "monotonic-reads"},
    {WeakLevel::monotonic_writes, "monotonic-writes"},
    {WeakLevel::read_your_writes, "read-your-writes"},
    {WeakLevel::writes_follow_reads, "writes-follow-reads"},
    {WeakLevel::pram, "PRAM"},
    {WeakLevel::sequential, "sequential"},
}};

template <class Table, class Key>
std::string_view name_of(const Table& table, Key key) {
  for (const auto& [value, name] : table) {
    if (value == key) return name;
  }
  return {};
}

template <class Table>
auto value_of(const Table& table, std::string_view wanted) -> std::optional<typename Table::value_type::first_type> {
  for (const auto& [value, name] : table) {
    if (name == wanted) return value;
  }
  return std::nullopt;
}

template <class Table>
std::vector<std::string_view> names_of(const Table& table) {
  std::vector<std::string_view> names;
  for (const auto& [_, name] : table) names.push_back(name);
  return names;
}

}  // namespace

std::string_view to_string(VersionOrder order) {
  return name_of(kVersionOrders, order);
}
std::optional<VersionOrder> version_order(std::string_view name) {
  return value_of(kVersionOrders, name);
}
std::vector<std::string_view> version_order_names() {
  return names_of(kVersionOrders);
}

std::string_view to_string(WeakLevel level) {
  return name_of(kWeakLevels, level);
}
std::optional<WeakLevel> weak_level(std::string_view name) {
  return value_of(kWeakLevels, name);
}
std::vector<std::string_view> weak_level_names() {
  return names_of(kWeakLevels);
}

std::vector<ConsistencyModel> consistency_models() {
  const auto strings = [](const auto& views) { return std::vector<std::string>(views.begin(), views.end()); };
  std::vector<ConsistencyModel> all;
  for (const std::string_view canonical : isolation::canonical_models()) {
    ConsistencyModel model;
    model.name = isolation::friendly_model(canonical);
    for (const std::string_view other : isolation::other_names(canonical)) {
      if (other != model.name) model.other_names.emplace_back(other);
    }
    if (canonical != model.name) model.other_names.emplace_back(canonical);
    for (const std::string_view implied : isolation::directly_implied(canonical))
      model.implies.emplace_back(isolation::friendly_model(implied));
    model.proscribes = strings(isolation::directly_proscribed(canonical));
    all.push_back(std::move(model));
  }
  return all;
}

Result<void> validate(const IsolationOptions& options) {
  for (const std::string& model : options.consistency_models) {
    if (auto known = isolation::known_model(model); !known) return known;
  }
  for (const std::string& anomaly : options.anomalies) {
    if (auto known = isolation::known_anomaly(anomaly); !known) return known;
  }
  return {};
}

}  // namespace shaketable

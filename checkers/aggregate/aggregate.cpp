#include "checkers/aggregate/aggregate.h"

#include <fmt/format.h>


#include <unordered_map>

#include "base/text.h"
#include "checkers/aggregate/input.h"
#include "checkers/aggregate/options.h"
#include "history/text.h"

namespace shaketable {
namespace {

using aggregate::Input;

ParameterSpec option(std::string name, ParameterType type, std::string about, std::string fallback,
                     ParameterValue value) {
  ParameterSpec spec;
  spec.name = std::move(name);
  spec.type = type;
  spec.about = std::move(about);
  spec.fallback = std::move(fallback);
  spec.value = std::move(value);
  return spec;
}

ParameterSpec flag(std::string name, std::string about, bool value = false) {
  return option(std::move(name), ParameterType::boolean, std::move(about), value ? "true" : "false", value);
}

struct Checker {
  AggregateInfo info;
  Verdict (*check)(const Input&);
};

const std::vector<Checker>& checkers() {
  static const std::vector<Checker> all = [] {
    std::vector<Checker> list{
        {{"bank",
          "the sum of all balances never changes, and no account is overdrawn",
          {option("total", ParameterType::integer, "what the balances add up to", "the total most reads agree on",
                  aggregate::kTotalFromReads),
           flag("negative-balances", "accounts may be overdrawn")}},
         aggregate::check_bank},
        {{"set", "the last read shows every element whose add was acknowledged", {}}, aggregate::check_set},
        {{"set-full",
          "every element that was seen or acknowledged stays, in every later read",
          {flag("linearizable", "an element must be in every read that begins after it was known (else: in the end)")}},
         aggregate::check_set_full},
        {{"counter",
          "every read lies between what was surely and what was possibly added",
          {option("initial", ParameterType::integer, "the counter before anything was added", "0", std::int64_t{0})}},
         aggregate::check_counter},
        {{"queue", "nothing comes out that did not go in, or more often than it went in", {}}, aggregate::check_queue},
        {{"total-queue",
          "everything that went in comes out, once the queue was drained",
          {flag("duplicates-invalidate", "an element that comes out more often than it went in is a violation")}},
         aggregate::check_total_queue},
        {{"unique-ids",
          "no identifier is generated twice",
          {option("f", ParameterType::text, "the function that generates identifiers", "generate",
                  std::string("generate"))}},
         aggregate::check_unique_ids},
        {{"long-fork", "readers see independent writes in one order", {}}, aggregate::check_long_fork},
        {{"causal", "a session never reads what is older than what it wrote or read", {}}, aggregate::check_causal},
        {{"causal-reverse", "whoever sees a write sees all that were acknowledged before it began", {}},
         aggregate::check_causal_reverse},
        {{"monotonic",
          "numbers that only grow are seen growing",
          {flag("realtime", "also between processes, where one read ended before another began", true),
           flag("snapshots", "reads of several keys are snapshots, and must not cross", true)}},
         aggregate::check_monotonic},
        {{"g2", "of two inserts that exclude each other by predicate at most one succeeds", {}}, aggregate::check_g2},
        {{"kafka",
          "an append-only log by offsets: nothing lost, reordered, repeated or skipped",
          {flag("drained",
                "the history ends with polls of every key until nothing more came: what nobody polled is a violation"),
           flag("strict-sends", "no other send may come between two sends of one transaction"),
           flag("ww-deps", "the order of sends counts as a dependency: look for G0, and for G1c with it")}},
         aggregate::check_kafka},
        {{"checksum", "payloads that carry their own sum come back as they were sent", {}}, aggregate::check_checksum},
    };
    for (Checker& checker : list)
      checker.info.options.push_back(flag("keyed", "values are [key value]: judge every key by itself"));
    return list;
  }();
  return all;
}

struct Part {
  Value key;
  History history;
  std::vector<std::int64_t> places;
};

// The history of each key, in the order in which keys first appear. A completion without a [key value] belongs to the
// key of its process's open invocation.
std::vector<Part> parts_of(const History& history) {
  std::vector<Part> parts;
  std::unordered_map<Value, std::size_t, ValueHash> numbers;
  std::unordered_map<std::int64_t, std::size_t> open;  // process to part
  for (std::size_t i = 0; i < history.operations.size(); ++i) {
    Operation operation = history.operations[i];
    if (operation.process < 0) continue;
    std::size_t part = 0;
    if (operation.value.is_list() && operation.value.size() == 2) {
      const Value key = operation.value[0];
      const auto [at, added] = numbers.try_emplace(key, parts.size());
      if (added) parts.push_back({key, {}, {}});
      part = at->second;
      operation.value = Value(operation.value[1]);
    } else if (const auto at = open.find(operation.process); operation.type != OpType::invoke && at != open.end()) {
      part = at->second;
    } else {
      continue;
    }
    if (operation.type == OpType::invoke)
      open.insert_or_assign(operation.process, part);
    else
      open.erase(operation.process);
    parts[part].history.operations.push_back(std::move(operation));
    parts[part].places.push_back(static_cast<std::int64_t>(i));
  }
  return parts;
}

Value with_key(const Value& data, const Value& key) {
  std::vector<std::pair<Value, Value>> entries;
  for (std::size_t i = 0; i < data.items().size(); i += 2) entries.emplace_back(data.items()[i], data.items()[i + 1]);
  entries.emplace_back(Value("of-key"), key);
  return Value::map(std::move(entries));
}

Verdict check_keyed(const Checker& checker, const History& history, const Parameters& options, const Budget& budget) {
  Verdict total;
  total.checker = checker.info.name;
  total.valid = Validity::valid;
  std::map<std::string, std::int64_t> counts;
  std::vector<Value> bad, undecided;
  std::string why_unknown;
  const std::vector<Part> parts = parts_of(history);
  for (const Part& part : parts) {
    Verdict one = checker.check({part.history, options, budget, &part.places});
    total.operations += one.operations;
    total.valid = worst(total.valid, one.valid);
    if (one.valid == Validity::unknown) {
      if (undecided.empty()) why_unknown = fmt::format("key {}: {}", aggregate::shown(part.key), one.reason);
      undecided.push_back(part.key);
    }
    if (one.valid != Validity::invalid) continue;
    bad.push_back(part.key);
    if (bad.size() <= aggregate::Findings::kExplained)
      total.explanation += fmt::format("key {}\n{}", aggregate::shown(part.key), one.explanation);
    for (auto& [name, anomalies] : one.anomalies) {
      auto& kept = total.anomalies[name];
      for (Anomaly& anomaly : anomalies)
        if (kept.size() < aggregate::Findings::kKept)
          kept.push_back({fmt::format("key {}: {}", aggregate::shown(part.key), anomaly.text),
                          with_key(anomaly.details, part.key)});
    }
    if (const Value* numbers = aggregate::entry(one.details, "counts"))
      for (std::size_t i = 0; i < numbers->items().size(); i += 2)
        counts[std::string(numbers->items()[i].text())] += numbers->items()[i + 1].integer();
  }
  if (parts.empty()) {
    total.valid = Validity::unknown;
    total.reason = "no operation has a [key value] as its value";
  } else if (total.valid == Validity::invalid) {
    total.reason = fmt::format("{} of {}: {}", bad.size(), aggregate::counted(parts.size(), "key", "keys"),
                               aggregate::shown_list(bad));
  } else if (total.valid == Validity::unknown) {
    total.reason = undecided.size() == 1
                       ? why_unknown
                       : fmt::format("{} of {} keys are undecided; {}", undecided.size(), parts.size(), why_unknown);
  }
  std::vector<std::pair<Value, Value>> numbers;
  for (const auto& [name, count] : counts) numbers.emplace_back(Value(name), Value(count));
  total.details = aggregate::details({{"keys", static_cast<std::int64_t>(parts.size())},
                                      {"bad-keys", Value::list(std::move(bad))},
                                      {"undecided-keys", Value::list(std::move(undecided))},
                                      {"counts", Value::map(std::move(numbers))}});
  return total;
}

}  // namespace

const std::vector<AggregateInfo>& aggregate_checkers() {
  static const std::vector<AggregateInfo> infos = [] {
    std::vector<AggregateInfo> list;
    for (const Checker& checker : checkers()) list.push_back(checker.info);
    return list;
  }();
  return infos;
}

Result<Verdict> check_aggregate(std::string_view name, const History& history, const Value& options,
                                const Budget& budget) {
  std::vector<std::string_view> names;
  for (const Checker& checker : checkers()) {
    names.push_back(checker.info.name);
    if (checker.info.name != name) continue;
    auto parameters = aggregate::options_of(checker.info.name, checker.info.options, options);
    if (!parameters) return Failure(std::move(parameters.error()));
    if (parameters->boolean("keyed")) return check_keyed(checker, history, *parameters, budget);
    return checker.check({history, *parameters, budget});
  }
  const std::string_view meant = nearest(name, names);
  return bad_input(fmt::format("there is no checker \"{}\"{}", name,
                               meant.empty() ? "" : fmt::format(" (did you mean \"{}\"?)", meant)));
}

}  // namespace shaketable

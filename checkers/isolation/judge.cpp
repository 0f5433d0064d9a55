#include "checkers/isolation/judge.h"

#include <algorithm>

#include "base/duration.h"
#include "base/text.h"
#include "history/text.h"

namespace shaketable::isolation {
namespace {

constexpr const char* kEmpty = "empty-transaction-graph";

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

const char* step_type(std::uint8_t kind) {
  if (kind & kRealtime) return "realtime";
  if (kind & kRw) return "rw";
  if (kind & kWw) return "ww";
  if (kind & kWr) return "wr";
  return "process";
}

Anomaly cycle_anomaly(const Transactions& txns, const Cycle& cycle, const Explain& explain) {
  std::map<std::uint32_t, std::string> names;
  std::vector<std::uint32_t> order;
  for (const Step& step : cycle.steps) {
    if (names.try_emplace(step.from, "T" + std::to_string(names.size() + 1)).second) order.push_back(step.from);
  }
  std::string text = "Let:\n";
  std::vector<Value> transactions, path, steps;
  for (const std::uint32_t t : order) {
    const Txn& txn = txns[t];
    text += "  " + names[t] + " = operation " + std::to_string(txn.event - 1) + " by process " +
            std::to_string(txns.process(txn.process)) + ": " + txns.text(t) + "\n";
    transactions.push_back(txns.details(t));
  }
  text += "Then:\n";
  for (std::size_t i = 0; i < cycle.steps.size(); ++i) {
    const Step& step = cycle.steps[i];
    const Txn& from = txns[step.from];
    const Txn& to = txns[step.to];
    Reason reason;
    if (step.kind & kRealtime) {
      reason.text = names[step.to] + " was invoked (event " + std::to_string(to.invoke - 1) + ") after " +
                    names[step.from] + " had completed (event " + std::to_string(from.complete - 1) + ")";
    } else if (step.kind == kProcess) {
      reason.text = "process " + std::to_string(txns.process(to.process)) + " went on to " + names[step.to] +
                    " after " + names[step.from];
    } else {
      reason = explain(step, names[step.from], names[step.to]);
    }
    text += "  " + reason.text + (i + 1 == cycle.steps.size() ? "." : ",") + "\n";
    reason.details.emplace_back("type", step_type(step.kind));
    reason.details.emplace_back("text", reason.text);
    path.emplace_back(static_cast<std::int64_t>(from.event) - 1);
    steps.push_back(Value::map(std::move(reason.details)));
  }
  path.push_back(path.front());
  text += "Each comes before the next, and the last before the first: a contradiction.";
  return {std::move(text), with_picture(Value::map({{"cycle", Value::list(std::move(path))},
                                                    {"steps", Value::list(std::move(steps))},
                                                    {"transactions", Value::list(std::move(transactions))}}))};
}

}  // namespace

std::string short_text(const Value& value) {
  const bool has_text = value.kind() == Value::Kind::string || value.kind() == Value::Kind::keyword;
  return has_text ? std::string(value.text()) : to_edn(value);
}

Scope scope_of(const IsolationOptions& options) {
  Scope scope;
  scope.prohibited = anomalies_prohibited_by(options.consistency_models);
  const Names named = anomalies_implying(options.anomalies);
  scope.prohibited.insert(named.begin(), named.end());
  // A model may prohibit X-process only because it prohibits X-realtime, which that implies; the order to look at is
  // the strongest that is prohibited for itself.
  for (const std::string& name : scope.prohibited) {
    scope.realtime |= ends_with(name, "-realtime");
    scope.process |= ends_with(name, "-process");
  }
  if (scope.realtime) scope.process = false;
  return scope;
}

void add_cycles(Findings& findings, const CycleReport& report, const Transactions& txns, const Explain& explain) {
  for (const auto& [name, count] : report.counts) findings.count(name, count);
  for (const auto& [name, cycles] : report.cycles) {
    for (const Cycle& cycle : cycles) {
      Anomaly anomaly = cycle_anomaly(txns, cycle, explain);
      findings.add_example(name, std::move(anomaly.text), std::move(anomaly.details));
    }
  }
  findings.undecided.insert(report.undecided.begin(), report.undecided.end());
  if (report.memory_needed > 0)
    findings.doubts.push_back("the dependencies have cycles through " + std::to_string(report.largest_component) +
                              " transactions at once; to find all kinds of them takes about " +
                              format_size(report.memory_needed) + ", more than is allowed (--memory)");
  if (report.time_spent) findings.doubts.emplace_back("the time for the check ended before its search for cycles");
}

void add_fan(CycleProblem& problem, std::vector<std::uint32_t> from, std::vector<std::uint32_t> to, std::uint8_t kind,
             std::uint8_t beside) {
  const auto tidy = [](std::vector<std::uint32_t>& nodes) {
    std::sort(nodes.begin(), nodes.end());
    nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
  };
  tidy(from);
  tidy(to);
  if (to.size() < 4 || from.size() < 3) {
    for (const std::uint32_t a : from) {
      for (const std::uint32_t b : to) {
        if (a != b) problem.edges.push_back({a, b, std::binary_search(to.begin(), to.end(), a) ? beside : kind});
      }
    }
    return;
  }
  // before[i] leads to to[0..i], after[i] to to[i..]. One that is itself among the targets enters beside itself:
  // through a single hub it would seem to depend on itself.
  const auto targets = static_cast<std::uint32_t>(to.size());
  const std::uint32_t before = problem.nodes, after = before + targets;
  problem.nodes += targets * 2;
  for (std::uint32_t i = 0; i < targets; ++i) {
    problem.edges.push_back({before + i, to[i], kHop});
    problem.edges.push_back({after + i, to[i], kHop});
    if (i > 0) problem.edges.push_back({before + i, before + i - 1, kHop});
    if (i + 1 < targets) problem.edges.push_back({after + i, after + i + 1, kHop});
  }
  for (const std::uint32_t a : from) {
    const auto found = std::lower_bound(to.begin(), to.end(), a);
    const auto at = static_cast<std::uint32_t>(found - to.begin());
    if (found == to.end() || *found != a) {
      problem.edges.push_back({a, before + targets - 1, kind});
      continue;
    }
    if (at > 0) problem.edges.push_back({a, before + at - 1, beside});
    if (at + 1 < targets) problem.edges.push_back({a, after + at + 1, beside});
  }
}

void add_orders(CycleProblem& problem, const Transactions& txns, const Scope& scope) {
  problem.process = scope.process;
  problem.realtime = scope.realtime;
  problem.invoke.reserve(txns.size());
  problem.complete.reserve(txns.size());
  for (const Txn& txn : txns.all()) {
    // Nobody follows or precedes a transaction that did not happen.
    problem.invoke.push_back(txn.type == OpType::fail ? 0 : txn.invoke);
    problem.complete.push_back(txn.complete);
  }
  problem.process_order = [&txns] { return txns.process_order(); };
}

bool is_empty(const CycleProblem& problem) {
  if (!problem.edges.empty()) return false;
  if (problem.process) return problem.process_order().empty();
  if (!problem.realtime) return true;
  const auto completed = std::min_element(problem.complete.begin(), problem.complete.end());
  const auto invoked = std::max_element(problem.invoke.begin(), problem.invoke.end());
  return completed == problem.complete.end() || *completed >= *invoked;
}

std::uint64_t cycle_bytes(const CycleProblem& problem) {
  return problem.edges.size() * (sizeof(Edge) + 5) + problem.nodes * 20ull;
}

Verdict too_large(const char* checker, const Transactions& txns, const IsolationOptions& options) {
  Verdict verdict;
  verdict.checker = checker;
  verdict.operations = txns.events();
  verdict.reason = "the history does not fit the memory allowed, " + format_size(options.memory_bytes) +
                   " (--memory): it was read, and not judged";
  return verdict;
}

std::string too_large(const CycleProblem& problem, const Transactions& txns, const Budget& budget) {
  const std::uint64_t bytes = txns.bytes() + cycle_bytes(problem);
  if (bytes <= budget.memory_bytes()) return {};
  return "the graph of dependencies takes about " + format_size(bytes) + ", and " + format_size(budget.memory_bytes()) +
         " are allowed (--memory): cycles were not searched";
}

Verdict judge(const char* checker, const IsolationOptions& options, const Transactions& txns, Findings& findings,
              const CycleReport& cycles, bool empty) {
  const Scope scope = scope_of(options);
  Verdict verdict;
  verdict.checker = checker;
  verdict.operations = txns.size();

  Names all;
  std::vector<std::string> bad;
  std::vector<std::pair<Value, Value>> counts, others;
  for (const auto& [name, count] : findings.counts()) {
    all.insert(name);
    const bool prohibited = scope.prohibited.contains(name);
    (prohibited ? counts : others).emplace_back(Value(name), Value(static_cast<std::int64_t>(count)));
    if (!prohibited) continue;
    bad.push_back(name);
    verdict.anomalies[name] = findings.examples().at(name);
  }
  if (empty) {
    verdict.anomalies[kEmpty] = {{"No transaction depends on another.", Value()}};
    findings.doubts.emplace_back("no transaction depends on another: too little happened to judge");
  }
  for (const std::string& name : findings.undecided) {
    if (scope.prohibited.contains(name))
      findings.doubts.push_back("the search for " + name + " ended with its " +
                                std::to_string(options.search_steps_max) + " steps");
  }

  for (const std::string& model : options.consistency_models) {
    if (anomalies_prohibited_by(std::span(&model, 1)).empty())
      findings.doubts.push_back(std::string(checker) + " has nothing by which to judge " + model +
                                ": ask for a stronger model, or for another checker");
  }

  if (!bad.empty()) {
    verdict.valid = Validity::invalid;
    verdict.reason = join(bad) + (bad.size() == 1 ? " was" : " were") + " found";
  } else if (!findings.doubts.empty()) {
    verdict.valid = Validity::unknown;
    verdict.reason = join(findings.doubts, "; ");
  } else {
    verdict.valid = Validity::valid;
  }
  if (verdict.valid != Validity::valid) {
    Boundary boundary = ruled_out_by(all);
    verdict.not_models = std::move(boundary.not_models);
    verdict.also_not = std::move(boundary.also_not);
    if (!verdict.not_models.empty()) verdict.explanation = "The history is not " + join(verdict.not_models) + ".\n";
    for (const std::string& name : bad) {
      const std::vector<Anomaly>& examples = verdict.anomalies[name];
      const std::uint64_t count = findings.counts().at(name);
      verdict.explanation += "\n" + name + (count > 1 ? " (" + std::to_string(count) + ")" : "") + "\n";
      if (!examples.empty()) verdict.explanation += examples.front().text + "\n";
    }
    if (!bad.empty() && !findings.doubts.empty())
      verdict.explanation += "\nThere may be more: " + join(findings.doubts, "; ") + ".\n";
  }
  std::vector<Value> notes, models;
  for (const std::string& note : txns.notes()) notes.emplace_back(note);
  for (const std::string& model : options.consistency_models) models.emplace_back(model);
  const auto number = [](std::uint64_t n) { return Value(static_cast<std::int64_t>(n)); };
  verdict.details = Value::map({{"counts", Value::map(std::move(counts))},
                                {"other_anomalies", Value::map(std::move(others))},
                                {"consistency_models", Value::list(std::move(models))},
                                {"notes", Value::list(std::move(notes))},
                                {"dependencies", number(cycles.edges)},
                                {"components", number(cycles.components)},
                                {"largest_component", number(cycles.largest_component)}});
  return verdict;
}

}  // namespace shaketable::isolation

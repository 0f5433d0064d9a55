#include "orchestrator/judge/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "base/duration.h"
#include "base/text.h"
#include "checkers/aggregate/aggregate.h"
#include "checkers/isolation/isolation.h"
#include "checkers/linearizability/linearizable.h"
#include "history/text.h"
#include "orchestrator/judge/thread_pool.h"

namespace shaketable {
namespace {

// JSON, or the word nil; a bare word is taken as a string.
Result<Value> initial_value(const std::string& text) {
  if (text == "nil") return Value();
  auto parsed = parse_json(text);
  if (!parsed && std::string_view("{[\"").find(text.front()) != std::string_view::npos)
    return bad_input(fmt::format("initial {}: {}", text, parsed.error().message));
  return parsed ? *parsed : Value(text);
}

Result<Verdict> run_linearizable(const CheckPlan& check, const HistoryStream& history, const Budget& budget, Pool& pool,
                                 std::vector<std::string>& notes) {
  LinearizableOptions options;
  options.model = check.options.text("model");
  if (const std::string& text = check.options.text("initial"); !text.empty()) {
    auto initial = initial_value(text);
    if (!initial) return Failure(initial.error());
    options.initial = *std::move(initial);
  }
  options.nil_read = check.options.text("nil-read") == "any" ? LinearizableOptions::any : LinearizableOptions::absent;
  options.keyed = check.options.boolean("keyed");
  auto checker = LinearizableChecker::create(options);
  if (!checker) return Failure(checker.error());
  const auto read = history(*checker);
  if (!read) return Failure(read.error());
  notes = read->notes;
  return checker->check(budget, &pool);
}

Result<Verdict> finished(IsolationChecker& checker, const HistoryStream& history, const Budget& budget, Pool& pool,
                         std::vector<std::string>& notes) {
  const auto read = history(checker);
  if (!read) return Failure(read.error());
  notes = read->notes;
  return checker.finish(budget, &pool);
}

Result<std::map<std::int64_t, std::int64_t>> transaction_order(const Weights& places) {
  std::map<std::int64_t, std::int64_t> order;
  for (const auto& [name, place] : places) {
    std::int64_t index = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
    if (error != std::errc() || end != name.data() + name.size() || index < 0)
      return bad_input(fmt::format("transaction-order: \"{}\" is no index of an operation", name));
    order.emplace(index, static_cast<std::int64_t>(place));
  }
  return order;
}

Result<Verdict> run_isolation(const CheckPlan& check, const HistoryStream& history, const Budget& budget, Pool& pool,
                              std::vector<std::string>& notes) {
  IsolationOptions options;
  options.consistency_models = check.options.texts("consistency");
  std::erase(options.consistency_models, "none");
  options.anomalies = check.options.texts("anomalies");
  options.search_steps_max = static_cast<std::uint64_t>(check.options.integer("search-steps"));
  options.memory_bytes = budget.memory_bytes();
  if (const auto valid = validate(options); !valid) return Failure(valid.error());
  if (options.consistency_models.empty() && options.anomalies.empty())
    return bad_input(fmt::format("{}: `consistency: none` needs `anomalies`", check.checker));
  if (check.checker == "list-append")
    return finished(*make_list_append_checker(std::move(options)), history, budget, pool, notes);
  options.version_orders.clear();
  for (const std::string& name : check.options.texts("version-orders")) {
    const auto order = version_order(name);
    if (!order) return bad_input(fmt::format("version-orders: there is no \"{}\"", name));
    options.version_orders.push_back(*order);
  }
  options.orders_of_model = check.options.boolean("orders-of-model");
  auto order = transaction_order(check.options.weights("transaction-order"));
  if (!order) return Failure(order.error());
  options.transaction_order = std::move(*order);
  return finished(*make_rw_register_checker(std::move(options)), history, budget, pool, notes);
}

Result<Verdict> run_weak(const CheckPlan& check, const HistoryStream& history, const Budget& budget, Pool& pool,
                         std::vector<std::string>& notes) {
  std::vector<WeakLevel> levels;
  for (const std::string& name : check.options.texts("consistency")) {
    const auto level = weak_level(name);
    if (!level) return bad_input(fmt::format("weak-register has no level \"{}\"", name));
    levels.push_back(*level);
  }
  IsolationOptions options;
  options.search_steps_max = static_cast<std::uint64_t>(check.options.integer("search-steps"));
  options.memory_bytes = budget.memory_bytes();
  return finished(*make_weak_checker(std::move(levels), std::move(options)), history, budget, pool, notes);
}

// Keeps a history as long as it fits the memory allowed; past that it only counts.
class BoundedBuilder final : public OperationSink {
 public:
  BoundedBuilder(History& history, std::uint64_t memory_bytes) : history_(history), left_(memory_bytes) {}
  Result<void> take(Operation operation) override {
    ++operations_;
    if (full_) return {};
    // A vector holds up to three times its content while it grows.
    const std::uint64_t bytes = 3 * sizeof(Operation) + bytes_of(operation.value) + bytes_of(operation.error);
    full_ = bytes > left_;
    if (full_) {
      history_.operations = {};
      return {};
    }
    left_ -= bytes;
    history_.operations.push_back(std::move(operation));
    return {};
  }
  bool full() const { return full_; }
  std::int64_t operations() const { return operations_; }

 private:
  static std::uint64_t bytes_of(const Value& value) {
    constexpr std::uint64_t kNode = 32;
    switch (value.kind()) {
      case Value::Kind::string:
      case Value::Kind::keyword:
        return kNode + value.text().size();
      case Value::Kind::list:
      case Value::Kind::set:
      case Value::Kind::map: {
        std::uint64_t bytes = kNode + value.items().size() * sizeof(Value);
        for (const Value& item : value.items()) bytes += bytes_of(item);
        return bytes;
      }
      default:
        return 0;
    }
  }

  History& history_;
  std::uint64_t left_;
  bool full_ = false;
  std::int64_t operations_ = 0;
};

// Ends the reading when the budget's time has.
class TimedSink final : public OperationSink {
 public:
  TimedSink(OperationSink& to, const Budget& budget) : to_(to), budget_(budget) {}
  Result<void> take(Operation operation) override {
    constexpr std::int64_t kEvery = 4096;
    if (++operations_ % kEvery == 0 && budget_.time_spent()) {
      ended_ = true;
      return bad_input("the time for the check ended");
    }
    return to_.take(std::move(operation));
  }
  bool ended() const { return ended_; }
  std::int64_t operations() const { return operations_; }

 private:
  OperationSink& to_;
  const Budget& budget_;
  std::int64_t operations_ = 0;
  bool ended_ = false;
};

template <class Infos>
bool names(const Infos& infos, std::string_view name) {
  return std::any_of(infos.begin(), infos.end(), [&](const auto& info) { return info.name == name; });
}

// Aggregate and safety checkers take the whole history and their options as a map; what equals its default is left out,
// so that they can tell what was asked for.
Result<Verdict> run_collected(const CheckPlan& check, const HistoryStream& history, const Budget& budget,
                              const std::vector<FaultWindow>& faults, std::vector<std::string>& notes) {
  History collected;
  BoundedBuilder builder(collected, budget.memory_bytes());
  const auto read = history(builder);
  if (!read) return Failure(read.error());
  notes = read->notes;
  if (builder.full()) {
    Verdict verdict;
    verdict.checker = check.checker;
    verdict.operations = builder.operations();
    verdict.reason =
        fmt::format("the history does not fit the memory allowed, {} (--memory): it was read, and not judged",
                    format_size(budget.memory_bytes()));
    return verdict;
  }
  std::vector<std::pair<Value, Value>> options;
  for (const ParameterSpec& spec : find_checker(check.checker)->parameters) {
    const ParameterValue value = parameter_of(check.options, spec);
    if (value != spec.value) options.emplace_back(spec.name, parameter_value(value));
  }
  const Value map = Value::map(std::move(options));
  if (names(aggregate_checkers(), check.checker)) return check_aggregate(check.checker, collected, map, budget);
  return check_safety(check.checker, collected, map, faults, budget);
}

}  // namespace

Result<Judgement> judge(const CheckPlan& check, const HistoryStream& history, const JudgeBounds& bounds,
                        const std::vector<FaultWindow>& faults) {
  if (!find_checker(check.checker)) {
    std::vector<std::string_view> names;
    for (const CheckerInfo& info : checkers()) names.push_back(info.name);
    const std::string_view meant = nearest(check.checker, names);
    return bad_input(fmt::format("there is no checker \"{}\"{}; `shaketable list checkers` names them", check.checker,
                                 meant.empty() ? "" : fmt::format(", did you mean \"{}\"?", meant)));
  }
  SteadyClock clock;
  const Budget budget([&] { return clock.now() > bounds.timeout || bounds.stop.stop_requested(); },
                      bounds.memory_bytes);
  ThreadPool pool(0);
  Judgement judgement;
  std::int64_t read_in_time = -1;
  const HistoryStream timed = [&](OperationSink& sink) {
    TimedSink guard(sink, budget);
    auto read = history(guard);
    if (guard.ended()) read_in_time = guard.operations();
    return read;
  };
  auto verdict = [&]() -> Result<Verdict> {
    if (check.checker == "linearizable") return run_linearizable(check, timed, budget, pool, judgement.notes);
    if (check.checker == "list-append" || check.checker == "rw-register")
      return run_isolation(check, timed, budget, pool, judgement.notes);
    if (check.checker == "weak-register") return run_weak(check, timed, budget, pool, judgement.notes);
    return run_collected(check, timed, budget, faults, judgement.notes);
  }();
  if (!verdict && read_in_time >= 0) {
    verdict = Verdict();
    verdict->checker = check.checker;
    verdict->operations = read_in_time;
    verdict->reason = bounds.stop.stop_requested()
                          ? "the check was stopped while the history was read"
                          : fmt::format("the time for the check, {} (--timeout), ended while the history was read",
                                        format_duration(bounds.timeout));
  }
  if (!verdict) return Failure(verdict.error());
  judgement.verdict = std::move(*verdict);
  judgement.seconds = std::chrono::duration<double>(clock.now()).count();
  return judgement;
}

}  // namespace shaketable

#include "checkers/linearizability/linearizable.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <unordered_map>

#include "base/text.h"
#include "checkers/linearizability/core.h"
#include "checkers/linearizability/explain.h"
#include "checkers/linearizability/meter.h"
#include "checkers/linearizability/model.h"
#include "checkers/linearizability/recorder.h"
#include "checkers/linearizability/search.h"
#include "checkers/linearizability/zones.h"
#include "history/text.h"

namespace shaketable {

namespace lin = linearizability;

std::vector<ModelInfo> linearizability_models() {
  std::vector<ModelInfo> infos;
  for (const lin::ModelEntry& entry : lin::models()) infos.push_back(entry.info);
  return infos;
}

namespace {

using lin::Outcome;

// Registers index tables by value, so each object counts its values from 0 unless they are dense already.
void count_values_locally(lin::Problem& problem) {
  lin::Id largest = problem.initial[0];
  for (const lin::Event e : problem.events)
    largest = std::max({largest, problem.ops[e.op].call.a, problem.ops[e.op].call.b});
  if (static_cast<std::size_t>(largest) < 2 * problem.events.size() + 16) return;
  std::unordered_map<lin::Id, lin::Id> local;
  auto translate = [&](lin::Id& id) {
    if (id < 0) return;
    const auto [entry, fresh] = local.emplace(id, static_cast<lin::Id>(problem.values.size()));
    if (fresh) problem.values.push_back(id);
    id = entry->second;
  };
  translate(problem.initial[0]);
  for (lin::Op& op : problem.ops) {
    if (op.dropped) continue;
    translate(op.call.a);
    translate(op.call.b);
  }
}

std::uint32_t global_index(const lin::Problem& problem, std::size_t event) {
  const lin::Event e = problem.events[event];
  return e.completion ? problem.ops[e.op].complete : problem.ops[e.op].invoke;
}

// One object on its way to an answer.
struct Case {
  lin::Problem* problem;
  const lin::Model* model;
  std::unique_ptr<lin::Search> search;
  Outcome outcome = Outcome::running;
  bool begun = false;
  bool directly = false;   // decided without a search
  std::size_t stop = 0;    // the history is of interest up to this event
  std::size_t failed = 0;  // once invalid
  std::size_t decided = 0, open = 0, configurations = 0;
};

class Check {
 public:
  Check(const lin::Interner& values, const Budget& budget, Pool* pool)
      : values_(values), ledger_(budget), pool_(pool) {}

  void add(lin::Problem& problem, const lin::Model& model) {
    if (model.is_register()) count_values_locally(problem);
    cases_.push_back({&problem, &model, nullptr});
    cases_.back().stop = problem.events.size();
  }

  // Objects are searched in rounds of growing quotas, so that a hard one does not keep easy ones from being decided.
  // Once one is illegal, the others matter only up to the event where it failed.
  void run() {
    std::vector<std::size_t> open(cases_.size());
    for (std::size_t i = 0; i < open.size(); ++i) open[i] = i;
    for (std::uint64_t quota = 4096; !open.empty(); quota *= 2) {
      each(open.size(), [&](std::size_t k) { advance(cases_[open[k]], quota); });
      for (Case& c : cases_)
        if (c.outcome == Outcome::invalid && (!illegal_ || failed_at(c) < failed_at(*illegal_))) illegal_ = &c;
      std::erase_if(open, [&](std::size_t i) {
        Case& c = cases_[i];
        if (illegal_ && c.outcome == Outcome::running) {
          c.stop = first_event_from(*c.problem, failed_at(*illegal_));
          if (c.decided >= c.stop) c.outcome = Outcome::valid;
        }
        if (c.outcome == Outcome::running) return false;
        c.search.reset();
        return true;
      });
    }
  }

  void judge(Verdict& verdict, bool explain) {
    if (illegal_ && explain) return judge_invalid(verdict);
    if (illegal_) {
      verdict.valid = Validity::invalid;
      verdict.reason = fmt::format("operation {} completed what no order explains", failed_at(*illegal_));
      return;
    }
    std::size_t undecided = 0;
    const Case* worst = nullptr;
    for (const Case& c : cases_) {
      if (c.outcome == Outcome::valid) continue;
      ++undecided;
      if (!worst) worst = &c;
    }
    if (worst) {
      verdict.valid = Validity::unknown;
      judge_unknown(verdict, *worst, undecided);
    } else {
      verdict.valid = Validity::valid;
    }
  }

 private:
  void each(std::size_t count, const std::function<void(std::size_t)>& work) {
    if (pool_ && count > 1 && pool_->threads() > 1) return pool_->run(count, work);
    for (std::size_t i = 0; i < count; ++i) work(i);
  }

  // Polynomial where the history qualifies. False when it does not.
  bool decide_directly(Case& c) {
    const lin::Problem& problem = *c.problem;
    const std::size_t end = problem.events.size();
    const std::optional<bool> linearizable = c.model->decide(problem, end, values_);
    if (!linearizable) return false;
    c.directly = true;
    c.outcome = *linearizable ? Outcome::valid : Outcome::invalid;
    c.decided = c.stop;
    if (*linearizable) return true;
    if (c.model->is_register()) {
      c.failed = lin::first_zone_failure(problem).failed;
      return true;
    }
    // No prefix of a linearizable history fails: the first that does is found by halving.
    std::size_t good = 0, bad = end;
    while (bad - good > 1) {
      const std::size_t middle = (good + bad) / 2;
      (refuted(c, middle) ? bad : good) = middle;
    }
    c.failed = bad - 1;
    return true;
  }

  bool refuted(const Case& c, std::size_t end) const {
    if (const auto linearizable = c.model->decide(*c.problem, end, values_)) return !*linearizable;
    return refuted_by_search(c, end, kPrefixQuota);
  }

  // Bounded in work by a constant, so that the answer is always the same: when that is too little for a prefix, a
  // longer one that is known to fail is named.
  bool refuted_by_search(const Case& c, std::size_t end, std::uint64_t quota) const {
    const Budget memory({}, 256u << 20);
    lin::Ledger ledger(memory);
    return lin::make_search(*c.problem, *c.model, values_, end, ledger)->run(quota, end) == Outcome::invalid;
  }
  static constexpr std::uint64_t kPrefixQuota = 5'000;
  static constexpr std::uint64_t kFailureQuota = 500'000;

  void advance(Case& c, std::uint64_t quota) {
    if (!std::exchange(c.begun, true) && decide_directly(c)) return;
    const std::size_t end = c.problem->events.size();
    if (!c.search) c.search = lin::make_search(*c.problem, *c.model, values_, end, ledger_);
    c.outcome = c.search->run(quota, c.stop);
    c.decided = c.search->decided();
    c.open = c.search->open();
    c.configurations = c.search->configurations();
    if (c.outcome == Outcome::invalid) c.failed = first_failure(c, c.search->failed());
    // With many objects, searches that wait for their next turn hold memory; those that are done need not.
    if (c.outcome != Outcome::running) c.search.reset();
  }

  // Where a search fails that looked ahead is where the failure casts its shadow; the completion itself is that event
  // or a later one.
  std::size_t first_failure(const Case& c, std::size_t shadow) {
    const std::size_t end = c.problem->events.size();
    if (c.model->is_register() || c.model->foresee(*c.problem, end, values_).goals.empty()) return shadow;
    std::size_t good = shadow, bad = end;
    while (bad - good > 1) {
      const std::size_t middle = (good + bad) / 2;
      (refuted_by_search(c, middle, kFailureQuota) ? bad : good) = middle;
    }
    return bad - 1;
  }

  static std::uint32_t failed_at(const Case& c) { return global_index(*c.problem, c.failed); }

  static std::size_t first_event_from(const lin::Problem& problem, std::uint32_t index) {
    std::size_t low = 0, high = problem.events.size();
    while (low < high) {
      const std::size_t middle = (low + high) / 2;
      global_index(problem, middle) < index ? low = middle + 1 : high = middle;
    }
    return low;
  }

  void judge_invalid(Verdict& verdict) {
    const lin::Problem& problem = *illegal_->problem;
    const lin::Model& model = *illegal_->model;
    const lin::Trace trace = trace_of(*illegal_);
    lin::Explanation e = lin::explain(problem, model, values_, illegal_->failed, trace);
    verdict.valid = Validity::invalid;
    verdict.reason = e.reason;
    verdict.explanation = e.text;
    verdict.details = e.details;
    verdict.anomalies["nonlinearizable"].push_back({std::move(e.text), std::move(e.details)});
    std::size_t undecided = 0;
    for (const Case& c : cases_) undecided += c.outcome != Outcome::valid && c.outcome != Outcome::invalid;
    if (undecided)
      verdict.explanation += fmt::format("\n{} other object{} could not be decided within the budget.\n", undecided,
                                         undecided == 1 ? "" : "s");
  }

  lin::Trace trace_of(const Case& c) const {
    const lin::Problem& problem = *c.problem;
    const bool has_core = c.directly && c.model->forgets_values();
    // For registers all ways through the whole history are best, where there are not too many.
    if (!has_core || c.model->is_register()) {
      lin::Trace all = lin::trace_failure(problem, *c.model, values_, c.failed);
      if (!has_core || !all.partials.empty()) return all;
    } else if (c.model->decide(problem, c.failed + 1, values_) != false) {
      return lin::trace_failure(problem, *c.model, values_, c.failed);
    }
    lin::Core core = lin::core_of(problem, *c.model, values_, c.failed);
    lin::Trace trace = lin::trace_failure(core.problem, *c.model, values_, core.problem.events.size() - 1);
    trace.from = core.event[trace.from];
    for (lin::Trace::Partial& partial : trace.partials)
      for (lin::Trace::Step& step : partial.steps) step.op = core.op[step.op];
    trace.core = std::move(core.op);
    return trace;
  }

  void judge_unknown(Verdict& verdict, const Case& c, std::size_t undecided) {
    const char* why = c.outcome == Outcome::out_of_time     ? "the time is up"
                      : c.outcome == Outcome::out_of_memory ? "the memory bound is reached"
                                                            : "too many operations are open at once (over 4096)";
    std::string place;
    if (c.problem->keyed) {
      place = fmt::format("{} of {} objects undecided; key {}: ", undecided, cases_.size(), to_edn(c.problem->key));
    }
    verdict.reason = fmt::format("{}: {}linearizable up to event {} of {}, {} operations open there, {} configurations",
                                 why, place, c.decided, c.problem->events.size(), c.open, c.configurations);
    std::vector<std::pair<Value, Value>> details = {{"bound", c.outcome == Outcome::out_of_time     ? "time"
                                                              : c.outcome == Outcome::out_of_memory ? "memory"
                                                                                                    : "width"},
                                                    {"undecided", static_cast<std::int64_t>(undecided)},
                                                    {"objects", static_cast<std::int64_t>(cases_.size())},
                                                    {"decided_events", static_cast<std::int64_t>(c.decided)},
                                                    {"events", static_cast<std::int64_t>(c.problem->events.size())},
                                                    {"open", static_cast<std::int64_t>(c.open)},
                                                    {"configurations", static_cast<std::int64_t>(c.configurations)}};
    if (c.problem->keyed) details.emplace_back("key", c.problem->key);
    verdict.details = Value::map(std::move(details));
  }

  const lin::Interner& values_;
  lin::Ledger ledger_;
  Pool* pool_;
  std::vector<Case> cases_;
  const Case* illegal_ = nullptr;
};

}  // namespace

struct LinearizableChecker::Impl {
  LinearizableOptions options;
  std::unique_ptr<const lin::Model> model;
  lin::Recorder recorder;
  lin::State initial;

  Impl(LinearizableOptions o, std::unique_ptr<const lin::Model> m)
      : options(std::move(o)), model(std::move(m)), recorder(*model, options.keyed) {}
};

LinearizableChecker::LinearizableChecker(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LinearizableChecker::LinearizableChecker(LinearizableChecker&&) noexcept = default;
LinearizableChecker& LinearizableChecker::operator=(LinearizableChecker&&) noexcept = default;
LinearizableChecker::~LinearizableChecker() = default;

Result<LinearizableChecker> LinearizableChecker::create(const LinearizableOptions& options) {
  std::vector<std::string_view> names;
  for (const lin::ModelEntry& entry : lin::models()) {
    names.push_back(entry.info.name);
    if (entry.info.name != options.model) continue;
    auto impl = std::make_unique<Impl>(options, entry.make(options));
    auto initial = impl->model->initial(options.initial, impl->recorder.values());
    if (!initial) return Failure(std::move(initial.error()).in(fmt::format("model {}: initial state", options.model)));
    impl->initial = *std::move(initial);
    return LinearizableChecker(std::move(impl));
  }
  const std::string_view meant = nearest(options.model, names);
  return bad_input(fmt::format("there is no model '{}'{}", options.model,
                               meant.empty() ? std::string("; `shaketable list models` names them")
                                             : fmt::format("; did you mean '{}'?", meant)));
}

Result<void> LinearizableChecker::take(Operation operation) {
  return impl_->recorder.take(std::move(operation));
}

Result<Verdict> LinearizableChecker::check(const Budget& budget, Pool* pool) {
  if (auto r = impl_->recorder.finish(); !r) return Failure(std::move(r.error()));
  Verdict verdict;
  verdict.checker = "linearizable";
  verdict.operations = impl_->recorder.operations();
  std::deque<lin::Part> parts;
  Check check(impl_->recorder.values(), budget, pool);
  if (impl_->recorder.events() == 0) {
    verdict.reason = "too little to judge: the history is empty";
    return verdict;
  }
  // The field calls it valid. That a run should have done more is said of the run, not of its history.
  if (impl_->recorder.operations() == 0) verdict.reason = "no client did anything, so nothing can be wrong";
  for (lin::Problem& problem : impl_->recorder.problems()) {
    problem.initial = impl_->initial;
    std::vector<lin::Part> split = impl_->model->split(problem, impl_->recorder.values());
    if (split.empty()) check.add(problem, *impl_->model);
    for (lin::Part& part : split) {
      parts.push_back(std::move(part));
      check.add(parts.back().problem, *parts.back().model);
    }
  }
  check.run();
  check.judge(verdict, impl_->options.explain);
  return verdict;
}

Result<Verdict> check_linearizable(const History& history, const LinearizableOptions& options, const Budget& budget,
                                   Pool* pool) {
  auto checker = LinearizableChecker::create(options);
  if (!checker) return Failure(std::move(checker.error()));
  for (const Operation& operation : history.operations)
    if (auto r = checker->take(operation); !r) return Failure(std::move(r.error()));
  return checker->check(budget, pool);
}

}  // namespace shaketable

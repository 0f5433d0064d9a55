#include "checkers/linearizability/explain.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/duration.h"
#include "history/text.h"

namespace shaketable::linearizability {

namespace {

constexpr std::size_t kListed = 24;      // operations in one list of the text
constexpr std::size_t kStepsShown = 12;  // last steps of a partial linearization in the text

class Narrator {
 public:
  Narrator(const Problem& problem, const Model& model, const Interner& values, std::size_t failed, const Trace& trace)
      : problem_(problem),
        model_(model),
        values_(values),
        failed_(failed),
        trace_(trace),
        x_(problem.events[failed].op) {}

  Explanation explain() {
    collect();
    Explanation e;
    const Op& x = problem_.ops[x_];
    const std::string where = problem_.keyed ? fmt::format("key {}: ", to_edn(problem_.key)) : std::string();
    e.reason = fmt::format("{}no order of the operations explains {} (process {}), completed by operation {}", where,
                           label(x_), x.process, x.complete);
    e.text =
        e.reason + fmt::format(".\nEverything before that completion can be linearized.\n\nOpen at that moment:\n");
    std::size_t width = 0;
    for (const std::uint32_t op : concurrent_) width = std::max(width, label(op).size());
    std::size_t listed = 0;
    for (const std::uint32_t op : concurrent_) {
      if (++listed > kListed) {
        e.text += fmt::format("  … and {} more\n", concurrent_.size() - kListed);
        break;
      }
      e.text += fmt::format("  process {:<4} {:<{}}  {}{}\n", problem_.ops[op].process, label(op), width, interval(op),
                            op == x_ ? "   <- cannot be linearized" : "");
    }
    if (!trace_.core.empty()) core(e.text);
    partials(e.text);
    e.details = details();
    return e;
  }

 private:
  void collect() {
    std::vector<bool> open(problem_.ops.size(), false);
    for (std::size_t i = 0; i < failed_; ++i) open[problem_.events[i].op] = !problem_.events[i].completion;
    std::vector<std::uint32_t> crashed;
    for (std::uint32_t op = 0; op < open.size(); ++op) {
      if (!open[op]) continue;
      (problem_.ops[op].crashed() ? crashed : concurrent_).push_back(op);
    }
    // The one that fails first, those that completed next, those that never did last.
    std::stable_sort(concurrent_.begin(), concurrent_.end(), [&](std::uint32_t a, std::uint32_t b) {
      return std::pair(a != x_, problem_.ops[a].invoke) < std::pair(b != x_, problem_.ops[b].invoke);
    });
    concurrent_.insert(concurrent_.end(), crashed.begin(), crashed.end());
  }

  Call call(std::uint32_t op) const {
    Call c = problem_.ops[op].call;
    if (!problem_.values.empty()) {
      c.a = problem_.global(c.a);
      c.b = problem_.global(c.b);
    }
    return c;
  }
  State state(State s) const {
    if (!problem_.values.empty())
      for (std::int32_t& word : s) word = problem_.global(word);
    return s;
  }
  std::string label(std::uint32_t op) const { return model_.describe(call(op), problem_.ops[op].crashed(), values_); }
  std::string moment(std::uint32_t index, std::int64_t ns) const {
    return ns >= 0 ? fmt::format("{} at {}", index, format_duration(Nanos(ns))) : fmt::format("{}", index);
  }
  std::string interval(std::uint32_t op) const {
    const Op& o = problem_.ops[op];
    return fmt::format(
        "operation {}, {}", moment(o.invoke, o.invoke_ns),
        o.crashed() ? std::string("never completed") : "completed by " + moment(o.complete, o.complete_ns));
  }

  void core(std::string& text) const {
    text += fmt::format("\n{} of the operations before it cannot be linearized with it, without the others:\n",
                        trace_.core.size() - 1);
    std::size_t listed = 0;
    for (const std::uint32_t op : trace_.core) {
      if (op == x_) continue;
      if (++listed > kListed) {
        text += fmt::format("  … and {} more\n", trace_.core.size() - 1 - kListed);
        break;
      }
      text += fmt::format("  process {:<4} {}  {}\n", problem_.ops[op].process, label(op), interval(op));
    }
  }

  void partials(std::string& text) const {
    if (trace_.partials.empty()) {
      text += "\nThe partial linearizations are too many to list.\n";
      return;
    }
    text += fmt::format(
        "\nHow far it can be linearized ({} way{}{}, {} shown, the last steps of each; [brackets]: without effect):\n",
        trace_.found, trace_.found == 1 ? "" : "s", trace_.complete ? "" : " or more", trace_.partials.size());
    std::size_t number = 0;
    for (const Trace::Partial& partial : trace_.partials) {
      text += fmt::format("  {}.", ++number);
      const std::size_t skip = partial.steps.size() > kStepsShown ? partial.steps.size() - kStepsShown : 0;
      if (skip || trace_.from > 0) text += " …,";
      for (std::size_t i = skip; i < partial.steps.size(); ++i) {
        const Trace::Step& step = partial.steps[i];
        text +=
            fmt::format(" {}{} (process {}){}{}", step.silent ? "[" : "", label(step.op), problem_.ops[step.op].process,
                        step.silent ? "]" : "", i + 1 < partial.steps.size() ? "," : "");
      }
      text += fmt::format("\n     then {}: {} is impossible\n", describe_state(partial), label(x_));
    }
  }
  std::string describe_state(const Trace::Partial& partial) const {
    return model_.describe(state(partial.state), values_);
  }

  Value data(std::uint32_t op) const {
    const Op& o = problem_.ops[op];
    std::vector<std::pair<Value, Value>> entries = {{"process", o.process},
                                                    {"call", label(op)},
                                                    {"invoked", static_cast<std::int64_t>(o.invoke)},
                                                    {"completed", Value()}};
    if (!o.crashed()) entries[3].second = static_cast<std::int64_t>(o.complete);
    if (o.invoke_ns >= 0) entries.emplace_back("invoked_ns", o.invoke_ns);
    if (o.complete_ns >= 0) entries.emplace_back("completed_ns", o.complete_ns);
    return Value::map(std::move(entries));
  }

  Value details() const {
    std::vector<std::pair<Value, Value>> entries;
    if (problem_.keyed) entries.emplace_back("key", problem_.key);
    entries.emplace_back("operation", data(x_));
    entries.emplace_back("prefix", static_cast<std::int64_t>(problem_.ops[x_].complete));
    std::vector<Value> concurrent;
    for (const std::uint32_t op : concurrent_)
      if (op != x_) concurrent.push_back(data(op));
    entries.emplace_back("concurrent", Value::list(std::move(concurrent)));

    // Everything that a picture of the last stretch needs: what was open at its beginning or invoked in it; or what
    // cannot be linearized without all others.
    std::vector<bool> within(problem_.ops.size(), false);
    for (const std::uint32_t op : trace_.core) within[op] = true;
    for (std::size_t i = 0; i <= failed_ && trace_.core.empty(); ++i) {
      const Event event = problem_.events[i];
      within[event.op] = i >= trace_.from || !event.completion;
    }
    std::vector<Value> window;
    for (std::uint32_t op = 0; op < within.size(); ++op)
      if (within[op]) window.push_back(data(op));
    entries.emplace_back("window", Value::list(std::move(window)));

    std::vector<Value> partials;
    for (const Trace::Partial& partial : trace_.partials) {
      std::vector<Value> steps;
      for (const Trace::Step& step : partial.steps) {
        steps.push_back(Value::map({{"process", problem_.ops[step.op].process},
                                    {"call", label(step.op)},
                                    {"invoked", static_cast<std::int64_t>(problem_.ops[step.op].invoke)},
                                    {"silent", step.silent}}));
      }
      partials.push_back(Value::map(
          {{"steps", Value::list(std::move(steps))}, {"state", describe_state(partial)}, {"stopped_by", label(x_)}}));
    }
    entries.emplace_back("partial", Value::list(std::move(partials)));
    entries.emplace_back("partial_found", static_cast<std::int64_t>(trace_.found));
    entries.emplace_back("partial_complete", trace_.complete);
    return Value::map(std::move(entries));
  }

  const Problem& problem_;
  const Model& model_;
  const Interner& values_;
  const std::size_t failed_;
  const Trace& trace_;
  const std::uint32_t x_;
  std::vector<std::uint32_t> concurrent_;
};

}  // namespace

Explanation explain(const Problem& problem, const Model& model, const Interner& values, std::size_t failed,
                    const Trace& trace) {
  return Narrator(problem, model, values, failed, trace).explain();
}

}  // namespace shaketable::linearizability

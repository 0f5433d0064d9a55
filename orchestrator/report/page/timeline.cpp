// The operations of each process as bars in time. A long history does not fit into a page, so what lies around the
// violation and around the beginnings and ends of faults is kept whole, and the page says which stretches that is.

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <unordered_map>

#include "history/text.h"
#include "orchestrator/report/page/escape.h"
#include "orchestrator/report/page/source.h"
#include "orchestrator/report/verdict_text.h"

namespace shaketable::page {
namespace {

constexpr std::size_t kCallsMax = 6000;
constexpr std::size_t kTextMax = 200;  // bytes of one operation's words
constexpr std::size_t kSuspectsMax = 500;

using Stretches = std::vector<std::pair<std::size_t, std::size_t>>;  // of Measures::calls, [first, last)

Stretches stretches_of(const Source& source) {
  const std::vector<Call>& calls = source.measures.calls;
  if (calls.size() <= kCallsMax) return {{0, calls.size()}};
  const auto at = [&](std::int64_t ns) {
    return static_cast<std::size_t>(
        std::lower_bound(calls.begin(), calls.end(), ns,
                         [](const Call& call, std::int64_t t) { return call.invoked_ns < t; }) -
        calls.begin());
  };
  std::vector<std::pair<std::size_t, std::size_t>> centres;  // and how many around them
  std::vector<std::size_t> turns;
  for (const FaultRecord& fault : source.faults)
    for (const std::int64_t ns : {fault.actual_start_ns, fault.actual_end_ns})
      if (ns != kNotYet) turns.push_back(at(ns));
  if (turns.empty()) turns.push_back(0);
  std::size_t left = kCallsMax;
  if (source.violation_ns) {
    centres.emplace_back(at(*source.violation_ns), left / 2);
    left -= left / 2;
  }
  constexpr std::size_t kTurnsMax = 40;  // fewer than 75 operations around each would show nothing
  if (turns.size() > kTurnsMax) turns.resize(kTurnsMax);
  for (const std::size_t turn : turns) centres.emplace_back(turn, left / turns.size());
  Stretches stretches;
  for (const auto& [centre, count] : centres) {
    const std::size_t first = centre > count / 2 ? centre - count / 2 : 0;
    stretches.emplace_back(first, std::min(first + count, calls.size()));
  }
  std::sort(stretches.begin(), stretches.end());
  Stretches merged;
  for (const auto& stretch : stretches)
    if (!merged.empty() && stretch.first <= merged.back().second)
      merged.back().second = std::max(merged.back().second, stretch.second);
    else
      merged.push_back(stretch);
  return merged;
}

std::string cut(std::string text) {
  if (text.size() > kTextMax) text = fmt::format("{}… ({} bytes)", valid_utf8(text.substr(0, kTextMax)), text.size());
  return text;
}

// Values of the chosen calls, in a second pass.
class Words final : public OperationSink {
 public:
  explicit Words(const std::unordered_map<std::int64_t, std::size_t>& wanted, std::vector<std::string>& words)
      : wanted_(wanted), words_(words) {}

  Result<void> take(Operation operation) override {
    const auto at = wanted_.find(position_++);
    if (at == wanted_.end()) return {};
    std::string& words = words_[at->second];
    if (operation.type == OpType::invoke) {
      if (!operation.value.is_nil()) words = cut(to_edn(operation.value));
      asked_[at->second] = std::move(operation.value);
      return {};
    }
    const auto asked = asked_.find(at->second);
    if (asked != asked_.end() && !(asked->second == operation.value) && !operation.value.is_nil())
      words += (words.empty() ? "→ " : " → ") + cut(to_edn(operation.value));
    if (asked != asked_.end()) asked_.erase(asked);
    if (!operation.error.is_nil())
      words += ": " + cut(operation.error.kind() == Value::Kind::string ? std::string(operation.error.text())
                                                                        : to_edn(operation.error));
    return {};
  }

 private:
  const std::unordered_map<std::int64_t, std::size_t>& wanted_;
  std::vector<std::string>& words_;
  std::unordered_map<std::size_t, Value> asked_;
  std::int64_t position_ = 0;
};

void gather(const Value& details, std::vector<std::int64_t>& positions) {
  static const std::set<std::string_view> naming{"op",    "operation",    "operations", "invoked", "first", "second",
                                                 "again", "read",         "reads",      "add",     "send",  "inserts",
                                                 "cycle", "acknowledged", "enqueue",    "places"};
  if (details.kind() != Value::Kind::map) return;
  for (std::size_t i = 0; i + 1 < details.items().size(); i += 2) {
    const Value &key = details.items()[i], &value = details.items()[i + 1];
    if (key.kind() != Value::Kind::string || !naming.contains(key.text())) continue;
    if (value.is_integer() && value.integer() >= 0) positions.push_back(value.integer());
    if (value.is_list())
      for (const Value& item : value.items())
        if (item.is_integer() && item.integer() >= 0) positions.push_back(item.integer());
    gather(value, positions);
  }
}

}  // namespace

std::vector<std::int64_t> suspects_of(const Anomaly& anomaly) {
  std::vector<std::int64_t> positions;
  gather(anomaly.details, positions);
  return positions;
}

std::vector<std::int64_t> suspects_of(const std::vector<Judgement>& judgements) {
  std::vector<std::int64_t> positions;
  for (const Judgement& judgement : judgements)
    if (judgement.verdict.valid == Validity::invalid)
      for (const auto& [name, found] : judgement.verdict.anomalies)
        for (const Anomaly& anomaly : found)
          if (positions.size() < kSuspectsMax) gather(anomaly.details, positions);
  return positions;
}

Result<Value> timeline_json(const Source& source) {
  const Measures& m = source.measures;
  const Stretches stretches = stretches_of(source);
  std::vector<std::size_t> chosen;
  for (const auto& [first, last] : stretches)
    for (std::size_t i = first; i < last; ++i) chosen.push_back(i);
  const std::set<std::int64_t> named(source.suspects.begin(), source.suspects.end());
  std::set<std::size_t> suspects;
  for (std::size_t i = 0; i < m.calls.size() && !named.empty(); ++i)
    if (named.contains(m.calls[i].position) || named.contains(m.calls[i].completion)) suspects.insert(i);
  chosen.insert(chosen.end(), suspects.begin(), suspects.end());
  std::sort(chosen.begin(), chosen.end());
  chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());

  std::unordered_map<std::int64_t, std::size_t> wanted;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    wanted.emplace(m.calls[chosen[i]].position, i);
    if (m.calls[chosen[i]].completion >= 0) wanted.emplace(m.calls[chosen[i]].completion, i);
  }
  std::vector<std::string> words(chosen.size());
  Words reader(wanted, words);
  if (const auto read = source.file->read(reader); !read) return Failure(read.error());

  // Columns, and times as microseconds since the one before: a quarter of the text that objects would take.
  std::vector<Value> process, invoked, lasted, function, outcome, text, suspect, functions, whole;
  std::int64_t last = 0;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    const Call& call = m.calls[chosen[i]];
    const std::int64_t us = call.invoked_ns / 1000;
    process.emplace_back(call.process);
    invoked.emplace_back(us - last);
    last = us;
    lasted.emplace_back(call.completed_ns < 0 ? std::int64_t{-1} : call.latency_ns() / 1000);
    function.emplace_back(static_cast<std::int64_t>(call.function));
    outcome.emplace_back(static_cast<std::int64_t>(call.outcome));
    text.emplace_back(words[i]);
    if (suspects.contains(chosen[i])) suspect.emplace_back(static_cast<std::int64_t>(i));
  }
  for (const FunctionTotals& f : m.functions) functions.emplace_back(f.name);
  for (const auto& [first, end] : stretches)
    if (end > first)
      whole.push_back(Value::list({m.calls[first].invoked_ns / 1000, m.calls[end - 1].invoked_ns / 1000}));
  return Value::map({{"functions", Value::list(std::move(functions))},
                     {"process", Value::list(std::move(process))},
                     {"invoked", Value::list(std::move(invoked))},
                     {"lasted", Value::list(std::move(lasted))},
                     {"function", Value::list(std::move(function))},
                     {"outcome", Value::list(std::move(outcome))},
                     {"text", Value::list(std::move(text))},
                     {"suspects", Value::list(std::move(suspect))},
                     {"whole", Value::list(std::move(whole))},
                     {"violation", source.violation_ns ? Value(*source.violation_ns / 1000) : Value()}});
}

std::string timeline_part(const Source& source) {
  const std::size_t all = source.measures.calls.size();
  if (all == 0) return {};
  const Stretches stretches = stretches_of(source);
  std::size_t kept = 0;
  for (const auto& [first, last] : stretches) kept += last - first;
  const std::string what =
      kept == all ? fmt::format("All {} operations are here.", with_thousands(static_cast<std::int64_t>(all)))
                  : fmt::format(
                        "{} of {} operations are here: those around {}, in {} unbroken stretch{}. "
                        "<code>shaketable export</code> writes all.",
                        with_thousands(static_cast<std::int64_t>(kept)), with_thousands(static_cast<std::int64_t>(all)),
                        source.violation_ns     ? "the violation and the faults’ beginnings and ends"
                        : source.faults.empty() ? "the beginning"
                                                : "the faults’ beginnings and ends",
                        stretches.size(), stretches.size() == 1 ? "" : "es");
  return fmt::format(
      "<section aria-labelledby=\"timeline\"><h2 id=\"timeline\">Process by process</h2>\n<p>Each bar is an operation. "
      "{} "
      "{}</p>\n<div id=\"timeline-view\"><p class=\"about\">The timeline needs JavaScript, which is in this "
      "file.</p></div>"
      "\n</section>\n",
      source.violation_ns ? "It opens at the violation; operations that the verdict names are outlined." : "", what);
}

}  // namespace shaketable::page

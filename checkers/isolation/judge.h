#pragma once
// From anomalies to a verdict: what the asked models prohibit, which models are ruled out, and the words for people.

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "checkers/isolation/cycles.h"
#include "checkers/isolation/isolation.h"
#include "checkers/isolation/models.h"
#include "checkers/isolation/transactions.h"
#include "checkers/verdict.h"

namespace shaketable::isolation {

// Anomalies by name: all counted, some kept.
class Findings {
 public:
  explicit Findings(std::size_t examples_max) : examples_max_(examples_max < 1 ? 1 : examples_max) {}

  // True if this one will be kept: then say it with add_example().
  bool count(const std::string& name, std::uint64_t n = 1) {
    counts_[name] += n;
    return examples_[name].size() < examples_max_;
  }
  void add_example(const std::string& name, std::string text, Value details) {
    examples_[name].push_back({std::move(text), std::move(details)});
  }

  const std::map<std::string, std::uint64_t>& counts() const { return counts_; }
  const std::map<std::string, std::vector<Anomaly>>& examples() const { return examples_; }

  Names undecided;                  // anomalies whose search did not end
  std::vector<std::string> doubts;  // why a history without anomalies is not known to be valid, in words

 private:
  std::size_t examples_max_;
  std::map<std::string, std::uint64_t> counts_;
  std::map<std::string, std::vector<Anomaly>> examples_;
};

struct Scope {
  Names prohibited;
  bool process = false, realtime = false;  // whether some prohibited anomaly needs that order
};
Scope scope_of(const IsolationOptions& options);

// Why one step of a cycle holds: a sentence in which `from` and `to` are the names of its transactions, and the same as
// data.
struct Reason {
  std::string text;
  std::vector<std::pair<Value, Value>> details;
};
using Explain = std::function<Reason(const Step& step, const std::string& from, const std::string& to)>;

// Cycles as anomalies: the transactions, then a sentence an edge.
void add_cycles(Findings& findings, const CycleReport& report, const Transactions& txns, const Explain& explain);

// "x" for a string or keyword, else EDN.
std::string short_text(const Value& value);

// Adds every from -> every to, but not to itself, by hubs where those are fewer edges. Edges of those that are in both
// get the kind `beside`.
void add_fan(CycleProblem& problem, std::vector<std::uint32_t> from, std::vector<std::uint32_t> to, std::uint8_t kind,
             std::uint8_t beside);

// Fills in when transactions were invoked and completed, and the orders that the scope needs.
void add_orders(CycleProblem& problem, const Transactions& txns, const Scope& scope);
// Whether nothing at all relates two transactions.
bool is_empty(const CycleProblem& problem);
// An estimate of the memory that find_cycles() takes.
std::uint64_t cycle_bytes(const CycleProblem& problem);

// `details` of a cycle, with its drawing as "dot".
Value with_picture(Value details);

// unknown: the history, or the graph of it, is larger than the memory that the caller allows.
Verdict too_large(const char* checker, const Transactions& txns, const IsolationOptions& options);
// Why cycles were not searched; empty if they can be.
std::string too_large(const CycleProblem& problem, const Transactions& txns, const Budget& budget);

Verdict judge(const char* checker, const IsolationOptions& options, const Transactions& txns, Findings& findings,
              const CycleReport& cycles, bool empty);

}  // namespace shaketable::isolation

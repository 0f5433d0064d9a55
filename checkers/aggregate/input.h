#pragma once
// What the checkers of this folder have in common. Internal to checkers/aggregate/.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/parameters.h"
#include "checkers/verdict.h"
#include "history/history.h"

namespace shaketable::aggregate {

inline constexpr std::int64_t kBeforeAll = -1;
inline constexpr std::int64_t kNever = INT64_MAX;

// An invocation and its completion. Places in the history are positions in History::operations.
struct Call {
  std::int64_t start = kBeforeAll;  // kBeforeAll: the history holds the completion only
  std::int64_t end = kNever;        // kNever: it never completed, or with info
  OpType outcome = OpType::info;    // ok, fail or info
  std::int64_t process = 0;
  Name f;
  const Operation* invocation = nullptr;  // at least one of these two is set
  const Operation* completion = nullptr;  // of outcome ok or fail, or info

  bool ok() const { return outcome == OpType::ok; }
  bool failed() const { return outcome == OpType::fail; }
  // What was asked for: the invocation's value, or without one the completion's.
  const Value& asked() const { return (invocation ? invocation : completion)->value; }
  // What came back, nil if nothing did.
  const Value& answer() const;
  std::int64_t place() const { return start == kBeforeAll ? end : start; }
};

struct Input {
  const History& history;
  const Parameters& options;
  const Budget& budget;
  // Where the operations stand in the whole history, if this is the part of it that belongs to one key.
  const std::vector<std::int64_t>* places = nullptr;
};

// Calls of clients, by start (those without by their completion). A process that invokes again without having completed
// leaves a call that never completes.
std::vector<Call> calls_of(const Input& input);

// "operation 17 (process 3)", with the time where there is one.
std::string name_of(const Call& call);
// A value as EDN, cut to a length fit for a sentence.
std::string shown(const Value& value);
// "1 element", "3 elements".
std::string counted(std::size_t count, std::string_view one, std::string_view many);
// "1 2 3 … (97 more)".
std::string shown_list(const std::vector<Value>& values);

// Collects anomalies, of each name the first kKept with their details and of the rest the number.
class Findings {
 public:
  static constexpr std::size_t kKept = 16, kExplained = 4;

  void add(std::string_view anomaly, std::string text, Value details);
  std::size_t count(std::string_view anomaly) const;
  bool empty() const { return counts_.empty(); }
  void note(std::string_view name, Value value) { facts_.emplace_back(Value(name), std::move(value)); }

  // Invalid if anything was found, else unknown with `why_unknown` unless that is empty, else valid.
  Verdict verdict(std::string_view checker, std::int64_t operations, std::string why_unknown = {}) &&;

 private:
  std::map<std::string, std::vector<Anomaly>> kept_;
  std::map<std::string, std::size_t> counts_;
  std::vector<std::pair<Value, Value>> facts_;
};

Verdict out_of_time(std::string_view checker, std::int64_t operations);

// A map's entry by string or keyword name; nullptr if it is no map or has none.
const Value* entry(const Value& map, std::string_view name);
// A string's or keyword's text, else empty.
std::string_view word(const Value& value);

Value details(std::vector<std::pair<std::string_view, Value>> entries);
// A place in the history as details have it: its index, nil for none.
Value place(std::int64_t index);

inline constexpr std::int64_t kTotalFromReads = INT64_MIN;  // bank: no total was given

Verdict check_bank(const Input& input);
Verdict check_set(const Input& input);
Verdict check_set_full(const Input& input);
Verdict check_counter(const Input& input);
Verdict check_queue(const Input& input);
Verdict check_total_queue(const Input& input);
Verdict check_unique_ids(const Input& input);
Verdict check_long_fork(const Input& input);
Verdict check_causal(const Input& input);
Verdict check_causal_reverse(const Input& input);
Verdict check_monotonic(const Input& input);
Verdict check_g2(const Input& input);
Verdict check_kafka(const Input& input);
Verdict check_checksum(const Input& input);

}  // namespace shaketable::aggregate

#pragma once
// Histories for these tests, one event a line: "0 invoke add 3", "0 ok", "nemesis info kill nil". The value is EDN;
// left out, it is nil, but a completion without one repeats the value of its invocation. f may be left out likewise.

#include <catch2/catch.hpp>
#include <map>
#include <sstream>
#include <string>

#include "base/random.h"
#include "checkers/aggregate/aggregate.h"
#include "history/text.h"

namespace shaketable {

inline Value edn(std::string_view text) {
  auto value = parse_edn(text);
  if (!value) FAIL(value.error().message << " in " << text);
  return *value;
}

inline History lines(std::string_view text) {
  History history;
  std::map<std::string, Operation> open;
  std::istringstream in{std::string(text)};
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string process, type, f, value;
    if (!(words >> process >> type)) continue;
    words >> f;
    std::getline(words, value);
    Operation operation;
    operation.process = process == "nemesis" ? kNemesisProcess : std::stoll(process);
    operation.type = type == "invoke" ? OpType::invoke
                     : type == "ok"   ? OpType::ok
                     : type == "fail" ? OpType::fail
                                      : OpType::info;
    const auto before = open.find(process);
    operation.f = !f.empty() ? Name(f) : before != open.end() ? before->second.f : Name();
    if (value.find_first_not_of(' ') != std::string::npos)
      operation.value = edn(value);
    else if (operation.type != OpType::invoke && before != open.end())
      operation.value = before->second.value;
    if (operation.type == OpType::invoke)
      open[process] = operation;
    else
      open.erase(process);
    history.operations.push_back(std::move(operation));
  }
  return history;
}

inline Verdict check(std::string_view checker, const History& history, std::string_view options = "nil") {
  auto verdict = check_aggregate(checker, history, edn(options), Budget());
  if (!verdict) FAIL(verdict.error().message);
  return *verdict;
}

// "valid", "unknown: why", or "INVALID: 2 lost, 1 stale".
inline std::string judged(std::string_view checker, std::string_view text, std::string_view options = "nil") {
  const Verdict verdict = check(checker, lines(text), options);
  CHECK((verdict.valid == Validity::invalid) == !verdict.anomalies.empty());
  return std::string(to_string(verdict.valid)) + (verdict.reason.empty() ? "" : ": " + verdict.reason);
}

inline std::size_t count_of(const Verdict& verdict, std::string_view anomaly) {
  const Value* counts = verdict.details.find("counts");
  const Value* count = counts ? counts->find(Value(anomaly)) : nullptr;
  return count ? static_cast<std::size_t>(count->integer()) : 0;
}

// The text of the first finding of that name.
inline std::string first_text(const Verdict& verdict, const std::string& anomaly) {
  const auto found = verdict.anomalies.find(anomaly);
  return found == verdict.anomalies.end() || found->second.empty() ? "" : found->second.front().text;
}

inline Operation event(OpType type, std::int64_t process, std::string_view f, Value value) {
  Operation operation;
  operation.type = type;
  operation.process = process;
  operation.f = Name(f);
  operation.value = std::move(value);
  return operation;
}

// Clients that take turns at random: begin() starts an operation on a free process, or one that is open ends. The
// caller says what is asked and answered. A crashed process is replaced by a new one.
class Turns {
 public:
  Turns(Random& random, std::int64_t clients) : random_(random), next_(clients) {
    for (std::int64_t p = 0; p < clients; ++p) free_.push_back(p);
  }

  template <class Ask, class End>
  void run(int operations, Ask ask, End end) {
    while (operations > 0 || !open_.empty()) {
      if (operations > 0 && !free_.empty() && (open_.empty() || random_.chance(0.5))) {
        const std::size_t at = random_.below(free_.size());
        const std::int64_t process = free_[at];
        free_.erase(free_.begin() + static_cast<std::ptrdiff_t>(at));
        Operation operation = ask(process);
        operation.type = OpType::invoke;
        operation.process = process;
        history.operations.push_back(operation);
        open_.push_back(operation);
        --operations;
        continue;
      }
      const std::size_t at = random_.below(open_.size());
      Operation operation = open_[at];
      open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(at));
      end(operation);  // sets type and value
      free_.push_back(operation.type == OpType::info ? next_++ : operation.process);
      history.operations.push_back(std::move(operation));
    }
  }

  History history;

 private:
  Random& random_;
  std::vector<std::int64_t> free_;
  std::vector<Operation> open_;
  std::int64_t next_;
};

inline OpType any_end(Random& random) {
  const double x = random.uniform();
  return x < 0.7 ? OpType::ok : x < 0.85 ? OpType::fail : OpType::info;
}

}  // namespace shaketable

#include "checkers/aggregate/input.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "base/duration.h"
#include "history/text.h"

namespace shaketable::aggregate {

const Value& Call::answer() const {
  static const Value nil{};
  return ok() && completion ? completion->value : nil;
}

std::vector<Call> calls_of(const Input& input) {
  const History& history = input.history;
  std::vector<Call> calls;
  calls.reserve(history.operations.size() / 2 + 1);
  std::unordered_map<std::int64_t, std::size_t> open;
  for (std::size_t i = 0; i < history.operations.size(); ++i) {
    const Operation& operation = history.operations[i];
    if (operation.process < 0) continue;
    const std::int64_t here = input.places ? (*input.places)[i] : static_cast<std::int64_t>(i);
    if (operation.type == OpType::invoke) {
      open.insert_or_assign(operation.process, calls.size());
      Call call;
      call.start = here;
      call.process = operation.process;
      call.f = operation.f;
      call.invocation = &operation;
      calls.push_back(call);
      continue;
    }
    const auto found = open.find(operation.process);
    if (found == open.end()) {
      Call call;
      call.process = operation.process;
      call.f = operation.f;
      call.completion = &operation;
      call.outcome = operation.type;
      (operation.type == OpType::info ? call.start : call.end) = here;
      calls.push_back(call);
      continue;
    }
    Call& call = calls[found->second];
    open.erase(found);
    call.completion = &operation;
    call.outcome = operation.type;
    if (operation.type != OpType::info) call.end = here;
  }
  return calls;
}

std::string name_of(const Call& call) {
  const Operation* operation = call.completion ? call.completion : call.invocation;
  const std::int64_t index = call.place();
  if (operation->time_ns < 0) return fmt::format("operation {} (process {})", index, call.process);
  return fmt::format("operation {} (process {}, {})", index, call.process, format_duration(Nanos(operation->time_ns)));
}

std::string shown(const Value& value) {
  constexpr std::size_t kLongest = 160;
  std::string text = to_edn(value);
  if (text.size() <= kLongest) return text;
  std::size_t cut = kLongest;
  while (cut > 0 && (text[cut] & 0xc0) == 0x80) --cut;  // between characters, not inside one
  return text.substr(0, cut) + "…";
}

std::string counted(std::size_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

std::string shown_list(const std::vector<Value>& values) {
  constexpr std::size_t kShown = 10;
  std::string text;
  for (std::size_t i = 0; i < std::min(values.size(), kShown); ++i) text += (i ? " " : "") + shown(values[i]);
  if (values.size() > kShown) text += fmt::format(" … ({} more)", values.size() - kShown);
  return text;
}

void Findings::add(std::string_view anomaly, std::string text, Value data) {
  ++counts_[std::string(anomaly)];
  auto& kept = kept_[std::string(anomaly)];
  if (kept.size() < kKept) kept.push_back({std::move(text), std::move(data)});
}

std::size_t Findings::count(std::string_view anomaly) const {
  const auto found = counts_.find(std::string(anomaly));
  return found == counts_.end() ? 0 : found->second;
}

Verdict Findings::verdict(std::string_view checker, std::int64_t operations, std::string why_unknown) && {
  Verdict verdict;
  verdict.checker = checker;
  verdict.operations = operations;
  verdict.valid = !counts_.empty() ? Validity::invalid : why_unknown.empty() ? Validity::valid : Validity::unknown;
  if (verdict.valid == Validity::unknown) verdict.reason = std::move(why_unknown);
  std::vector<std::pair<Value, Value>> numbers;
  for (const auto& [name, count] : counts_) {
    numbers.emplace_back(Value(name), Value(static_cast<std::int64_t>(count)));
    if (!verdict.reason.empty()) verdict.reason += ", ";
    verdict.reason += fmt::format("{} {}", count, name);
    const auto& kept = kept_[name];
    verdict.explanation += fmt::format("{}:\n", name);
    for (std::size_t i = 0; i < std::min(kept.size(), kExplained); ++i)
      verdict.explanation += fmt::format("  {}\n", kept[i].text);
    if (count > kExplained) verdict.explanation += fmt::format("  … and {} more\n", count - kExplained);
  }
  if (!counts_.empty()) facts_.emplace_back(Value("counts"), Value::map(std::move(numbers)));
  verdict.details = Value::map(std::move(facts_));
  verdict.anomalies = std::move(kept_);
  return verdict;
}

Verdict out_of_time(std::string_view checker, std::int64_t operations) {
  Verdict verdict;
  verdict.checker = checker;
  verdict.operations = operations;
  verdict.valid = Validity::unknown;
  verdict.reason = "the time for this check ran out";
  return verdict;
}

const Value* entry(const Value& map, std::string_view name) {
  if (map.kind() != Value::Kind::map) return nullptr;
  if (const Value* found = map.find(Value(name))) return found;
  return map.find(Value::keyword(name));
}

std::string_view word(const Value& value) {
  return value.kind() == Value::Kind::string || value.kind() == Value::Kind::keyword ? value.text()
                                                                                     : std::string_view();
}

Value details(std::vector<std::pair<std::string_view, Value>> entries) {
  std::vector<std::pair<Value, Value>> out;
  out.reserve(entries.size());
  for (auto& [name, value] : entries) out.emplace_back(Value(name), std::move(value));
  return Value::map(std::move(out));
}

Value place(std::int64_t index) {
  return index == kBeforeAll || index == kNever ? Value() : Value(index);
}

}  // namespace shaketable::aggregate

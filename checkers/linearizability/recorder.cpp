#include "checkers/linearizability/recorder.h"

#include <fmt/format.h>

#include <algorithm>

#include "history/text.h"

namespace shaketable::linearizability {

namespace {

constexpr std::size_t kFirst = 512;  // operations that there is room for at first, in a history of one object

Error at(Error error, std::uint32_t index, std::int64_t process, Name f) {
  return std::move(error).in(fmt::format("operation {} (process {}, {})", index, process, f.text()));
}

}  // namespace

std::optional<Recorder::Pending>& Recorder::pending(std::int64_t process) {
  constexpr std::int64_t kFew = 4096;
  if (process >= kFew) return many_[process];
  if (static_cast<std::size_t>(process) >= few_.size())
    few_.resize(std::max<std::size_t>(64, 2 * static_cast<std::size_t>(process)));
  return few_[static_cast<std::size_t>(process)];
}

// The number of the object that an operation with this value is about; leaves the value without the key.
Result<std::uint32_t> Recorder::object(Value& value) {
  if (!keyed_ && !problems_.empty()) return 0;
  Value key;
  if (keyed_) {
    if (!value.is_list() || value.size() != 2)
      return bad_input(fmt::format("expected a [key value] tuple, not {}", to_edn(value)));
    key = value[0];
    value = Value(value[1]);
  }
  const auto [entry, fresh] = keys_.emplace(key, static_cast<std::uint32_t>(problems_.size()));
  if (fresh) {
    problems_.emplace_back();
    problems_.back().key = key;
    problems_.back().keyed = keyed_;
    if (!keyed_) {
      problems_.back().ops.reserve(kFirst);
      problems_.back().events.reserve(2 * kFirst);
    }
  }
  return entry->second;
}

Result<void> Recorder::take(Operation&& operation) {
  const std::uint32_t index = next_index_++;
  if (index == (1u << 31) - 1) return bad_input("the history has more events than can be judged (2^31)");
  if (operation.process < 0) return {};
  std::optional<Pending>& slot = pending(operation.process);
  if (operation.type != OpType::invoke) {
    if (!slot) return operation.type == OpType::ok ? completed_only(operation) : Result<void>();
    Pending& done = *slot;
    Problem& problem = problems_[done.problem];
    Op& op = problem.ops[done.op];
    Result<void> completed;
    if (operation.type == OpType::fail) {
      op.dropped = true;
    } else if (operation.type == OpType::info) {
      completed = complete(done, nullptr);
    } else {
      op.complete = index;
      op.complete_ns = operation.time_ns;
      problem.events.push_back({done.op, 1});
      completed = complete(done, &operation);
    }
    slot.reset();
    return completed;
  }
  if (slot) {
    Pending abandoned = *std::move(slot);
    slot.reset();
    if (auto r = complete(abandoned, nullptr); !r) return r;
  }
  const auto which = object(operation.value);
  if (!which) return Failure(at(which.error(), index, operation.process, operation.f));
  Problem& problem = problems_[*which];
  const auto number = static_cast<std::uint32_t>(problem.ops.size());
  problem.events.push_back({number, 0});
  Op& op = problem.ops.emplace_back();
  op.process = operation.process;
  op.invoke_ns = operation.time_ns;
  op.invoke = index;
  ++operations_;
  slot.emplace(Pending{operation.f, std::move(operation.value), *which, number});
  return {};
}

// `completion`: null for a crash.
Result<void> Recorder::complete(Pending& done, const Operation* completion) {
  Op& op = problems_[done.problem].ops[done.op];
  const Value* result = completion ? &completion->value : nullptr;
  if (keyed_ && result && !result->is_nil()) {
    if (!result->is_list() || result->size() != 2 || !((*result)[0] == problems_[done.problem].key))
      return Failure(at(Error{ErrorKind::bad_input, fmt::format("expected a [key value] tuple of key {}, not {}",
                                                                to_edn(problems_[done.problem].key), to_edn(*result))},
                        op.complete, op.process, completion->f));
    result = &(*result)[1];
  }
  auto call = model_.encode({done.f, done.argument, result, op.process}, values_);
  if (!call) return Failure(at(call.error(), op.invoke, op.process, done.f));
  if (*call)
    op.call = **call;
  else
    op.dropped = true;
  return {};
}

// The history was cut off at its beginning: the operation may have taken effect at any time before its completion.
Result<void> Recorder::completed_only(const Operation& completion) {
  const std::uint32_t index = next_index_ - 1;
  Value argument = completion.value;
  const auto which = object(argument);
  if (!which) return Failure(at(which.error(), index, completion.process, completion.f));
  Problem& problem = problems_[*which];
  const auto number = static_cast<std::uint32_t>(problem.ops.size());
  Op& op = problem.ops.emplace_back();
  op.process = completion.process;
  op.complete_ns = completion.time_ns;
  op.complete = index;
  problem.events.push_back({number, 1});
  early_[*which].push_back({number, 0});
  ++operations_;
  Pending done{completion.f, std::move(argument), *which, number};
  return complete(done, &completion);
}

Result<void> Recorder::finish() {
  std::vector<Pending> open;
  for (auto& slot : few_)
    if (slot) open.push_back(*std::move(slot));
  for (auto& [process, slot] : many_)
    if (slot) open.push_back(*std::move(slot));
  few_.clear();
  many_.clear();
  std::sort(open.begin(), open.end(), [](const Pending& a, const Pending& b) {
    return a.problem != b.problem ? a.problem < b.problem : a.op < b.op;
  });
  for (Pending& p : open)
    if (auto r = complete(p, nullptr); !r) return r;
  for (auto& [which, events] : early_) {
    std::vector<Event>& all = problems_[which].events;
    all.insert(all.begin(), events.begin(), events.end());
  }
  early_.clear();
  for (Problem& problem : problems_) std::erase_if(problem.events, [&](Event e) { return problem.ops[e.op].dropped; });
  return {};
}

}  // namespace shaketable::linearizability

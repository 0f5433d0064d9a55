#include "checkers/linearizability/recorder.h"

#include <fmt/format.h>

#include <algorithm>

#include "history/text.h"

namespace shaketable::linearizability {

namespace {

Error at(Error error, std::uint32_t index, const Operation& operation) {
  return std::move(error).in(
      fmt::format("operation {} (process {}, {})", index, operation.process, operation.f.text()));
}

}  // namespace

std::optional<Recorder::Pending>& Recorder::pending(std::int64_t process) {
  constexpr std::int64_t kFew = 4096;
  if (process >= kFew) return many_[process];
  if (static_cast<std::size_t>(process) >= few_.size()) few_.resize(static_cast<std::size_t>(process) + 1);
  return few_[static_cast<std::size_t>(process)];
}

// The object that the operation is about, and its value without the key.
Result<Problem*> Recorder::object(const Operation& operation, Value& argument) {
  Value key;
  argument = operation.value;
  if (keyed_) {
    if (!operation.value.is_list() || operation.value.size() != 2)
      return bad_input(fmt::format("expected a [key value] tuple, not {}", to_edn(operation.value)));
    key = operation.value[0];
    argument = operation.value[1];
  }
  if (!keyed_ && !problems_.empty()) return &problems_.front();
  const auto [entry, fresh] = keys_.emplace(key, static_cast<std::uint32_t>(problems_.size()));
  if (fresh) {
    problems_.emplace_back();
    problems_.back().key = key;
    problems_.back().keyed = keyed_;
  }
  return &problems_[entry->second];
}

Result<void> Recorder::take(Operation operation) {
  const std::uint32_t index = next_index_++;
  if (index == (1u << 31) - 1) return bad_input("the history has more events than can be judged (2^31)");
  if (operation.process < 0) return {};
  std::optional<Pending>& slot = pending(operation.process);
  if (operation.type != OpType::invoke) {
    if (!slot) return operation.type == OpType::ok ? completed_only(operation) : Result<void>();
    Pending done = *std::move(slot);
    slot.reset();
    Problem& problem = problems_[done.problem];
    if (operation.type == OpType::fail) {
      problem.ops[done.op].dropped = true;
      return {};
    }
    if (operation.type == OpType::info) return complete(done, nullptr);
    problem.ops[done.op].complete = index;
    problem.ops[done.op].complete_ns = operation.time_ns;
    problem.events.push_back({done.op, 1});
    return complete(done, &operation);
  }
  if (slot) {
    Pending abandoned = *std::move(slot);
    slot.reset();
    if (auto r = complete(abandoned, nullptr); !r) return r;
  }
  Value argument;
  auto problem = object(operation, argument);
  if (!problem) return Failure(at(problem.error(), index, operation));
  Op op;
  op.process = operation.process;
  op.invoke_ns = operation.time_ns;
  op.invoke = index;
  const auto number = static_cast<std::uint32_t>((*problem)->ops.size());
  (*problem)->events.push_back({number, 0});
  (*problem)->ops.push_back(op);
  ++operations_;
  const std::uint32_t which = keyed_ ? keys_.at((*problem)->key) : 0;
  slot = Pending{std::move(operation), std::move(argument), which, number};
  return {};
}

// `completion`: null for a crash.
Result<void> Recorder::complete(Pending& done, const Operation* completion) {
  Op& op = problems_[done.problem].ops[done.op];
  Value result;
  if (completion) {
    result = completion->value;
    if (keyed_ && !result.is_nil()) {
      if (!result.is_list() || result.size() != 2 || !(result[0] == problems_[done.problem].key))
        return Failure(at(Error{ErrorKind::bad_input, fmt::format("expected a [key value] tuple of key {}, not {}",
                                                                  to_edn(problems_[done.problem].key), to_edn(result))},
                          op.complete, *completion));
      result = Value(result[1]);
    }
  }
  auto call = model_.encode({done.invocation.f, done.argument, completion ? &result : nullptr, op.process}, values_);
  if (!call) return Failure(at(call.error(), op.invoke, done.invocation));
  if (*call)
    op.call = **call;
  else
    op.dropped = true;
  return {};
}

// The history was cut off at its beginning: the operation may have taken effect at any time before its completion.
Result<void> Recorder::completed_only(const Operation& completion) {
  const std::uint32_t index = next_index_ - 1;
  Value argument;
  auto problem = object(completion, argument);
  if (!problem) return Failure(at(problem.error(), index, completion));
  Op op;
  op.process = completion.process;
  op.complete_ns = completion.time_ns;
  op.complete = index;
  const std::uint32_t which = keyed_ ? keys_.at((*problem)->key) : 0;
  const auto number = static_cast<std::uint32_t>((*problem)->ops.size());
  (*problem)->ops.push_back(op);
  (*problem)->events.push_back({number, 1});
  early_[which].push_back({number, 0});
  ++operations_;
  Pending done{completion, std::move(argument), which, number};
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

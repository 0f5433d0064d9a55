// Generators that look at who asks: each-worker, reserve, limits of processes and of concurrency.

#include <fmt/format.h>

#include <map>
#include <set>

#include "workloads/wrapper.h"

namespace shaketable {
namespace {

class EachWorker final : public Generator {
 public:
  explicit EachWorker(std::function<GeneratorPtr(std::size_t)> make) : make_(std::move(make)) {}
  Turn next(Context& context) override {
    auto found = parts_.find(context.worker);
    if (found == parts_.end())
      found = parts_
                  .emplace(context.worker,
                           Part{make_(context.worker), context.random.fork(fmt::format("worker {}", context.worker))})
                  .first;
    // The worker asks, so nothing of its own is in flight; what others do is not its generator's business.
    Context own{context.now, context.worker, context.workers, 0, found->second.random, context.process};
    return found->second.generator->next(own);
  }
  void completed(Context& context, const Invocation& invocation, OpType type, const Value& value) override {
    const auto found = parts_.find(context.worker);
    if (found != parts_.end()) found->second.generator->completed(context, invocation, type, value);
  }
  bool wants_completions() const override { return true; }  // which ones will is not known yet

 private:
  struct Part {
    GeneratorPtr generator;
    Random random;
  };
  std::function<GeneratorPtr(std::size_t)> make_;
  std::map<std::size_t, Part> parts_;
};

class Reserve final : public Parts {
 public:
  Reserve(std::vector<std::size_t> counts, std::vector<GeneratorPtr> parts)
      : Parts(std::move(parts)), counts_(std::move(counts)), in_flight_(parts_.size(), 0) {}
  Turn next(Context& context) override {
    std::size_t part = 0, first = 0;
    while (part < counts_.size() && context.worker >= first + counts_[part]) first += counts_[part++];
    if (part == parts_.size()) return Turn::exhausted();  // workers beyond the last group, and no rest
    const std::size_t others = context.workers - std::min(context.workers, first);
    Context own{context.now,      context.worker, part < counts_.size() ? std::min(counts_[part], others) : others,
                in_flight_[part], context.random, context.process};
    Turn turn = parts_[part]->next(own);
    if (turn.kind == Turn::Kind::operation) {
      ++in_flight_[part];
      handed_out(context, part);
    }
    return turn;
  }
  bool wants_completions() const override { return true; }

 private:
  void ended(std::size_t part) override { --in_flight_[part]; }
  const std::vector<std::size_t> counts_;
  std::vector<std::size_t> in_flight_;
};

class ProcessLimit final : public Wrapper {
 public:
  ProcessLimit(std::size_t processes, GeneratorPtr inner) : Wrapper(std::move(inner)), processes_(processes) {}
  Turn next(Context& context) override {
    if (!seen_.contains(context.process) && seen_.size() == processes_) return Turn::exhausted();
    Turn turn = inner_->next(context);
    if (turn.kind == Turn::Kind::operation) seen_.insert(context.process);
    return turn;
  }

 private:
  const std::size_t processes_;
  std::set<std::int64_t> seen_;
};

class ConcurrencyLimit final : public Wrapper {
 public:
  ConcurrencyLimit(std::size_t operations, GeneratorPtr inner) : Wrapper(std::move(inner)), operations_(operations) {}
  Turn next(Context& context) override {
    if (workers_.size() >= operations_) return Turn::wait();
    Turn turn = inner_->next(context);
    if (turn.kind == Turn::Kind::operation) workers_.insert(context.worker);
    return turn;
  }
  void completed(Context& context, const Invocation& invocation, OpType type, const Value& value) override {
    workers_.erase(context.worker);
    Wrapper::completed(context, invocation, type, value);
  }
  bool wants_completions() const override { return true; }

 private:
  const std::size_t operations_;
  std::set<std::size_t> workers_;  // that have one in flight
};

}  // namespace

GeneratorPtr each_worker(std::function<GeneratorPtr(std::size_t)> make) {
  return std::make_unique<EachWorker>(std::move(make));
}

GeneratorPtr reserve(std::vector<std::pair<std::size_t, GeneratorPtr>> groups, GeneratorPtr rest) {
  std::vector<std::size_t> counts;
  std::vector<GeneratorPtr> parts;
  for (auto& [count, part] : groups) {
    counts.push_back(count);
    parts.push_back(std::move(part));
  }
  if (rest) parts.push_back(std::move(rest));
  return std::make_unique<Reserve>(std::move(counts), std::move(parts));
}

GeneratorPtr process_limit(std::size_t processes, GeneratorPtr inner) {
  return std::make_unique<ProcessLimit>(processes, std::move(inner));
}

GeneratorPtr concurrency_limit(std::size_t operations, GeneratorPtr inner) {
  return std::make_unique<ConcurrencyLimit>(operations, std::move(inner));
}

}  // namespace shaketable

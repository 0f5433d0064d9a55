// Generators that look at who asks and at what came of it: each-worker, reserve, limits, until-ok.

#include <fmt/format.h>

#include <deque>
#include <map>
#include <set>
#include <unordered_map>

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

class UntilOk final : public Generator {
 public:
  UntilOk(std::function<std::vector<Invocation>()> list, int attempts, Nanos pause)
      : list_(std::move(list)), attempts_(attempts), pause_(pause) {}

  Turn next(Context&) override {
    if (list_) {
      for (Invocation& invocation : list_()) ready_.push_back({std::move(invocation), Nanos(0)});
      list_ = nullptr;
    }
    if (ready_.empty()) return open_ > 0 ? Turn::wait() : Turn::exhausted();
    Attempt attempt = std::move(ready_.front());
    ready_.pop_front();
    ++open_;
    return Turn::operation(std::move(attempt.invocation), attempt.not_before);
  }

  void completed(Context& context, const Invocation& invocation, OpType type, const Value&) override {
    --open_;
    if (type == OpType::ok) {
      tried_.erase(invocation.value);
    } else if (++tried_[invocation.value] < attempts_) {
      ready_.push_back({invocation, context.now + pause_});
    }
  }
  bool wants_completions() const override { return true; }

 private:
  struct Attempt {
    Invocation invocation;
    Nanos not_before;
  };
  std::function<std::vector<Invocation>()> list_;
  const int attempts_;
  const Nanos pause_;
  std::deque<Attempt> ready_;
  std::unordered_map<Value, int, ValueHash> tried_;
  std::size_t open_ = 0;
};

class UntilFirstOk final : public Wrapper {
 public:
  UntilFirstOk(GeneratorPtr inner, Nanos pause) : Wrapper(std::move(inner)), pause_(pause) {}
  Turn next(Context& context) override {
    if (done_) return Turn::exhausted();
    Turn turn = inner_->next(context);
    if (turn.kind == Turn::Kind::operation) turn.at = std::max(turn.at, not_before_);
    return turn;
  }
  void completed(Context& context, const Invocation& invocation, OpType type, const Value& value) override {
    if (type == OpType::ok) done_ = true;
    not_before_ = context.now + pause_;
    Wrapper::completed(context, invocation, type, value);
  }
  bool wants_completions() const override { return true; }

 private:
  const Nanos pause_;
  Nanos not_before_{0};
  bool done_ = false;
};

class UntilAnswer final : public Wrapper {
 public:
  UntilAnswer(Value answer, int times, int troubles, GeneratorPtr inner)
      : Wrapper(std::move(inner)), answer_(std::move(answer)), times_(times), troubles_(troubles) {}
  Turn next(Context& context) override {
    return seen_ >= times_ || in_trouble_ >= troubles_ ? Turn::exhausted() : inner_->next(context);
  }
  void completed(Context& context, const Invocation& invocation, OpType type, const Value& value) override {
    if (type != OpType::ok)
      ++in_trouble_;
    else if (value == answer_)
      ++seen_;
    else
      in_trouble_ = 0;
    Wrapper::completed(context, invocation, type, value);
  }
  bool wants_completions() const override { return true; }

 private:
  const Value answer_;
  const int times_, troubles_;
  int seen_ = 0, in_trouble_ = 0;
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

GeneratorPtr until_ok(std::function<std::vector<Invocation>()> list, int attempts, Nanos pause) {
  return std::make_unique<UntilOk>(std::move(list), attempts, pause);
}

GeneratorPtr until_first_ok(GeneratorPtr inner, Nanos pause) {
  return std::make_unique<UntilFirstOk>(std::move(inner), pause);
}

GeneratorPtr until_answer(Value answer, int times, int troubles, GeneratorPtr inner) {
  return std::make_unique<UntilAnswer>(std::move(answer), times, troubles, std::move(inner));
}

}  // namespace shaketable

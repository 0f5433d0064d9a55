#include "workloads/generator.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <unordered_map>

namespace shaketable {
namespace {

// Passes everything on; the base of those that hold one other.
class Wrapper : public Generator {
 public:
  explicit Wrapper(GeneratorPtr inner) : inner_(std::move(inner)) {}
  void completed(Context& context, const Invocation& invocation, OpType type, const Value& value) override {
    inner_->completed(context, invocation, type, value);
  }
  bool wants_completions() const override { return inner_->wants_completions(); }

 protected:
  GeneratorPtr inner_;
};

class Repeat final : public Generator {
 public:
  explicit Repeat(std::function<Invocation(Context&)> make) : make_(std::move(make)) {}
  Turn next(Context& context) override { return Turn::operation(make_(context)); }

 private:
  std::function<Invocation(Context&)> make_;
};

class Sequence final : public Generator {
 public:
  explicit Sequence(std::vector<Invocation> invocations) : invocations_(std::move(invocations)) {}
  Turn next(Context&) override {
    if (at_ == invocations_.size()) return Turn::exhausted();
    return Turn::operation(invocations_[at_++]);
  }

 private:
  std::vector<Invocation> invocations_;
  std::size_t at_ = 0;
};

class Limit final : public Wrapper {
 public:
  Limit(std::uint64_t operations, GeneratorPtr inner) : Wrapper(std::move(inner)), left_(operations) {}
  Turn next(Context& context) override {
    if (left_ == 0) return Turn::exhausted();
    Turn turn = inner_->next(context);
    if (turn.kind == Turn::Kind::operation) --left_;
    return turn;
  }

 private:
  std::uint64_t left_;
};

class TimeLimit final : public Wrapper {
 public:
  TimeLimit(Nanos duration, GeneratorPtr inner) : Wrapper(std::move(inner)), duration_(duration) {}
  Turn next(Context& context) override {
    if (!end_) end_ = context.now + duration_;
    if (context.now >= *end_) return Turn::exhausted();
    Turn turn = inner_->next(context);
    if (turn.kind == Turn::Kind::operation && turn.at >= *end_) return Turn::exhausted();
    if (turn.kind == Turn::Kind::wait) turn.at = std::min(turn.at, *end_);
    return turn;
  }

 private:
  const Nanos duration_;
  std::optional<Nanos> end_;
};

class Stagger final : public Wrapper {
 public:
  Stagger(double per_second, GeneratorPtr inner) : Wrapper(std::move(inner)), mean_ns_(1e9 / per_second) {}
  Turn next(Context& context) override {
    constexpr Nanos kSlack = std::chrono::milliseconds(100);
    Turn turn = inner_->next(context);
    if (turn.kind != Turn::Kind::operation) return turn;
    at_ = at_ ? std::max(*at_, context.now - kSlack) : context.now;
    turn.at = std::max(turn.at, *at_);
    *at_ += Nanos(static_cast<std::int64_t>(2 * mean_ns_ * context.random.uniform()));
    return turn;
  }

 private:
  const double mean_ns_;
  std::optional<Nanos> at_;
};

class Mix final : public Generator {
 public:
  explicit Mix(std::vector<std::pair<double, GeneratorPtr>> choices) : choices_(std::move(choices)) {
    std::erase_if(choices_, [](const auto& choice) { return !(choice.first > 0); });
  }

  Turn next(Context& context) override {
    // Those that would wait are set aside for this question: one that waits must not hold up the others.
    std::vector<bool> waiting(choices_.size(), false);
    Nanos soonest = kNever;
    while (true) {
      double total = 0;
      for (std::size_t i = 0; i < choices_.size(); ++i)
        if (!waiting[i]) total += choices_[i].first;
      if (!(total > 0)) return choices_.empty() ? Turn::exhausted() : Turn::wait(soonest);
      double draw = context.random.uniform() * total;
      std::size_t chosen = choices_.size();
      for (std::size_t i = 0; i < choices_.size(); ++i) {
        if (waiting[i]) continue;
        chosen = i;
        if (draw < choices_[i].first) break;
        draw -= choices_[i].first;
      }
      Turn turn = choices_[chosen].second->next(context);
      if (turn.kind == Turn::Kind::operation) return turn;
      if (turn.kind == Turn::Kind::wait) {
        waiting[chosen] = true;
        soonest = std::min(soonest, turn.at);
      } else {
        done_.push_back(std::move(choices_[chosen].second));
        choices_.erase(choices_.begin() + static_cast<std::ptrdiff_t>(chosen));
        waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(chosen));
      }
    }
  }

  void completed(Context& context, const Invocation& invocation, OpType type, const Value& value) override {
    for (auto& choice : choices_) choice.second->completed(context, invocation, type, value);
    for (auto& choice : done_) choice->completed(context, invocation, type, value);
  }
  bool wants_completions() const override {
    return std::any_of(choices_.begin(), choices_.end(), [](const auto& c) { return c.second->wants_completions(); });
  }

 private:
  std::vector<std::pair<double, GeneratorPtr>> choices_;
  std::vector<GeneratorPtr> done_;
};

class Phases final : public Generator {
 public:
  explicit Phases(std::vector<GeneratorPtr> parts) : parts_(std::move(parts)) {}
  Turn next(Context& context) override {
    while (at_ < parts_.size()) {
      Turn turn = parts_[at_]->next(context);
      if (turn.kind != Turn::Kind::exhausted) return turn;
      if (at_ + 1 == parts_.size()) return turn;
      if (context.in_flight > 0) return Turn::wait();
      ++at_;
    }
    return Turn::exhausted();
  }
  void completed(Context& context, const Invocation& invocation, OpType type, const Value& value) override {
    if (at_ < parts_.size()) parts_[at_]->completed(context, invocation, type, value);
  }
  bool wants_completions() const override { return true; }

 private:
  std::vector<GeneratorPtr> parts_;
  std::size_t at_ = 0;
};

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
    Context own{context.now, context.worker, context.workers, context.in_flight, found->second.random};
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

class PerKey final : public Generator {
 public:
  PerKey(std::size_t active, std::uint64_t operations_per_key, std::function<GeneratorPtr(std::int64_t)> make,
         std::shared_ptr<KeyCount> count, KeyPicker picker)
      : operations_per_key_(operations_per_key),
        make_(std::move(make)),
        count_(std::move(count)),
        picker_(std::move(picker)),
        keys_(active) {
    for (Key& key : keys_) renew(key);
  }

  Turn next(Context& context) override {
    // A key whose generator has nothing more gives way to a new one; several new ones in a row without anything would
    // be a generator that never has anything.
    for (int attempt = 0; attempt < 8; ++attempt) {
      Key& key = keys_[picker_.pick(context.random, keys_.size())];
      Turn turn = key.generator->next(context);
      if (turn.kind == Turn::Kind::wait) return turn;
      const std::int64_t number = key.number;
      if (turn.kind == Turn::Kind::exhausted || --key.left == 0) renew(key);
      if (turn.kind == Turn::Kind::exhausted) continue;
      turn.invocation.value = Value::list({number, std::move(turn.invocation.value)});
      return turn;
    }
    return Turn::exhausted();
  }

 private:
  struct Key {
    std::int64_t number = 0;
    std::uint64_t left = 0;
    GeneratorPtr generator;
  };
  void renew(Key& key) {
    key.number = count_->used++;
    key.left = operations_per_key_;
    key.generator = make_(key.number);
  }

  const std::uint64_t operations_per_key_;
  std::function<GeneratorPtr(std::int64_t)> make_;
  std::shared_ptr<KeyCount> count_;
  KeyPicker picker_;
  std::vector<Key> keys_;
};

}  // namespace

GeneratorPtr repeat(std::function<Invocation(Context&)> make) {
  return std::make_unique<Repeat>(std::move(make));
}

GeneratorPtr sequence(std::vector<Invocation> invocations) {
  return std::make_unique<Sequence>(std::move(invocations));
}

GeneratorPtr limit(std::uint64_t operations, GeneratorPtr inner) {
  return std::make_unique<Limit>(operations, std::move(inner));
}

GeneratorPtr time_limit(Nanos duration, GeneratorPtr inner) {
  return std::make_unique<TimeLimit>(duration, std::move(inner));
}

GeneratorPtr stagger(double per_second, GeneratorPtr inner) {
  return std::make_unique<Stagger>(per_second, std::move(inner));
}

GeneratorPtr mix(std::vector<std::pair<double, GeneratorPtr>> choices) {
  return std::make_unique<Mix>(std::move(choices));
}

GeneratorPtr phases(std::vector<GeneratorPtr> parts) {
  return std::make_unique<Phases>(std::move(parts));
}

GeneratorPtr each_worker(std::function<GeneratorPtr(std::size_t)> make) {
  return std::make_unique<EachWorker>(std::move(make));
}

GeneratorPtr until_ok(std::function<std::vector<Invocation>()> list, int attempts, Nanos pause) {
  return std::make_unique<UntilOk>(std::move(list), attempts, pause);
}

GeneratorPtr per_key(std::size_t active, std::uint64_t operations_per_key,
                     std::function<GeneratorPtr(std::int64_t)> make, std::shared_ptr<KeyCount> count,
                     KeyPicker picker) {
  return std::make_unique<PerKey>(active, operations_per_key, std::move(make), std::move(count), std::move(picker));
}

}  // namespace shaketable

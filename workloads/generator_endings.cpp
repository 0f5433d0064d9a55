// Generators that look at what came of their operations: until-ok, until-answer, until, retry, answers.

#include <algorithm>
#include <deque>
#include <set>
#include <unordered_map>

#include "workloads/wrapper.h"

namespace shaketable {
namespace {

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

class Until final : public Wrapper {
 public:
  Until(std::vector<Ending> endings, GeneratorPtr inner)
      : Wrapper(std::move(inner)), endings_(std::move(endings)), rows_(endings_.size(), 0) {}
  Turn next(Context& context) override { return over_ ? Turn::exhausted() : inner_->next(context); }
  void completed(Context& context, const Invocation& invocation, OpType type, const Value& value) override {
    for (std::size_t i = 0; i < endings_.size(); ++i) {
      const Ending& ending = endings_[i];
      if (!any_or_among(ending.functions, invocation.f)) continue;
      const bool so = any_or_among(ending.types, type) && (!ending.answer || value == *ending.answer);
      rows_[i] = so ? rows_[i] + 1 : 0;
      over_ = over_ || rows_[i] >= ending.in_a_row;
    }
    Wrapper::completed(context, invocation, type, value);
  }
  bool wants_completions() const override { return true; }

 private:
  template <class T>
  static bool any_or_among(const std::vector<T>& all, const T& one) {
    return all.empty() || std::find(all.begin(), all.end(), one) != all.end();
  }
  const std::vector<Ending> endings_;
  std::vector<int> rows_;
  bool over_ = false;
};

class Retry final : public Wrapper {
 public:
  Retry(int attempts, GeneratorPtr inner) : Wrapper(std::move(inner)), attempts_(attempts) {}

  Turn next(Context& context) override {
    if (!again_.empty()) {
      Invocation invocation = std::move(again_.front());
      again_.pop_front();
      ours_.insert(context.worker);
      ++open_;
      return Turn::operation(std::move(invocation));
    }
    Turn turn = inner_->next(context);
    if (turn.kind == Turn::Kind::operation) ++open_;
    return turn.kind == Turn::Kind::exhausted && open_ > 0 ? Turn::wait() : turn;
  }
  void completed(Context& context, const Invocation& invocation, OpType type, const Value& value) override {
    --open_;
    const Value what = Value::list({invocation.f.text(), invocation.value});
    if (type == OpType::info && ++tried_[what] < attempts_)
      again_.push_back(invocation);
    else
      tried_.erase(what);
    // What was asked for again here was told to the inner one when it ended for the first time.
    if (ours_.erase(context.worker) == 0) Wrapper::completed(context, invocation, type, value);
  }
  bool wants_completions() const override { return true; }

 private:
  const int attempts_;
  std::deque<Invocation> again_;
  std::unordered_map<Value, int, ValueHash> tried_;
  std::set<std::size_t> ours_;  // workers with a repetition in flight
  std::size_t open_ = 0;
};

class Answers final : public Wrapper {
 public:
  Answers(std::function<void(const Value&)> take, GeneratorPtr inner)
      : Wrapper(std::move(inner)), take_(std::move(take)) {}
  Turn next(Context& context) override { return inner_->next(context); }
  void completed(Context& context, const Invocation& invocation, OpType type, const Value& value) override {
    if (type == OpType::ok) take_(value);
    Wrapper::completed(context, invocation, type, value);
  }
  bool wants_completions() const override { return true; }

 private:
  std::function<void(const Value&)> take_;
};

}  // namespace

GeneratorPtr until_ok(std::function<std::vector<Invocation>()> list, int attempts, Nanos pause) {
  return std::make_unique<UntilOk>(std::move(list), attempts, pause);
}

GeneratorPtr until_first_ok(GeneratorPtr inner, Nanos pause) {
  return std::make_unique<UntilFirstOk>(std::move(inner), pause);
}

GeneratorPtr until_answer(Value answer, int times, int troubles, GeneratorPtr inner) {
  return std::make_unique<UntilAnswer>(std::move(answer), times, troubles, std::move(inner));
}

GeneratorPtr until(std::vector<Ending> endings, GeneratorPtr inner) {
  return std::make_unique<Until>(std::move(endings), std::move(inner));
}

GeneratorPtr retry(int attempts, GeneratorPtr inner) {
  return std::make_unique<Retry>(attempts, std::move(inner));
}

GeneratorPtr answers(std::function<void(const Value&)> take, GeneratorPtr inner) {
  return std::make_unique<Answers>(std::move(take), std::move(inner));
}

}  // namespace shaketable
